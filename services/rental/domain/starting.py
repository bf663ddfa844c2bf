"""How a REQUESTED rental becomes ACTIVE or CANCELLED. A decision gives a change, or None when nothing is to be done."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from services.rental.domain.facts import FactKind
from services.rental.domain.moments import Moment
from services.rental.domain.refusals import CALLER_CANCELLED, NOT_ACTIVE_IN_TIME, start_refusal
from services.rental.domain.rentals import Change, ClosedBy, Rental, Security, changed
from services.rental.domain.states import OVER, DepositState, FollowUp, RentalState, Step
from services.values.errors import Refusal


class AssuranceLevel(StrEnum):
    """On what grounds a person is believed (`freehold.identity.v1.AssuranceLevel`); for deposits to judge."""

    CLAIMED = "CLAIMED"
    DOCUMENT_CHECKED = "DOCUMENT_CHECKED"
    FACE_CHECKED = "FACE_CHECKED"


@dataclass(frozen=True, slots=True)
class Standing:
    """What identity says about a person at a partner, read in this very batch."""

    verified: bool
    linked: bool
    old_enough: bool
    scoring_consent: bool
    assurance: AssuranceLevel | None = None

    @property
    def objection(self) -> str | None:
        """Why the person may not rent, if so. The link comes first: a stranger's app learns nothing else."""
        if not self.linked:
            return "RENTER_NOT_LINKED"
        if not self.verified:
            return "RENTER_NOT_VERIFIED"
        return None if self.old_enough else "RENTER_TOO_YOUNG"


def start_answer(rental: Rental) -> Rental | Refusal:
    """What StartRental answers for a rental, at first and on every replay: the rental, or why it did not come about."""
    if rental.state is not RentalState.CANCELLED or rental.cancel_reason == CALLER_CANCELLED:
        return rental
    metadata = {"rental_id": str(rental.rental_id)}
    if rental.security is not None and rental.security.decline_code:
        metadata["decline_code"] = rental.security.decline_code
    return start_refusal(rental.cancel_reason, metadata)


def secured(rental: Rental, security: Security, moment: Moment) -> Change | None:
    """Deposits has answered: ACTIVE when waived or held in time, CANCELLED when declined, else still waiting."""
    if rental.state is not RentalState.REQUESTED:
        return None
    if security.state is DepositState.DECLINED:
        return cancelled(rental, "PAYMENT_DECLINED", moment, security)
    if security.state in OVER or moment.wall >= rental.activate_by:
        return cancelled(rental, NOT_ACTIVE_IN_TIME, moment, security)
    if security.amount.currency != rental.currency:
        return cancelled(rental, "CURRENCY_MISMATCH", moment, security)
    if security.state is DepositState.PENDING:
        known = rental.security == security
        return None if known else changed(rental, security=security, follow_up_at=moment.recheck_at)
    return _activated(rental, security, moment)


def refused(rental: Rental, reason: str, moment: Moment) -> Change | None:
    """Identity or deposits will not have it: CANCELLED for that reason, which every replay repeats."""
    return cancelled(rental, reason, moment) if rental.state is RentalState.REQUESTED else None


def expired(rental: Rental, moment: Moment) -> Change | None:
    """Not ACTIVE by `activate_by` → CANCELLED: nobody is billed for a bike that unlocks minutes late."""
    if rental.state is not RentalState.REQUESTED or moment.wall < rental.activate_by:
        return None
    return cancelled(rental, NOT_ACTIVE_IN_TIME, moment)


def cancelled(
    rental: Rental, reason: str, moment: Moment, security: Security | None = None, closed_by: ClosedBy | None = None
) -> Change:
    """CANCELLED, with the deposit to be cancelled too unless it is over."""
    known = security or rental.security
    over = known is not None and known.state in OVER
    return changed(
        rental,
        state=rental.after(Step.CANCEL),
        security=known,
        cancelled_at=moment.now,
        cancel_reason=reason,
        wake_at=None,
        closed_by=closed_by,
        follow_up=FollowUp.NONE if over else FollowUp.CANCEL,
        follow_up_at=None if over else moment.lease_until,
    )


def _activated(rental: Rental, security: Security, moment: Moment) -> Change:
    return changed(
        rental,
        rental.fact(FactKind.RENTAL_STARTED, moment.now),
        state=rental.after(Step.ACTIVATE),
        security=security,
        started_at=moment.now,
        due_at=moment.now + rental.kind.late_after,
        wake_at=moment.now + rental.kind.late_after,
        follow_up=FollowUp.NONE,
        follow_up_at=None,
    )
