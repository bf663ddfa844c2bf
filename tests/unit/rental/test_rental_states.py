"""The state machine: only the steps of the table exist, and each decision takes the step that the rules say."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest
from rental_kit import DEPOSIT, NOON, PRICING, a_rental, a_security, a_tombstone, after, moment

from services.rental.domain import (
    KINDS,
    AssetState,
    ClosedBy,
    Closing,
    DepositEvent,
    DepositState,
    FactKind,
    FollowUp,
    Kind,
    PaymentStatus,
    Rental,
    RentalState,
    Settlement,
    Standing,
    Step,
    caller_cancelled,
    close_answer,
    corrected,
    deposit_cancelled,
    expired,
    found,
    lost,
    paused,
    refused,
    resumed,
    return_accepted,
    return_refused,
    return_reported,
    returned,
    secured,
    settled,
    start_answer,
    time_passed,
    told,
)
from services.values.errors import Category, Refusal
from services.values.money import Money

END, CANCEL = ClosedBy(Closing.END, "end-1"), ClosedBy(Closing.CANCEL, "cancel-1")
LATER = NOON + timedelta(seconds=30)


def in_state(state: RentalState) -> Rental:
    """A rental that came to this state by the rules."""
    rental = a_rental()
    if state is RentalState.REQUESTED:
        return rental
    if state is RentalState.CANCELLED:
        return after(refused(rental, "RENTER_NOT_LINKED", moment()))
    rental = after(secured(rental, a_security(rental, DepositState.WAIVED), moment()))
    if state is RentalState.ACTIVE:
        return rental
    if state is RentalState.PAUSED:
        return after(paused(rental))
    if state is RentalState.DISPUTED:
        return after(return_reported(rental, None, (), moment(now=LATER)))
    if state is RentalState.LOST:
        bought = after(lost(rental, PRICING, moment(now=LATER)))
        return after(settled(bought, Settlement(DepositState.CLOSED, PaymentStatus.PAID, 9900), moment()))
    rental = after(returned(rental, END, PRICING, moment(now=NOON + timedelta(minutes=10))))
    if state is RentalState.RETURNED:
        return rental
    return after(settled(rental, Settlement(DepositState.CLOSED, PaymentStatus.PAID), moment()))


DECISIONS = {
    "waived": lambda r: secured(r, a_security(r, DepositState.WAIVED), moment()),
    "held": lambda r: secured(r, a_security(r, DepositState.HELD), moment()),
    "pending": lambda r: secured(r, a_security(r, DepositState.PENDING), moment()),
    "declined": lambda r: secured(r, a_security(r, DepositState.DECLINED), moment()),
    "deposit gone": lambda r: secured(r, a_tombstone(r), moment()),
    "refused": lambda r: refused(r, "POLICY_NOT_FOUND", moment()),
    "expired": lambda r: expired(r, moment(wall=NOON + timedelta(minutes=2))),
    "returned": lambda r: returned(r, END, PRICING, moment(now=LATER)),
    "cancelled": lambda r: caller_cancelled(r, CANCEL, moment(now=LATER)),
    "paid": lambda r: settled(r, Settlement(DepositState.CLOSED, PaymentStatus.PAID), moment()),
    "told paid": lambda r: told(r, event(DepositState.CLOSED, PaymentStatus.PAID), moment()),
    "told failed": lambda r: told(r, event(DepositState.WAIVED, PaymentStatus.FAILED), moment()),
    "paused": lambda r: paused(r),
    "resumed": lambda r: resumed(r),
    "lost": lambda r: lost(r, PRICING, moment(now=LATER)),
    "found": lambda r: found(r, PRICING, None, moment(now=LATER)),
    "reported": lambda r: return_reported(r, None, (), moment(now=LATER)),
    "accepted": lambda r: return_accepted(r, PRICING, moment(now=LATER)),
    "return refused": lambda r: return_refused(r),
    "a day passed": lambda r: time_passed(r, PRICING, moment(now=NOON + timedelta(days=1))),
    "a month passed": lambda r: time_passed(r, PRICING, moment(now=NOON + timedelta(days=31))),
    "corrected": lambda r: corrected(r, Settlement(DepositState.CLOSED, PaymentStatus.PAID), moment()),
    "deposit cancelled": lambda r: deposit_cancelled(r, DepositState.CANCELLED),
}
MOVES = {
    ("waived", RentalState.REQUESTED): RentalState.ACTIVE,
    ("held", RentalState.REQUESTED): RentalState.ACTIVE,
    ("pending", RentalState.REQUESTED): RentalState.REQUESTED,
    ("declined", RentalState.REQUESTED): RentalState.CANCELLED,
    ("deposit gone", RentalState.REQUESTED): RentalState.CANCELLED,
    ("refused", RentalState.REQUESTED): RentalState.CANCELLED,
    ("expired", RentalState.REQUESTED): RentalState.CANCELLED,
    ("returned", RentalState.ACTIVE): RentalState.RETURNED,
    ("cancelled", RentalState.REQUESTED): RentalState.CANCELLED,
    ("cancelled", RentalState.ACTIVE): RentalState.CANCELLED,
    ("paid", RentalState.RETURNED): RentalState.SETTLED,
    ("told paid", RentalState.RETURNED): RentalState.SETTLED,
    ("returned", RentalState.PAUSED): RentalState.RETURNED,
    ("returned", RentalState.DISPUTED): RentalState.RETURNED,
    ("paused", RentalState.ACTIVE): RentalState.PAUSED,
    ("resumed", RentalState.PAUSED): RentalState.ACTIVE,
    ("lost", RentalState.ACTIVE): RentalState.LOST,
    ("lost", RentalState.PAUSED): RentalState.LOST,
    ("found", RentalState.LOST): RentalState.RETURNED,
    ("reported", RentalState.ACTIVE): RentalState.DISPUTED,
    ("reported", RentalState.PAUSED): RentalState.DISPUTED,
    ("accepted", RentalState.DISPUTED): RentalState.RETURNED,
    ("return refused", RentalState.DISPUTED): RentalState.ACTIVE,
    ("a month passed", RentalState.ACTIVE): RentalState.LOST,
    ("a month passed", RentalState.PAUSED): RentalState.LOST,
    ("a month passed", RentalState.DISPUTED): RentalState.RETURNED,
}


def event(state: DepositState, status: PaymentStatus, minute: int = 30, event_id: str = "evt_1") -> DepositEvent:
    return DepositEvent(event_id, a_rental().rental_id, Settlement(state, status), NOON + timedelta(minutes=minute))


@pytest.mark.parametrize(("name", "state"), list(product(DECISIONS, RentalState)))
def test_each_decision_moves_as_the_rules_say_and_never_beside_the_table(name: str, state: RentalState) -> None:
    rental = in_state(state)
    outcome = DECISIONS[name](rental)
    change = None if isinstance(outcome, Refusal) else outcome
    expected = MOVES.get((name, state), state)
    assert (change.after.state if change else state) is expected
    if change is not None:
        assert change.before is rental
        assert change.after.version == rental.version + 1
        assert state is expected or expected in {rental.kind.machine.get((state, step)) for step in Step}
        held = {RentalState.REQUESTED, RentalState.ACTIVE, RentalState.PAUSED, RentalState.DISPUTED}
        missing = expected is RentalState.LOST and state is not expected
        freed = expected not in {*held, RentalState.LOST} and state in {*held, RentalState.LOST}
        becomes = AssetState.MISSING if missing else AssetState.AVAILABLE if freed else None
        assert change.asset_becomes is becomes


def test_a_step_beside_the_table_is_a_defect() -> None:
    with pytest.raises(KeyError):
        in_state(RentalState.SETTLED).after(Step.CANCEL)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.asset_kind)
def test_every_state_of_a_kind_is_reached_and_none_but_settled_and_cancelled_is_the_end(kind: Kind) -> None:
    reached, left = set(kind.machine.values()), {state for state, _ in kind.machine}
    assert left - {RentalState.REQUESTED} <= reached
    assert reached - left == {RentalState.SETTLED, RentalState.CANCELLED}


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(59.999, RentalState.ACTIVE), (60, RentalState.CANCELLED), (61, RentalState.CANCELLED)],
)
def test_a_deposit_that_comes_after_the_window_activates_nothing(seconds: float, expected: RentalState) -> None:
    rental = a_rental()
    change = secured(rental, a_security(rental, DepositState.HELD), moment(wall=NOON + timedelta(seconds=seconds)))
    assert after(change).state is expected
    if expected is RentalState.CANCELLED:
        assert after(change).cancel_reason == "NOT_ACTIVE_IN_TIME"
        assert after(change).follow_up is FollowUp.CANCEL


def test_nothing_expires_before_the_window_is_over() -> None:
    assert expired(a_rental(), moment(wall=NOON + timedelta(seconds=59.999))) is None
    assert after(expired(a_rental(), moment(wall=NOON + timedelta(seconds=60)))).state is RentalState.CANCELLED


def test_activation_starts_the_ride_and_tells_scoring() -> None:
    rental = a_rental()
    change = secured(rental, a_security(rental, DepositState.WAIVED), moment(now=LATER))
    assert after(change).started_at == LATER
    assert [(fact.kind, fact.occurred_at) for fact in change.facts] == [(FactKind.RENTAL_STARTED, LATER)]
    assert change.facts[0].fact_id == f"{rental.rental_id}:started"


def test_a_pending_deposit_is_known_and_asked_for_again() -> None:
    rental = a_rental()
    change = secured(rental, a_security(rental, DepositState.PENDING), moment(wall=LATER))
    assert after(change).security.state is DepositState.PENDING
    assert (after(change).follow_up, after(change).follow_up_at) == (FollowUp.SECURE, LATER + timedelta(seconds=1))
    assert secured(after(change), a_security(rental, DepositState.PENDING), moment(wall=LATER)) is None


def test_a_deposit_in_another_currency_than_the_plan_ends_the_rental() -> None:
    rental = a_rental()
    foreign = a_security(rental, DepositState.WAIVED, amount=Money("EUR", 9900))
    change = secured(rental, foreign, moment())
    assert (after(change).cancel_reason, after(change).follow_up) == ("CURRENCY_MISMATCH", FollowUp.CANCEL)


def test_a_deposit_that_was_cancelled_before_it_was_made_ends_the_rental_as_late() -> None:
    rental = a_rental()
    cancelled = after(secured(rental, a_tombstone(rental), moment()))
    assert (cancelled.cancel_reason, cancelled.follow_up) == ("NOT_ACTIVE_IN_TIME", FollowUp.NONE)


def test_a_declined_deposit_is_over_and_needs_no_cancelling() -> None:
    rental = a_rental()
    declined = a_security(rental, DepositState.DECLINED, decline_code="insufficient_funds")
    cancelled = after(secured(rental, declined, moment()))
    assert cancelled.follow_up is FollowUp.NONE
    refusal = start_answer(cancelled)
    assert isinstance(refusal, Refusal)
    assert (refusal.category, refusal.reason) == (Category.FAILED_PRECONDITION, "PAYMENT_DECLINED")
    assert refusal.metadata == {"rental_id": rental.rental_id, "decline_code": "insufficient_funds"}


@pytest.mark.parametrize(
    ("standing", "objection"),
    [
        (Standing(True, True, True, False), None),
        (Standing(False, False, False, False), "RENTER_NOT_LINKED"),
        (Standing(False, True, False, True), "RENTER_NOT_VERIFIED"),
        (Standing(True, True, False, True), "RENTER_TOO_YOUNG"),
    ],
)
def test_who_may_rent(standing: Standing, objection: str | None) -> None:
    assert standing.objection == objection


@pytest.mark.parametrize(
    ("reason", "category", "told_reason"),
    [
        ("RENTER_NOT_LINKED", Category.FAILED_PRECONDITION, "RENTER_NOT_LINKED"),
        ("RENTER_NOT_FOUND", Category.NOT_FOUND, "RENTER_NOT_FOUND"),
        ("POLICY_NOT_FOUND", Category.NOT_FOUND, "POLICY_NOT_FOUND"),
        ("PAYMENT_METHOD_NOT_FOUND", Category.NOT_FOUND, "PAYMENT_METHOD_NOT_FOUND"),
        ("NOT_ACTIVE_IN_TIME", Category.FAILED_PRECONDITION, "RENTAL_CANCELLED"),
    ],
)
def test_a_cancelled_rental_replays_its_refusal(reason: str, category: Category, told_reason: str) -> None:
    rental = after(refused(a_rental(), reason, moment()))
    refusal = start_answer(rental)
    assert isinstance(refusal, Refusal)
    assert (refusal.category, refusal.reason) == (category, told_reason)
    assert refusal.metadata == {"rental_id": rental.rental_id}


def test_what_the_caller_cancelled_is_told_as_it_stands() -> None:
    cancelled = after(caller_cancelled(in_state(RentalState.ACTIVE), CANCEL, moment(now=LATER)))
    assert start_answer(cancelled) is cancelled
    assert cancelled.cancel_reason == "CALLER_CANCELLED"


@pytest.mark.parametrize(("seconds", "possible"), [(0, True), (59.999, True), (60, False), (3600, False)])
def test_an_active_rental_can_be_cancelled_for_a_minute(seconds: float, possible: bool) -> None:
    change = caller_cancelled(in_state(RentalState.ACTIVE), CANCEL, moment(now=NOON + timedelta(seconds=seconds)))
    assert (change is not None) is possible


@pytest.mark.parametrize("state", list(RentalState))
@pytest.mark.parametrize("by", [END, CANCEL])
def test_only_the_command_that_closed_a_rental_is_answered_with_it(state: RentalState, by: ClosedBy) -> None:
    rental = in_state(state)
    assert close_answer(replace(rental, closed_by=by), by).rental_id == rental.rental_id
    other = close_answer(replace(rental, closed_by=replace(by, request_id="other")), by)
    assert isinstance(other, Refusal)
    assert other.reason == ("RENTAL_NOT_ACTIVE" if by is END else "RENTAL_NOT_CANCELLABLE")
    assert other.metadata == {"state": state}


def test_the_return_prices_the_ride_and_says_how_it_went() -> None:
    rental = replace(in_state(RentalState.ACTIVE), started_at=NOON)
    change = returned(rental, END, PRICING, moment(now=NOON + timedelta(minutes=45)))
    assert after(change).charge == Money("CNY", 300)
    assert (after(change).payment_status, after(change).follow_up) == (PaymentStatus.DUE, FollowUp.SETTLE)
    assert [fact.kind for fact in change.facts] == [FactKind.RENTAL_RETURNED_ON_TIME]


@pytest.mark.parametrize(
    ("took", "kind"),
    [
        (timedelta(hours=24), FactKind.RENTAL_RETURNED_ON_TIME),
        (timedelta(hours=24, seconds=1), FactKind.RENTAL_RETURNED_LATE),
    ],
)
def test_a_bike_is_late_after_a_day(took: timedelta, kind: FactKind) -> None:
    change = returned(in_state(RentalState.ACTIVE), END, PRICING, moment(now=NOON + took))
    assert change.facts[0].kind is kind


def test_a_clock_that_went_back_ends_the_ride_where_it_began() -> None:
    change = returned(in_state(RentalState.ACTIVE), END, PRICING, moment(now=NOON - timedelta(seconds=1)))
    assert after(change).ended_at == after(change).started_at == NOON
    assert (after(change).charge, after(change).payment_status) == (Money("CNY", 0), PaymentStatus.NONE)


def test_the_deposit_amount_stays_what_it_was_decided() -> None:
    assert in_state(RentalState.SETTLED).security.amount == DEPOSIT
