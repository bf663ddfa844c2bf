"""How a rental ends: cancelled by the caller, or returned, priced, paid and settled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from services.rental.domain.facts import Fact, FactKind
from services.rental.domain.fares import Pricing, charged_minor, itemised_at
from services.rental.domain.ids import RentalId
from services.rental.domain.moments import Moment
from services.rental.domain.pricing import NO_USAGE, Usage
from services.rental.domain.refusals import (
    CALLER_CANCELLED,
    HOLD_EXPIRED,
    rental_not_active,
    rental_not_cancellable,
    request_id_reused,
)
from services.rental.domain.rentals import Change, ClosedBy, Closing, Rental, changed
from services.rental.domain.starting import cancelled
from services.rental.domain.states import (
    CHARGED,
    OVER,
    DepositState,
    DisputeState,
    FollowUp,
    PaymentStatus,
    RentalState,
    Step,
)
from services.values.errors import Refusal
from services.values.money import Money

_DONE: Mapping[str, Any] = {"follow_up": FollowUp.NONE, "follow_up_at": None}


@dataclass(frozen=True, slots=True)
class Settlement:
    """How far deposits has come with the deposit and the charge; `purchase_minor` is what of a purchase was charged."""

    deposit_state: DepositState
    payment_status: PaymentStatus
    purchase_minor: int = 0


@dataclass(frozen=True, slots=True)
class DepositEvent:
    """The same, told by deposits when it changes; events of one rental are ordered by `occurred_at`.

    `hold_expired`: the processor holds nothing any more (`hold.expired`).
    """

    event_id: str
    rental_id: RentalId
    settlement: Settlement
    occurred_at: datetime
    hold_expired: bool = False


def returned(
    rental: Rental, closed_by: ClosedBy, pricing: Pricing, moment: Moment, told_charge: Money | None = None
) -> Change | None:
    """Priced, the asset free, the charge due. None from a state without this step.

    `told_charge` is what the partner says it costs, where the partner says it (`check_told_charge`). Whoever ends what
    is disputed says that the renter was right.
    """
    if not rental.can(Step.RETURN) or rental.started_at is None:
        return None
    dispute, ended_at = rental.dispute, max(moment.now, rental.started_at)
    if rental.state is RentalState.DISPUTED and dispute is not None:
        ended_at, dispute = dispute.claimed_end_at, replace(dispute, state=DisputeState.ACCEPTED)
    return returned_at(rental, ended_at, pricing, moment, told_charge, closed_by=closed_by, dispute=dispute)


def returned_at(
    rental: Rental,
    ended_at: datetime,
    pricing: Pricing,
    moment: Moment,
    told_charge: Money | None = None,
    **fields: Any,
) -> Change:
    """→ RETURNED at a time, for what the plan says or for what was told."""
    itemised = itemised_at(rental, pricing, ended_at)
    charge = told_charge or itemised.total
    return changed(
        rental,
        rental.fact(return_kind(rental, ended_at), ended_at, ended_at),
        state=rental.after(Step.RETURN),
        payment_status=PaymentStatus.DUE if charge.amount_minor else PaymentStatus.NONE,
        charge=charge,
        usage=pricing.usage,
        pass_used=itemised.pass_used,
        ended_at=ended_at,
        charged_at=moment.now,
        wake_at=None,
        follow_up=FollowUp.SETTLE,
        follow_up_at=moment.lease_until,
        **fields,
    )


def rerated(rental: Rental, pricing: Pricing, ended_at: datetime, moment: Moment, **fields: Any) -> Change:
    """An ended rental that ended earlier than was thought: what it costs less is taken back by deposits, never more.

    What scoring was told is taken back where it was not so: that the thing was lost, or came back late.
    """
    if rental.charge is None:
        raise ValueError("only a rental that has ended is rated anew")
    itemised = itemised_at(rental, pricing, ended_at)
    charge = min(rental.charge, itemised.total, key=lambda money: money.amount_minor)
    purchase_minor = rental.purchase.amount_minor if rental.purchase else 0
    return changed(
        rental,
        *_facts_put_right(rental, ended_at),
        charge=charge,
        pass_used=itemised.pass_used,
        purchase=None,
        ended_at=ended_at,
        credit=Money(rental.currency, rental.charge.amount_minor - charge.amount_minor + purchase_minor),
        credit_purchase_minor=purchase_minor,
        corrections=rental.corrections + 1,
        follow_up=FollowUp.CORRECT,
        follow_up_at=moment.lease_until,
        **fields,
    )


def _facts_put_right(rental: Rental, ended_at: datetime) -> tuple[Fact, ...]:
    was_lost = rental.state is RentalState.LOST
    told = FactKind.RENTAL_LOST if was_lost or rental.ended_at is None else return_kind(rental, rental.ended_at)
    now = return_kind(rental, ended_at)
    if told is now:
        return ()
    taken_back = replace(rental.fact(told, rental.ended_at or ended_at), withdrawn=True)
    return taken_back, replace(rental.fact(now, ended_at, ended_at), again=not was_lost)


def return_kind(rental: Rental, ended_at: datetime) -> FactKind:
    """Whether a return then is on time or late."""
    late = rental.started_at is not None and ended_at - rental.started_at > rental.kind.late_after
    return FactKind.RENTAL_RETURNED_LATE if late else FactKind.RENTAL_RETURNED_ON_TIME


def caller_cancelled(rental: Rental, closed_by: ClosedBy, moment: Moment) -> Change | None:
    """REQUESTED, or ACTIVE for less than the grace time → CANCELLED. None in any other state."""
    too_late = rental.started_at is not None and moment.now - rental.started_at >= moment.timing.grace
    if too_late or not rental.can(Step.CANCEL):
        return None
    return cancelled(rental, CALLER_CANCELLED, moment, closed_by=closed_by)


def close_answer(
    rental: Rental, closed_by: ClosedBy, usage: Usage = NO_USAGE, told_charge: Money | None = None
) -> Rental | Refusal:
    """What EndRental and CancelRental answer, at first and on every replay: the rental if this command closed it.

    Else RENTAL_NOT_ACTIVE or RENTAL_NOT_CANCELLABLE, with the state; REQUEST_ID_REUSED when the same id told of
    another usage or charge.
    """
    if rental.closed_by == closed_by:
        same = rental.usage == usage and told_charge in (None, rental.charge)
        return rental if same else request_id_reused()
    not_so = rental_not_active if closed_by.closing is Closing.END else rental_not_cancellable
    return not_so(rental.state)


def settled(rental: Rental, settlement: Settlement, moment: Moment) -> Change | None:
    """Deposits' answer to the charge. None when an event has overtaken it: events know more."""
    if rental.follow_up is not FollowUp.SETTLE:
        return None
    bought = rental.purchase and Money(rental.currency, settlement.purchase_minor)
    return _paid(rental, settlement, moment.now, purchase=bought, **_DONE)


def corrected(rental: Rental, settlement: Settlement, moment: Moment) -> Change | None:
    """Deposits' answer to a correction of the charge."""
    if rental.follow_up is not FollowUp.CORRECT:
        return None
    return _paid(rental, settlement, moment.now, credit=None, credit_purchase_minor=0, **_DONE)


def deposit_cancelled(rental: Rental, state: DepositState) -> Change | None:
    """Deposits' answer to the cancellation of a rental."""
    if rental.follow_up is not FollowUp.CANCEL:
        return None
    security = rental.security and replace(rental.security, state=state)
    return changed(rental, security=security, **_DONE)


def told(rental: Rental, event: DepositEvent, moment: Moment) -> Change | None:
    """An event of deposits: applied unless a later one was. A REQUESTED rental waits for its own answer instead.

    A hold that expired closes the hand-over: what was not handed over yet is cancelled.
    """
    stale = rental.deposit_event_at is not None and event.occurred_at < rental.deposit_event_at
    if event.hold_expired and rental.state is RentalState.REQUESTED:
        return cancelled(rental, HOLD_EXPIRED, moment)
    if stale or rental.state in (RentalState.REQUESTED, RentalState.SETTLED):
        return None
    at = event.occurred_at
    if rental.state in CHARGED:
        done = _DONE if _taken_up(rental, event.settlement) else {}
        return _paid(rental, event.settlement, at, deposit_event_at=at, **done)
    state = event.settlement.deposit_state
    done = _DONE if state in OVER and rental.state is RentalState.CANCELLED else {}
    security = rental.security and replace(rental.security, state=state)
    return changed(rental, security=security, deposit_event_at=at, **done)


def _taken_up(rental: Rental, settlement: Settlement) -> bool:
    """Whether deposits knows of the charge already, so that it need not be asked; what it took of a purchase it is."""
    if rental.follow_up is not FollowUp.SETTLE or rental.purchase is not None:
        return False
    if _owes(rental):
        return settlement.payment_status is not PaymentStatus.NONE
    return settlement.deposit_state is DepositState.CLOSED


def _owes(rental: Rental) -> bool:
    return charged_minor(rental) > 0


PAID_LATE_AFTER = timedelta(hours=24)
"""A charge that was paid so long after it was known was paid late."""


def _paid(rental: Rental, settlement: Settlement, at: datetime, **fields: Any) -> Change:
    """With the payment moved on; RETURNED → SETTLED once the deposit is closed and all is paid. PAID stays PAID."""
    status = _status(rental, settlement.payment_status)
    paid = settlement.deposit_state is DepositState.CLOSED and status in (PaymentStatus.PAID, PaymentStatus.NONE)
    over = paid and rental.can(Step.SETTLE) and fields.get("follow_up", rental.follow_up) is not FollowUp.CORRECT
    first_failure = status is PaymentStatus.FAILED and rental.payment_failed_at is None
    return changed(
        rental,
        *_payment_facts(rental, status, at),
        state=rental.after(Step.SETTLE) if over else rental.state,
        payment_status=status,
        payment_failed_at=at if first_failure else rental.payment_failed_at,
        security=rental.security and replace(rental.security, state=settlement.deposit_state),
        **fields,
    )


def _status(rental: Rental, told: PaymentStatus) -> PaymentStatus:
    """What is paid stays paid; what costs nothing any more, since it was put right, is owed no more."""
    if rental.payment_status is PaymentStatus.PAID:
        return PaymentStatus.PAID
    if not _owes(rental):
        return PaymentStatus.NONE
    return rental.payment_status if told is PaymentStatus.NONE else told


def _payment_facts(rental: Rental, status: PaymentStatus, at: datetime) -> tuple[Fact, ...]:
    if status is PaymentStatus.FAILED and rental.payment_failed_at is None:
        return (rental.fact(FactKind.PAYMENT_FAILED, at),)
    if status is PaymentStatus.WRITTEN_OFF and rental.payment_status is not PaymentStatus.WRITTEN_OFF:
        return (rental.fact(FactKind.PAYMENT_WRITTEN_OFF, at),)
    if status is PaymentStatus.NONE and rental.payment_failed_at is not None:
        return (rental.fact(FactKind.PAYMENT_CURED, at),)
    if status is PaymentStatus.PAID and rental.payment_status is not PaymentStatus.PAID:
        return (rental.fact(_paid_how(rental, at), at),)
    return ()


def _paid_how(rental: Rental, at: datetime) -> FactKind:
    """What failed or was given up is cured; what was merely owed for over a day is late."""
    if rental.payment_failed_at is not None or rental.payment_status is PaymentStatus.WRITTEN_OFF:
        return FactKind.PAYMENT_CURED
    late = rental.charged_at is not None and at - rental.charged_at > PAID_LATE_AFTER
    return FactKind.PAYMENT_LATE if late else FactKind.PAYMENT_ON_TIME
