"""Overdue, lost, found, disputed: what it costs, when it happens, and what is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from rental_kit import NOON, PRICING, a_rental, a_security, after, moment

from services.rental.domain import (
    KINDS,
    AssetKind,
    Change,
    ClosedBy,
    Closing,
    DepositState,
    DisputeState,
    EventKind,
    FactKind,
    FollowUp,
    PaymentStatus,
    PriceSegment,
    PriceTerms,
    Pricing,
    Rental,
    RentalState,
    Settlement,
    corrected,
    found,
    lost,
    paused,
    resumed,
    return_accepted,
    return_refused,
    return_reported,
    returned,
    secured,
    settled,
    time_passed,
)
from services.values.errors import Refusal
from services.values.money import Money

BANK = Pricing(PriceTerms("CNY", 0, (PriceSegment(0, 0, 300, 60),), 2000))
"""¥3 an hour, ¥20 a day: a power bank is worth ¥99, which is reached within the fifth day."""
CHEAP = Pricing(PriceTerms("CNY", 0, (PriceSegment(0, 0, 150, 60 * 24),), 0))
PAID = Settlement(DepositState.CLOSED, PaymentStatus.PAID)


def running(kind: AssetKind = AssetKind.POWER_BANK) -> Rental:
    rental = a_rental(asset_kind=kind)
    return after(secured(rental, a_security(rental, DepositState.HELD), moment()))


def ended(hours: float = 10, kind: AssetKind = AssetKind.POWER_BANK, paid: bool = True) -> Rental:
    over = after(returned(running(kind), ClosedBy(Closing.END, "e"), BANK, at(hours=hours)))
    return after(settled(over, PAID, at(hours=hours))) if paid else over


def bought(pricing: Pricing = CHEAP, hours: float = 24 * 6, took: int = 9900) -> Rental:
    rental = after(lost(running(), pricing, at(hours=hours)))
    return after(settled(rental, replace(PAID, purchase_minor=took), at(hours=hours)))


def at(**later: float) -> object:
    return moment(now=NOON + timedelta(**later))


def reason(outcome: Change | Refusal) -> str:
    assert isinstance(outcome, Refusal)
    return outcome.reason


def kinds(change: Change | Refusal | None) -> list[EventKind]:
    assert isinstance(change, Change)
    return [event.kind for event in change.events]


def test_a_rental_is_overdue_once_and_then_bought() -> None:
    rental = running()
    assert time_passed(rental, CHEAP, at(hours=23, minutes=59)) is None
    first = time_passed(rental, CHEAP, at(hours=24))
    assert kinds(first) == [EventKind.OVERDUE]
    overdue = after(first)
    assert (overdue.state, overdue.overdue_at) == (RentalState.ACTIVE, NOON + timedelta(hours=24))
    assert overdue.wake_at == NOON + timedelta(days=5)
    assert time_passed(overdue, CHEAP, at(days=4)) is None
    sold = time_passed(overdue, CHEAP, at(days=6))
    assert kinds(sold) == [EventKind.LOST, EventKind.PAYMENT_DUE]
    assert [fact.kind for fact in sold.facts] == [FactKind.RENTAL_LOST]
    gone = after(sold)
    assert (gone.state, gone.ended_at, gone.wake_at) == (RentalState.LOST, NOON + timedelta(days=5), None)
    assert (gone.charge, gone.purchase) == (Money("CNY", 750), Money("CNY", 9900 - 750))


def test_whoever_has_paid_what_it_costs_has_bought_it() -> None:
    """¥20 a day: after four days ¥80, and ¥99 with the seventh hour of the fifth, which starts at its 360th minute."""
    rental = running()
    overdue = after(time_passed(rental, BANK, at(hours=24)))
    assert overdue.wake_at == NOON + timedelta(days=4, minutes=6 * 60 + 1)
    gone = after(time_passed(overdue, BANK, at(days=5)))
    assert (gone.charge, gone.purchase) == (Money("CNY", 9900), Money("CNY", 0))


def test_the_plan_says_what_the_thing_costs_if_it_says_so() -> None:
    capped = replace(BANK, terms=replace(BANK.terms, total_cap_minor=5000))
    overdue = after(time_passed(running(), capped, at(hours=24)))
    assert overdue.wake_at == NOON + timedelta(days=2, minutes=3 * 60 + 1), "¥40, and ¥10 with the fourth hour"
    early = after(lost(running(), capped, at(hours=2)))
    assert (early.charge, early.purchase) == (Money("CNY", 600), Money("CNY", 4400))


def test_a_sweeper_that_was_away_sells_at_the_same_price() -> None:
    late = after(time_passed(running(), CHEAP, at(days=90)))
    assert (late.state, late.ended_at, late.charge) == (RentalState.LOST, NOON + timedelta(days=5), Money("CNY", 750))


def test_a_visit_about_which_nobody_says_anything_is_over_and_free() -> None:
    rental = running(AssetKind.SHOP_VISIT)
    overdue = after(time_passed(rental, PRICING, at(hours=4)))
    assert overdue.wake_at == NOON + timedelta(hours=24)
    over = after(time_passed(overdue, PRICING, at(hours=24)))
    assert (over.state, over.charge, over.payment_status) == (RentalState.RETURNED, Money("CNY", 0), PaymentStatus.NONE)


@pytest.mark.parametrize("kind", [kind for kind in AssetKind if KINDS[kind].silence.then.name == "LOSE"])
def test_fare_and_purchase_never_come_to_more_than_the_thing(kind: AssetKind) -> None:
    for days in (0, 1, 4, 30, 400):
        gone = after(lost(running(kind), BANK, at(days=days)))
        assert gone.charge.amount_minor + gone.purchase.amount_minor == KINDS[kind].total_minor


def test_what_is_found_is_no_purchase_any_more() -> None:
    """¥9 for six days, ¥90 for the thing; it had been back after a day, which costs ¥1.50."""
    change = found(bought(took=9000), CHEAP, NOON + timedelta(days=1), at(days=8))
    assert kinds(change) == [EventKind.FOUND]
    assert [(fact.fact_id.partition(":")[2], fact.withdrawn) for fact in change.facts] == [
        ("lost", True), ("returned", False),
    ]  # fmt: skip
    rental = after(change)
    assert (rental.state, rental.charge, rental.purchase) == (RentalState.RETURNED, Money("CNY", 150), None)
    assert (rental.credit, rental.credit_purchase_minor) == (Money("CNY", 900 - 150 + 9000), 9000)
    assert (rental.follow_up, rental.corrections) == (FollowUp.CORRECT, 1)
    done = corrected(rental, PAID, at(days=8))
    assert kinds(done) == [EventKind.SETTLED, EventKind.CORRECTED]
    assert (after(done).state, after(done).credit) == (RentalState.SETTLED, None)
    assert corrected(after(done), PAID, at(days=8)) is None


def test_what_deposits_took_of_a_purchase_is_what_goes_back() -> None:
    rental = bought(took=4000)
    assert rental.purchase == Money("CNY", 4000)
    assert after(found(rental, CHEAP, None, at(days=8))).credit == Money("CNY", 4000)


@pytest.mark.parametrize("later", [timedelta(seconds=-1), timedelta(days=6, seconds=1)])
def test_a_find_lies_between_start_and_purchase(later: timedelta) -> None:
    assert reason(found(bought(), CHEAP, NOON + later, at(days=9))) == "RETURN_OUT_OF_BOUNDS"


def test_a_find_waits_until_the_purchase_is_charged() -> None:
    assert reason(found(after(lost(running(), CHEAP, at(days=6))), CHEAP, None, at(days=6))) == "PAYMENT_UNDER_WAY"


def test_a_report_stops_the_clock_and_an_accepted_one_ends_the_ride_then() -> None:
    change = return_reported(running(), NOON + timedelta(hours=2), ("photo-1",), at(hours=9))
    assert kinds(change) == [EventKind.DISPUTED]
    assert change.events[0].data["evidence"] == ["photo-1"]
    rental = after(change)
    assert rental.wake_at == NOON + timedelta(hours=9, days=7)
    assert time_passed(rental, BANK, at(days=6)) is None, "it is neither overdue nor lost meanwhile"
    accepted = return_accepted(rental, BANK, at(days=3))
    assert kinds(accepted) == [EventKind.ENDED, EventKind.RETURN_ACCEPTED, EventKind.PAYMENT_DUE]
    assert (after(accepted).charge, after(accepted).ended_at) == (Money("CNY", 600), NOON + timedelta(hours=2))


def test_an_end_by_the_partner_says_that_the_renter_was_right() -> None:
    rental = after(return_reported(running(), NOON + timedelta(hours=2), (), at(hours=9)))
    over = after(returned(rental, ClosedBy(Closing.END, "e"), BANK, at(hours=30)))
    assert (over.ended_at, over.dispute.state) == (NOON + timedelta(hours=2), DisputeState.ACCEPTED)


def test_what_nobody_answers_for_a_week_stands() -> None:
    rental = after(return_reported(running(), NOON + timedelta(hours=2), (), at(hours=9)))
    over = after(time_passed(rental, BANK, at(days=8)))
    assert (over.state, over.charge, over.dispute.state) == (
        RentalState.RETURNED, Money("CNY", 600), DisputeState.LAPSED,
    )  # fmt: skip


def test_after_a_refusal_the_clock_has_never_stopped_and_overdue_is_told_once() -> None:
    overdue = after(time_passed(running(), CHEAP, at(hours=25)))
    disputed = after(return_reported(overdue, None, (), at(hours=30)))
    change = return_refused(disputed)
    assert kinds(change) == [EventKind.RETURN_REFUSED]
    on = after(change)
    assert on.state is RentalState.ACTIVE
    again = time_passed(on, CHEAP, at(days=3))
    assert kinds(again) == []
    assert after(again).wake_at == NOON + timedelta(days=5)
    assert reason(return_reported(on, None, (), at(hours=40))) == "RETURN_ALREADY_DISPUTED"
    over = after(returned(on, ClosedBy(Closing.END, "e"), BANK, at(hours=48)))
    assert over.charge == Money("CNY", 4000)


@pytest.mark.parametrize(
    ("claimed", "now", "allowed"),
    [
        (timedelta(0), timedelta(hours=48), True),
        (timedelta(hours=1), timedelta(hours=49), True),
        (timedelta(hours=1), timedelta(hours=49, seconds=1), False),
        (timedelta(seconds=-1), timedelta(hours=1), False),
        (timedelta(hours=2), timedelta(hours=1), False),
    ],
)
def test_a_report_is_dated_back_within_bounds(claimed: timedelta, now: timedelta, allowed: bool) -> None:
    outcome = return_reported(running(AssetKind.BIKE), NOON + claimed, (), moment(now=NOON + now))
    assert isinstance(outcome, Change) is allowed
    if not allowed:
        assert datetime.fromisoformat(outcome.metadata["latest"]) == NOON + now


def test_an_ended_rental_is_rated_anew_in_whatever_state_its_payment_is() -> None:
    """Ten hours at ¥20 at most; it was two hours: ¥6."""
    paid = after(return_reported(ended(), NOON + timedelta(hours=2), (), at(days=20)))
    assert paid.state is RentalState.SETTLED
    rental = after(return_accepted(paid, BANK, at(days=21)))
    assert (rental.state, rental.charge, rental.credit) == (
        RentalState.SETTLED, Money("CNY", 600), Money("CNY", 1400),
    )  # fmt: skip
    unpaid = after(return_reported(ended(paid=False), NOON, (), at(hours=11)))
    assert reason(return_accepted(unpaid, BANK, at(hours=12))) == "PAYMENT_UNDER_WAY"
    waits = after(time_passed(unpaid, BANK, at(days=8)))
    assert (waits.dispute.state, waits.wake_at) == (DisputeState.OPEN, NOON + timedelta(days=8, minutes=1))


def test_a_late_return_that_was_in_time_is_told_anew() -> None:
    late = ended(hours=30)
    in_time = return_accepted(
        after(return_reported(late, NOON + timedelta(hours=20), (), at(days=2))), BANK, at(days=3)
    )
    assert [(fact.kind, fact.fact_id.partition(":")[2], fact.withdrawn) for fact in in_time.facts] == [
        (FactKind.RENTAL_RETURNED_LATE, "returned", True),
        (FactKind.RENTAL_RETURNED_ON_TIME, "returned:again", False),
    ]
    still_late = return_accepted(
        after(return_reported(late, NOON + timedelta(hours=25), (), at(days=2))), BANK, at(days=3)
    )
    assert still_late.facts == ()


def test_what_is_paid_at_once_is_on_time_however_late_the_answer_came() -> None:
    disputed = after(return_reported(running(), NOON + timedelta(minutes=30), (), at(hours=1)))
    over = after(return_accepted(disputed, BANK, at(days=6)))
    paid = settled(over, PAID, at(days=6, hours=1))
    assert [fact.kind for fact in paid.facts] == [FactKind.PAYMENT_ON_TIME]


def test_a_failed_debt_that_never_was_is_cured() -> None:
    over = ended(paid=False)
    failed = after(settled(over, Settlement(DepositState.CLOSED, PaymentStatus.FAILED), at(hours=10)))
    disputed = after(return_reported(failed, NOON, (), at(hours=11)))
    free = Pricing(PriceTerms("CNY", 0, (PriceSegment(0, 0, 300, 60),), 0))
    change = corrected(
        after(return_accepted(disputed, free, at(hours=12))),
        Settlement(DepositState.CLOSED, PaymentStatus.NONE),
        at(hours=12),
    )
    assert (after(change).state, after(change).payment_status) == (RentalState.SETTLED, PaymentStatus.NONE)
    assert [fact.kind for fact in change.facts] == [FactKind.PAYMENT_CURED]


def test_what_was_bought_may_have_been_back() -> None:
    disputed = after(return_reported(bought(), NOON + timedelta(days=5), (), at(days=9)))
    assert disputed.state is RentalState.LOST
    rental = after(return_accepted(disputed, CHEAP, at(days=10)))
    assert (rental.state, rental.charge, rental.credit_purchase_minor) == (
        RentalState.RETURNED, Money("CNY", 750), 9900,
    )  # fmt: skip


def test_an_end_is_disputed_for_a_month() -> None:
    assert isinstance(return_reported(ended(), None, (), at(days=30, hours=10)), Change)
    assert reason(return_reported(ended(), None, (), at(days=30, hours=11))) == "RENTAL_STEP_NOT_ALLOWED"
    assert reason(return_reported(running(AssetKind.SHOP_VISIT), None, (), at(hours=1))) == "RENTAL_STEP_NOT_ALLOWED"


def test_what_is_paused_is_billed_on() -> None:
    rental = after(paused(running(AssetKind.BIKE)))
    assert reason(paused(running(AssetKind.UMBRELLA))) == "RENTAL_STEP_NOT_ALLOWED"
    assert reason(resumed(running(AssetKind.BIKE))) == "RENTAL_STEP_NOT_ALLOWED"
    on = after(resumed(rental))
    charges = {
        after(returned(r, ClosedBy(Closing.END, "e"), PRICING, at(hours=1))).charge for r in (running(), rental, on)
    }
    assert charges == {Money("CNY", 300)}
