"""Every class of difference: what is planted is found in its class with its proposal; without a plant nothing is."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.deposits.domain import (
    AdmittanceOutcome,
    Deposit,
    DepositState,
    Hold,
    LineKind,
    Operation,
    OperationKind,
    OperationState,
    ReportLine,
)
from services.deposits.domain.reconciling import (
    TWO_OPERATORS,
    Asked,
    Books,
    Counts,
    DifferenceKind,
    Finding,
    LedgerSums,
    Pair,
    Repair,
    Sums,
    Totals,
    compare_unended,
    days_to_run,
    edge_at,
    judge,
    judge_stranger,
    missing_transfers,
    pair,
)
from services.deposits.domain.reconciling.runs import DAY
from services.values.money import Money

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(hours=5)
EDGE = edge_at(NOW, NOW)
KIND, MEND = DifferenceKind, Repair


def operation(kind: OperationKind, amount: int, number: int, state: OperationState = OperationState.DONE) -> Operation:
    hold_id = "opn_1" if kind in (OperationKind.AUTHORIZE, OperationKind.CAPTURE, OperationKind.VOID) else ""
    reference = {OperationKind.AUTHORIZE: "auth_1", OperationKind.CAPTURE: "auth_1", OperationKind.VOID: "auth_1"}
    result = reference.get(kind, f"ref_{number}") if state is OperationState.DONE else ""
    return Operation(
        f"opn_{number}", "dep_1", kind, Money("CNY", amount), "pm_1", state, hold_id=hold_id, result_ref=result
    )


@dataclass(frozen=True)
class World:
    """Both sides of one deposit: 9,900 held, of which 300 were captured; 500 charged, 200 paid back."""

    books: Books
    lines: tuple[ReportLine, ...]

    def hold(self, **parts: int) -> World:
        hold = replace(self.books.deposit.holds[0], **parts)
        return replace(self, books=replace(self.books, deposit=self.books.deposit.but(holds=(hold,))))

    def deposit(self, **fields: object) -> World:
        return replace(self, books=replace(self.books, deposit=self.books.deposit.but(**fields)))

    def line(self, number: int, **fields: object) -> World:
        lines = tuple(replace(line, **fields) if n == number else line for n, line in enumerate(self.lines))  # type: ignore[arg-type]
        return replace(self, lines=lines)

    def without_line(self, number: int) -> World:
        return replace(self, lines=tuple(line for n, line in enumerate(self.lines) if n != number))

    def with_line(self, **fields: object) -> World:
        more = replace(self.lines[1], operation_id="", reference="theirs", **fields)  # type: ignore[arg-type]
        return replace(self, lines=(*self.lines, more))

    def with_a_charge(self, amount: int) -> World:
        more = line(LineKind.CHARGE, 9, "theirs", amount, amount, 0, 0, 0)
        return replace(self, lines=(*self.lines, more))

    def asked(self, number: int, **fields: object) -> World:
        asked = tuple(
            replace(one, operation=replace(one.operation, **fields)) if n == number else one  # type: ignore[arg-type]
            for n, one in enumerate(self.books.asked)
        )
        return replace(self, books=replace(self.books, asked=asked))

    def more_asked(self, what: Operation) -> World:
        return replace(self, books=replace(self.books, asked=(*self.books.asked, Asked(what, LONG_AGO))))

    def ledger(self, **sums: int) -> World:
        known = self.books.ledger["CNY"]
        return replace(self, books=replace(self.books, ledger={"CNY": replace(known, **sums)}))

    def findings(self) -> list[Finding]:
        pairs, unknown = pair(self.books, "sandbox", self.lines)
        paired = {one.asked.operation.operation_id for one in pairs}
        payments = (OperationKind.AUTHORIZE, OperationKind.CHARGE, OperationKind.REFUND)
        lacking = [a for a in self.books.asked if a.operation.operation_id not in paired]
        pairs += [Pair(a, None) for a in lacking if a.operation.kind in payments]
        ended = [compare_unended(asked, EDGE, LONG_AGO) for asked in self.books.asked]
        found = judge(self.books, pairs, unknown, "sandbox", EDGE, LONG_AGO).findings
        return [*found, *(one for one in ended if one is not None)]


def line(kind: LineKind, number: int, reference: str, amount: int, *parts: int) -> ReportLine:
    return ReportLine(reference, kind, f"opn_{number}", "dep_1", "CNY", amount, *parts, LONG_AGO)


def whole() -> World:
    hold = Hold("opn_1", "dep_1", "sandbox", "auth_1", 9900, 300, 9600)
    deposit = Deposit(
        "dep_1", "rtl_1", "rnt_1", "ptn_1", DepositState.CLOSED, AdmittanceOutcome.NOT_ADMITTED, (), "pol_1", "m", None,
        "CNY", 9900, "pm_1", LONG_AGO, charged_minor=800, paid_minor=800, refunded_minor=200, settled_at=LONG_AGO,
        holds=(hold,),
    )  # fmt: skip
    operations = (
        operation(OperationKind.AUTHORIZE, 9900, 1),
        operation(OperationKind.CAPTURE, 300, 2),
        operation(OperationKind.CHARGE, 500, 3),
        operation(OperationKind.REFUND, 200, 4),
    )
    sums = LedgerSums(0, 600, 300, 500, 200)
    books = Books(deposit, tuple(Asked(one, LONG_AGO) for one in operations), {"CNY": sums}, LONG_AGO)
    lines = (
        line(LineKind.AUTHORIZATION, 1, "auth_1", 9900, 300, 9600, 0, 0),
        line(LineKind.CHARGE, 3, "ref_3", 500, 500, 0, 0, 0),
        line(LineKind.REFUND, 4, "ref_4", 200, 200, 0, 0, 0),
    )
    return World(books, lines)


def running() -> World:
    """The same with a hold that is open, and nothing else."""
    world = whole().hold(captured_minor=0, released_minor=0, open_minor=9900)
    books = replace(world.books, asked=world.books.asked[:1], ledger={"CNY": LedgerSums(9900)})
    books = replace(books, deposit=books.deposit.but(charged_minor=0, paid_minor=0, refunded_minor=0, settled_at=None))
    opened = replace(world.lines[0], captured_minor=0, released_minor=0, open_minor=9900)
    return World(books, (opened,))


def in_state(state: OperationState) -> World:
    """The charge is in another state with us; the ledger knows nothing of it."""
    return whole().asked(2, state=state, result_ref="").ledger(received_minor=100, paid_minor=0)


UNKNOWN_HOLD = {"kind": LineKind.AUTHORIZATION, "captured_minor": 0, "open_minor": 500}
PLANTS: dict[str, tuple[Callable[[], World], DifferenceKind, Repair]] = {
    "hold unknown there": (lambda: running().without_line(0), KIND.MISSING_AT_PROCESSOR, MEND.TAKE_OVER),
    "captured hold unknown there": (lambda: whole().without_line(0), KIND.MISSING_AT_PROCESSOR, MEND.BY_HAND),
    "charge unknown there": (lambda: whole().without_line(1), KIND.MISSING_AT_PROCESSOR, MEND.ASK_AGAIN),
    "refund unknown there": (lambda: whole().without_line(2), KIND.REFUND_MISSING, MEND.ASK_AGAIN),
    "charge by hand that is owed": (
        lambda: running().deposit(charged_minor=500).with_a_charge(500),
        KIND.UNKNOWN_PAYMENT,
        MEND.TAKE_OVER,
    ),
    "charge by hand that nobody owes": (lambda: running().with_a_charge(500), KIND.UNKNOWN_PAYMENT, MEND.REFUND),
    "second charge": (lambda: whole().with_line(), KIND.DUPLICATE, MEND.REFUND),
    "second hold": (lambda: whole().with_line(**UNKNOWN_HOLD), KIND.DUPLICATE, MEND.VOID),
    "second hold, captured": (lambda: whole().with_line(kind=LineKind.AUTHORIZATION), KIND.DUPLICATE, MEND.REFUND),
    "second payment under one key": (
        lambda: whole().with_line(**UNKNOWN_HOLD).line(3, operation_id="opn_1"),
        KIND.DUPLICATE,
        MEND.VOID,
    ),
    "refund by hand": (lambda: whole().with_line(kind=LineKind.REFUND), KIND.UNKNOWN_REFUND, MEND.TAKE_OVER),
    "refund by hand of more than was paid": (
        lambda: whole().with_line(kind=LineKind.REFUND, captured_minor=601),
        KIND.UNKNOWN_REFUND,
        MEND.BY_HAND,
    ),
    "done there, cancelled here": (lambda: in_state(OperationState.CANCELLED), KIND.UNRECORDED, MEND.TAKE_OVER),
    "done there, declined here": (lambda: in_state(OperationState.DECLINED), KIND.UNRECORDED, MEND.REFUND),
    "another reference": (lambda: whole().line(0, reference="auth_2"), KIND.REFERENCE_DIFFERS, MEND.BY_HAND),
    "another currency": (lambda: whole().line(1, currency="EUR"), KIND.CURRENCY_DIFFERS, MEND.BY_HAND),
    "another charge": (lambda: whole().line(1, captured_minor=501), KIND.AMOUNT_DIFFERS, MEND.BY_HAND),
    "another refund": (lambda: whole().line(2, captured_minor=199), KIND.AMOUNT_DIFFERS, MEND.BY_HAND),
    "held more": (
        lambda: running().line(0, amount_minor=10_000, open_minor=10_000),
        KIND.AMOUNT_DIFFERS,
        MEND.TAKE_OVER,
    ),
    "captured more, owed": (
        lambda: running().deposit(charged_minor=300).line(0, captured_minor=300, open_minor=9600),
        KIND.CAPTURED_MORE,
        MEND.TAKE_OVER,
    ),
    "captured more, not owed": (
        lambda: running().line(0, captured_minor=300, open_minor=9600),
        KIND.CAPTURED_MORE,
        MEND.TAKE_OVER_AND_REFUND,
    ),
    "captured less, still held": (
        lambda: whole().line(0, captured_minor=0, released_minor=0, open_minor=9900),
        KIND.CAPTURED_LESS,
        MEND.ASK_AGAIN,
    ),
    "captured less, gone": (
        lambda: whole().line(0, captured_minor=0, released_minor=9900),
        KIND.CAPTURED_LESS,
        MEND.BY_HAND,
    ),
    "still open": (lambda: whole().line(0, released_minor=0, open_minor=9600), KIND.STILL_OPEN, MEND.VOID),
    "lapsed unseen": (
        lambda: running().line(0, expired_minor=9900, open_minor=0),
        KIND.EXPIRED_UNSEEN,
        MEND.TAKE_OVER,
    ),
    "released by hand": (
        lambda: running().line(0, released_minor=9900, open_minor=0),
        KIND.RELEASED_DIFFERS,
        MEND.TAKE_OVER,
    ),
    "lapsed, not released": (
        lambda: whole().line(0, released_minor=0, expired_minor=9600),
        KIND.RELEASED_DIFFERS,
        MEND.TAKE_OVER,
    ),
    "no outcome": (
        lambda: whole().more_asked(operation(OperationKind.VOID, 1, 5, OperationState.WANTED)),
        KIND.STATE_UNCLEAR,
        MEND.HASTEN,
    ),
    "given up, no end": (
        lambda: whole().more_asked(
            replace(operation(OperationKind.AUTHORIZE, 1, 5, OperationState.WANTED), given_up=True)
        ),
        KIND.GIVEN_UP_UNENDED,
        MEND.GIVE_UP,
    ),
    "ledger lacks a capture": (
        lambda: whole().ledger(held_minor=300, received_minor=300, captured_minor=0),
        KIND.LEDGER_DIFFERS,
        MEND.BOOK_TRANSFERS,
    ),
    "ledger has a capture too many": (
        lambda: whole().ledger(received_minor=900, captured_minor=600),
        KIND.LEDGER_DIFFERS,
        MEND.BY_HAND,
    ),
    "ledger lost an authorization": (
        lambda: replace(running(), books=replace(running().books, ledger={})),
        KIND.LEDGER_DIFFERS,
        MEND.BOOK_TRANSFERS,
    ),
}


@pytest.mark.parametrize("world", [whole(), running()], ids=["whole", "running"])
def test_nothing_planted_nothing_found(world: World) -> None:
    assert world.findings() == []


@pytest.mark.parametrize("name", PLANTS)
def test_what_is_planted_is_found_in_its_class_with_its_proposal(name: str) -> None:
    make, kind, repair = PLANTS[name]
    found = make().findings()
    assert [(one.kind, one.repair) for one in found] == [(kind, repair)]
    assert found[0].deposit_id == "dep_1"


def test_every_class_and_every_proposal_is_in_the_table() -> None:
    assert {kind for _, kind, _ in PLANTS.values()} == set(DifferenceKind)
    assert {repair for _, _, repair in PLANTS.values()} == set(Repair)


def test_a_difference_is_the_same_in_every_run_and_no_other() -> None:
    ids = [PLANTS[name][0]().findings()[0].difference_id for name in PLANTS]
    assert ids == [PLANTS[name][0]().findings()[0].difference_id for name in PLANTS]
    of = dict(zip(PLANTS, ids, strict=True))
    assert of["another charge"] != of["another refund"]
    assert of["captured more, owed"] == of["captured more, not owed"]


@pytest.mark.parametrize("minutes", [9, 11])
def test_what_moved_within_ten_minutes_is_left_to_the_next_run(minutes: int) -> None:
    moved, planted = NOW - timedelta(minutes=minutes), PLANTS["still open"][0]()
    moving: Sequence[World] = (
        replace(planted, books=replace(planted.books, moved_at=moved)),
        replace(planted, books=replace(planted.books, asked=tuple(replace(a, at=moved) for a in planted.books.asked))),
    )
    for world in moving:
        assert len(world.findings()) == (0 if minutes < 10 else 1)
    stranger = replace(line(LineKind.CHARGE, 9, "theirs", 500, 500, 0, 0, 0), created_at=moved)
    judged = judge_stranger(stranger, "sandbox", EDGE)
    assert (len(judged.findings), judged.counts.in_flight) == ((0, 1) if minutes < 10 else (1, 0))


def test_an_operation_under_way_on_a_hold_speaks_for_itself() -> None:
    young = Asked(operation(OperationKind.VOID, 9600, 5, OperationState.WANTED), NOW - timedelta(minutes=30))
    planted = PLANTS["still open"][0]()
    world = replace(planted, books=replace(planted.books, asked=(*planted.books.asked, young)))
    assert world.findings() == []


def test_a_payment_that_took_nothing_and_holds_nothing_is_no_difference() -> None:
    assert whole().with_line(**{**UNKNOWN_HOLD, "open_minor": 0, "released_minor": 500}).findings() == []
    declined = in_state(OperationState.DECLINED).line(1, amount_minor=0, captured_minor=0)
    assert declined.findings() == []
    lapsed = running().hold(open_minor=0, expired_minor=9900)
    forgotten = replace(lapsed, books=replace(lapsed.books, ledger={}), lines=())
    assert forgotten.findings() == [], "a processor may forget what has lapsed"


def test_what_the_ledger_lacks_is_what_happened() -> None:
    books = PLANTS["ledger lacks a capture"][0]().books
    assert [(one.kind, one.entries[0].amount_minor) for one in missing_transfers(books, "CNY")] == [("CAPTURED", 300)]
    assert missing_transfers(books, "EUR") == ()


def test_counts_add_up_by_currency() -> None:
    judged = judge(whole().books, *pair(whole().books, "sandbox", whole().lines), "sandbox", EDGE, LONG_AGO)
    sums = Sums(9900, 800, 200, 0)
    assert judged.counts == Counts(3, 0, 0, 0, {"CNY": Totals(sums, sums)})


@pytest.mark.parametrize(
    ("hour", "last", "unsettled", "days"),
    [
        (0, None, [], [-2]),
        (1, None, [], [-1]),
        (2, -1, [], []),
        (2, -4, [], [-3, -2, -1]),
        (2, -1, [-5.5, -5.2, -40], [-6]),
    ],
)
def test_the_days_whose_turn_it_is(hour: int, last: int | None, unsettled: list[float], days: list[int]) -> None:
    today = NOW.replace(hour=0)
    moments = [today + number * DAY for number in unsettled]
    found = days_to_run(today.replace(hour=hour), None if last is None else today + last * DAY, moments)
    assert [(day - today).days for day in found] == days


def test_the_runbook_explains_every_class_and_which_proposals_take_two() -> None:
    page = (Path(__file__).parents[3] / "docs" / "runbooks" / "reconciliation.md").read_text()
    rows = {found[1]: found[2] for found in re.finditer(r"^\| `([A-Z_]+)` \|.*\| (.*) \|$", page, re.MULTILINE)}
    assert set(rows) == set(DifferenceKind)
    for _, kind, repair in PLANTS.values():
        assert f"`{repair}`{' (two)' if repair in TWO_OPERATORS else ''}" in rows[kind], (kind, repair)


def test_what_waits_for_the_renter_is_not_unclear() -> None:
    waiting = operation(OperationKind.CAPTURE, 300, 2, OperationState.WANTED).but(renter_action="pay:opn_1")
    assert compare_unended(Asked(waiting, LONG_AGO), EDGE, LONG_AGO) is None
    given_up = compare_unended(Asked(waiting.but(given_up=True), LONG_AGO), EDGE, LONG_AGO)
    assert given_up is not None
    assert given_up.kind is KIND.GIVEN_UP_UNENDED
