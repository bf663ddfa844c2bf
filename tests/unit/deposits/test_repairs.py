"""Taking over what a processor says makes our hold the same, and moves the accounts by the difference."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.deposits.domain import (
    Account,
    AdmittanceOutcome,
    Capabilities,
    Change,
    Deposit,
    DepositState,
    Hold,
    Moment,
    Operation,
    OperationKind,
    OperationState,
)
from services.deposits.domain.reconciling import (
    Amounts,
    Difference,
    DifferenceKind,
    DifferenceState,
    Finding,
    Repair,
    confirm,
    dismiss,
    take_over_hold,
    take_over_payment,
)
from services.values.errors import Refusal
from services.values.ids import new_id_of
from services.values.money import Money

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
MOMENT = Moment(NOW, lambda prefix, _: f"{prefix}_new", {"sandbox": Capabilities("sandbox", timedelta(days=7))})
PARTS = st.lists(st.integers(0, 9900), min_size=4, max_size=4)
AUTHORIZE = Operation(
    "opn_1", "dep_1", OperationKind.AUTHORIZE, Money("CNY", 9900), "pm_1", OperationState.DONE, result_ref="auth_1"
)


def amounts(parts: list[int]) -> Amounts:
    return Amounts(sum(parts), *parts)


def deposit(ours: Amounts, charged: int = 0, settled: datetime | None = None) -> Deposit:
    hold = Hold(
        "opn_1", "dep_1", "sandbox", "auth_1", ours.authorized_minor, ours.captured_minor, ours.released_minor,
        ours.expired_minor, ours.open_minor,
    )  # fmt: skip
    made = Deposit(
        "dep_1", "rtl_1", "rnt_1", "ptn_1", DepositState.HELD, AdmittanceOutcome.NOT_ADMITTED, (), "pol_1", "m", None,
        "CNY", 9900, "pm_1", NOW, charged_minor=ours.captured_minor + charged, paid_minor=ours.captured_minor,
        settled_at=settled,
    )  # fmt: skip
    return made.with_hold(hold)


def finding(ours: Amounts, theirs: Amounts, repair: Repair, kind: DifferenceKind) -> Finding:
    return Finding(kind, repair, "sandbox", "dep_1", "opn_1", "auth_1", "CNY", ours, theirs, NOW)


def moved(change: Change, account: Account) -> int:
    entries = (entry for one in change.transfers for entry in one.entries if entry.account is account)
    return sum(entry.amount_minor for entry in entries)


@given(PARTS, PARTS, st.integers(0, 9900))
def test_a_hold_that_is_taken_over_is_theirs_and_the_accounts_have_moved_by_the_difference(
    before: list[int], after: list[int], owed: int
) -> None:
    ours, theirs = amounts(before), amounts(after)
    assume(theirs.captured_minor >= ours.captured_minor)
    taken = theirs.captured_minor - ours.captured_minor
    repair = Repair.TAKE_OVER_AND_REFUND if taken > owed else Repair.TAKE_OVER
    said = finding(ours, theirs, repair, DifferenceKind.CAPTURED_MORE)
    change = take_over_hold(deposit(ours, owed), [AUTHORIZE], said, MOMENT)
    assert isinstance(change, Change)
    assert Amounts.of(change.deposit.holds[0]) == theirs
    assert moved(change, Account.DEPOSITS_HELD) == ours.open_minor - theirs.open_minor
    assert moved(change, Account.PROCESSOR_RECEIVABLE) == taken
    assert change.deposit.paid_minor <= change.deposit.charged_minor
    back = [o.amount.amount_minor for o in change.wanted if o.kind is OperationKind.REFUND]
    assert back == ([taken - owed] if taken > owed else [])
    by_hand = [(o.kind, o.amount.amount_minor, o.state, o.reference) for o in change.recorded]
    assert by_hand == ([(OperationKind.CAPTURE, taken, OperationState.DONE, "")] if taken else [])


def test_a_hold_that_still_holds_is_opened_again_and_voided() -> None:
    ours, theirs = amounts([0, 9900, 0, 0]), amounts([0, 0, 0, 9900])
    said = finding(ours, theirs, Repair.VOID, DifferenceKind.STILL_OPEN)
    change = take_over_hold(deposit(ours, settled=NOW), [AUTHORIZE], said, MOMENT)
    assert isinstance(change, Change)
    assert [(o.kind, o.amount.amount_minor) for o in change.wanted] == [(OperationKind.VOID, 9900)]
    assert (change.deposit.open_minor, change.deposit.closed_at) == (9900, None)


@pytest.mark.parametrize("more", [0, 300], ids=["raised by hand", "and captured"])
def test_what_a_take_over_finds_open_of_an_ended_deposit_goes_back(more: int) -> None:
    """It was raised by hand before it was released here: nothing else would ever ask for its release."""
    ours, theirs = amounts([0, 9900, 0, 0]), Amounts(10_900, more, 0, 0, 10_900 - more)
    kind = DifferenceKind.CAPTURED_MORE if more else DifferenceKind.AMOUNT_DIFFERS
    said = finding(ours, theirs, Repair.TAKE_OVER_AND_REFUND if more else Repair.TAKE_OVER, kind)
    change = take_over_hold(deposit(ours, settled=NOW), [AUTHORIZE], said, MOMENT)
    assert isinstance(change, Change)
    asked = {(o.kind, o.amount.amount_minor) for o in change.wanted}
    assert asked == {(OperationKind.VOID, 10_900 - more)} | ({(OperationKind.REFUND, more)} if more else set())


@pytest.mark.parametrize("what", ["ours", "busy", "more than is owed"])
def test_a_hold_is_not_taken_over_when_it_is_not_what_was_confirmed(what: str) -> None:
    ours, theirs = amounts([0, 0, 0, 9900]), amounts([500, 0, 0, 9400])
    said = finding(ours, theirs, Repair.TAKE_OVER, DifferenceKind.CAPTURED_MORE)
    void = Operation("opn_2", "dep_1", OperationKind.VOID, Money("CNY", 1), "auth_1", hold_id="opn_1")
    held = deposit(amounts([1, 0, 0, 9899]) if what == "ours" else ours, 0 if what == "more than is owed" else 500)
    outcome = take_over_hold(held, [AUTHORIZE, void] if what == "busy" else [AUTHORIZE], said, MOMENT)
    assert isinstance(outcome, Refusal)
    assert outcome.reason == "DIFFERENCE_CHANGED"


def test_a_payment_by_hand_is_booked_once_and_only_where_it_fits() -> None:
    owing = deposit(amounts([0, 0, 0, 0]), charged=500)
    said = finding(Amounts(), Amounts.moved(500), Repair.TAKE_OVER, DifferenceKind.UNKNOWN_PAYMENT)
    change = take_over_payment(owing, [], said, OperationKind.CHARGE, MOMENT)
    assert isinstance(change, Change)
    assert (change.deposit.paid_minor, moved(change, Account.PROCESSOR_RECEIVABLE)) == (500, 500)
    again = take_over_payment(change.deposit, change.recorded, said, OperationKind.CHARGE, MOMENT)
    too_much = take_over_payment(deposit(amounts([0, 0, 0, 0]), 499), [], said, OperationKind.CHARGE, MOMENT)
    never_paid = take_over_payment(owing, [], said, OperationKind.REFUND, MOMENT)
    assert all(isinstance(one, Refusal) for one in (again, too_much, never_paid))


def test_a_refund_by_hand_counts_against_the_payment_that_it_fits() -> None:
    paid = deposit(amounts([500, 9400, 0, 0]))
    capture = Operation(
        "opn_2", "dep_1", OperationKind.CAPTURE, Money("CNY", 500), "auth_1", OperationState.DONE, result_ref="auth_1"
    )
    said = finding(Amounts(), Amounts.moved(200), Repair.TAKE_OVER, DifferenceKind.UNKNOWN_REFUND)
    change = take_over_payment(paid, [AUTHORIZE, capture], said, OperationKind.REFUND, MOMENT)
    assert isinstance(change, Change)
    assert (change.deposit.refunded_minor, change.recorded[0].source_id) == (200, "opn_2")


@pytest.mark.parametrize("state", DifferenceState)
@pytest.mark.parametrize("repair", [Repair.TAKE_OVER, Repair.REFUND, Repair.BY_HAND])
def test_who_may_decide_what_when(state: DifferenceState, repair: Repair) -> None:
    said = finding(Amounts(), Amounts.moved(1), repair, DifferenceKind.UNKNOWN_PAYMENT)
    known = Difference(new_id_of("dif", "00"), said, state, "rcn_1", NOW, NOW, confirmed_by="ann")
    after = {
        (DifferenceState.OPEN, Repair.TAKE_OVER): DifferenceState.CONFIRMED,
        (DifferenceState.OPEN, Repair.REFUND): DifferenceState.AWAITING_SECOND,
        (DifferenceState.OPEN, Repair.BY_HAND): "REPAIR_BY_HAND",
        (DifferenceState.AWAITING_SECOND, repair): DifferenceState.CONFIRMED,
    }.get((state, repair), "DIFFERENCE_NOT_OPEN")
    decided = confirm(known, "bob")
    assert (decided.reason if isinstance(decided, Refusal) else decided.state) == after
    mine = confirm(known, "ann")
    if state is DifferenceState.AWAITING_SECOND:
        assert isinstance(mine, Refusal)
        assert mine.reason == "APPROVAL_BY_ANOTHER"
    undecided = state in (DifferenceState.OPEN, DifferenceState.AWAITING_SECOND)
    assert isinstance(dismiss(known, "bob", "why"), Difference) is undecided
