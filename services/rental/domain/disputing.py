"""A renter says "I returned it, but it keeps billing": that stops the clock at once, and the partner has to answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from services.rental.domain.ending import rerated, returned_at
from services.rental.domain.fares import Pricing
from services.rental.domain.moments import Moment
from services.rental.domain.refusals import (
    payment_under_way,
    return_already_disputed,
    return_not_disputed,
    return_out_of_bounds,
    step_not_allowed,
)
from services.rental.domain.rentals import Change, Dispute, Rental, changed
from services.rental.domain.states import RUNNING, DisputeState, FollowUp, RentalState, Step
from services.values.errors import Refusal

BACK_DATED_AT_MOST = timedelta(hours=48)
"""How long before the report, or before the end that is disputed, the thing may be said to have been back."""
REPORTED_WITHIN = timedelta(days=30)
"""For how long after a rental its end can be disputed."""
ANSWERED_WITHIN = timedelta(days=7)
"""A dispute that the partner has not answered by then stands as the renter told it."""
_ASK_AGAIN = timedelta(minutes=1)


def return_reported(
    rental: Rental, claimed_end_at: datetime | None, evidence: Sequence[str], moment: Moment
) -> Change | Refusal:
    """Stops the clock of a running rental (→ DISPUTED), or disputes when an ended one ended; once per rental.

    Refusals: RENTAL_STEP_NOT_ALLOWED, RETURN_ALREADY_DISPUTED, RETURN_OUT_OF_BOUNDS (with the bounds).
    """
    if rental.started_at is None or not _disputable(rental, moment.now):
        return step_not_allowed(rental.state)
    if rental.dispute is not None:
        return return_already_disputed()
    latest = rental.ended_at or moment.now
    earliest = max(rental.started_at, latest - BACK_DATED_AT_MOST)
    claimed = latest if claimed_end_at is None else claimed_end_at
    if not earliest <= claimed <= latest:
        return return_out_of_bounds(earliest, latest)
    change = changed(
        rental,
        state=rental.after(Step.DISPUTE) if rental.state in RUNNING else rental.state,
        dispute=Dispute(DisputeState.OPEN, moment.now, claimed),
        wake_at=moment.now + ANSWERED_WITHIN,
    )
    return replace(change, told={"claimed_end_at": claimed.isoformat(), "evidence": list(evidence)})


def return_accepted(
    rental: Rental, pricing: Pricing, moment: Moment, state: DisputeState = DisputeState.ACCEPTED
) -> Change | Refusal:
    """It was back when the renter said: ended then, and rated anew if it was ended or bought before.

    Refusals: RETURN_NOT_DISPUTED, PAYMENT_UNDER_WAY.
    """
    dispute = rental.dispute
    if dispute is None or dispute.state is not DisputeState.OPEN:
        return return_not_disputed()
    settled = replace(dispute, state=state)
    end = dispute.claimed_end_at
    if rental.state is RentalState.DISPUTED:
        return returned_at(rental, end, pricing, moment, dispute=settled)
    if rental.follow_up is not FollowUp.NONE:
        return payment_under_way()
    after = rental.after(Step.FIND) if rental.state is RentalState.LOST else rental.state
    return rerated(rental, pricing, end, moment, state=after, dispute=settled, wake_at=None)


def return_refused(rental: Rental) -> Change | Refusal:
    """It was not back: the clock goes on as if it had never stopped. RETURN_NOT_DISPUTED when nothing is open."""
    dispute = rental.dispute
    if dispute is None or dispute.state is not DisputeState.OPEN:
        return return_not_disputed()
    goes_on = rental.state is RentalState.DISPUTED
    return changed(
        rental,
        state=rental.after(Step.REFUSE) if goes_on else rental.state,
        dispute=replace(dispute, state=DisputeState.REFUSED),
        wake_at=rental.due_at if goes_on else None,
    )


def lapsed(rental: Rental, pricing: Pricing, moment: Moment) -> Change:
    """Nobody answered in time: accepted; while a payment is under way it is looked at again."""
    change = return_accepted(rental, pricing, moment, DisputeState.LAPSED)
    return changed(rental, wake_at=moment.now + _ASK_AGAIN) if isinstance(change, Refusal) else change


def _disputable(rental: Rental, now: datetime) -> bool:
    if (RentalState.ACTIVE, Step.DISPUTE) not in rental.kind.machine:
        return False
    if rental.ended_at is not None:
        return now - rental.ended_at <= REPORTED_WITHIN
    return rental.state in RUNNING or rental.state is RentalState.DISPUTED
