"""What time makes of a rental that does not come back: overdue, then bought; and how a purchase is undone."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.rental.domain.disputing import lapsed
from services.rental.domain.ending import rerated, returned_at
from services.rental.domain.facts import FactKind
from services.rental.domain.fares import Pricing, fare, itemised_at, total_minor
from services.rental.domain.moments import Moment
from services.rental.domain.refusals import payment_under_way, return_out_of_bounds, step_not_allowed
from services.rental.domain.rentals import Change, Rental, changed
from services.rental.domain.states import DisputeState, FollowUp, PaymentStatus, Step
from services.values.errors import Refusal
from services.values.money import Money

_MINUTE = timedelta(minutes=1)


def time_passed(rental: Rental, pricing: Pricing, moment: Moment) -> Change | None:
    """What is due at `wake_at`: the rental is overdue, is bought, or its dispute has lapsed. None before."""
    if rental.wake_at is None or rental.started_at is None or moment.now < rental.wake_at:
        return None
    if rental.dispute is not None and rental.dispute.state is DisputeState.OPEN:
        return lapsed(rental, pricing, moment)
    end = _end_of_patience(rental, rental.started_at, pricing)
    if moment.now < end:
        return changed(rental, overdue_at=rental.overdue_at or moment.now, wake_at=end)
    if rental.kind.silence.then is Step.LOSE:
        return _lost(rental, pricing, end, moment)
    nothing = Money(rental.currency, 0)
    return returned_at(rental, end, pricing, moment, nothing)


def lost(rental: Rental, pricing: Pricing, moment: Moment) -> Change | Refusal:
    """The renter or the partner says that it is gone: bought now. RENTAL_STEP_NOT_ALLOWED in any other state."""
    return _lost(rental, pricing, moment.now, moment) if rental.can(Step.LOSE) else step_not_allowed(rental.state)


def found(rental: Rental, pricing: Pricing, at: datetime | None, moment: Moment) -> Change | Refusal:
    """What was bought is there again: LOST → RETURNED, the purchase undone, the fare until it was back.

    `at` is when it was back, if that is known, and at the latest when it was bought.
    Refusals: RENTAL_STEP_NOT_ALLOWED, RETURN_OUT_OF_BOUNDS, PAYMENT_UNDER_WAY.
    """
    if not rental.can(Step.FIND) or rental.ended_at is None or rental.started_at is None:
        return step_not_allowed(rental.state)
    end = rental.ended_at if at is None else at
    if not rental.started_at <= end <= rental.ended_at:
        return return_out_of_bounds(rental.started_at, rental.ended_at)
    if rental.follow_up is not FollowUp.NONE:
        return payment_under_way()
    return rerated(rental, pricing, end, moment, state=rental.after(Step.FIND))


def _end_of_patience(rental: Rental, started_at: datetime, pricing: Pricing) -> datetime:
    """When it is bought, or over: at the kind's time, or as soon as the fare has reached what the thing costs."""
    silence = rental.kind.silence
    first, last, total = 0, silence.after // _MINUTE, total_minor(rental, pricing.terms)
    while silence.then is Step.LOSE and first < last:
        middle = (first + last) // 2
        reached = fare(rental, pricing, started_at + middle * _MINUTE).amount_minor >= total
        first, last = (first, middle) if reached else (middle + 1, last)
    return started_at + last * _MINUTE


def _lost(rental: Rental, pricing: Pricing, at: datetime, moment: Moment) -> Change:
    """LOST: the fare, and what the thing costs less the fare, of which deposits charges what its limit leaves."""
    itemised = itemised_at(rental, pricing, at)
    left = total_minor(rental, pricing.terms) - itemised.total.amount_minor
    return changed(
        rental,
        rental.fact(FactKind.RENTAL_LOST, at, at),
        state=rental.after(Step.LOSE),
        payment_status=PaymentStatus.DUE,
        charge=itemised.total,
        usage=pricing.usage,
        pass_used=itemised.pass_used,
        purchase=Money(rental.currency, max(0, left)),
        ended_at=at,
        charged_at=moment.now,
        wake_at=None,
        follow_up=FollowUp.SETTLE,
        follow_up_at=moment.lease_until,
    )
