"""Repairs of a deposit, as changes: what a processor says is booked with the transfers that say what happened there.

Each is applied to the locked deposit and refuses (DIFFERENCE_CHANGED) when it is not any more what was confirmed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from services.deposits.domain.changes import Change, HoldEvent, Moment, finish
from services.deposits.domain.changes.claiming import brought_in, going_back
from services.deposits.domain.changes.collecting import acting_on, collect, on_hold
from services.deposits.domain.changes.standing import news, standing
from services.deposits.domain.deposits import Deposit, DepositState, Operation, OperationKind, OperationState, Result
from services.deposits.domain.ledger import Transfer, TransferKind, transfer
from services.deposits.domain.processors import Hold
from services.deposits.domain.reconciling.books import Asked, Books
from services.deposits.domain.reconciling.comparing import room
from services.deposits.domain.reconciling.differences import Amounts, DifferenceKind, Finding, Repair
from services.deposits.domain.reconciling.ledger import compare_ledger, missing_transfers
from services.values.errors import Category, Refusal


def take_over_hold(
    deposit: Deposit, operations: Sequence[Operation], finding: Finding, moment: Moment
) -> Change | Refusal:
    """Makes a hold what the processor says. What was captured by hand pays what is owed; the rest is paid back.

    With `Repair.VOID`, or when the rental is over, the processor is asked to release what it holds. Nothing while an
    operation on it is under way.
    """
    hold = next((hold for hold in deposit.holds if hold.hold_id == finding.operation_id), None)
    busy = acting_on(finding.operation_id, operations)
    if hold is None or busy or Amounts.of(hold) != finding.ours:
        return changed()
    theirs = _forgotten(hold) if finding.kind is DifferenceKind.MISSING_AT_PROCESSOR else finding.theirs
    taken = theirs.captured_minor - hold.captured_minor
    excess = max(0, taken - room(deposit, list(operations)))
    if excess and finding.repair is not Repair.TAKE_OVER_AND_REFUND:
        return changed()
    after = deposit.with_hold(_as(hold, theirs)).but(
        paid_minor=deposit.paid_minor + taken, charged_minor=deposit.charged_minor + excess
    )
    captured = _by_hand(deposit, OperationKind.CAPTURE, taken, hold, moment) if taken else None
    wanted = _wanted(after, hold, captured, excess, finding, moment)
    recorded = (captured,) if captured else ()
    return _written(deposit, after, operations, recorded, wanted, _moves(hold, theirs, excess), moment)


def _forgotten(hold: Hold) -> Amounts:
    """What a processor does not know holds nothing: its rest counts as lapsed."""
    return replace(Amounts.of(hold), expired_minor=hold.expired_minor + hold.open_minor, open_minor=0)


def _as(hold: Hold, theirs: Amounts) -> Hold:
    return replace(
        hold,
        authorized_minor=theirs.authorized_minor,
        captured_minor=theirs.captured_minor,
        released_minor=theirs.released_minor,
        expired_minor=theirs.expired_minor,
        open_minor=theirs.open_minor,
    )


def _moves(hold: Hold, theirs: Amounts, excess: int) -> list[tuple[TransferKind, int]]:
    """What has to have happened between the two states of a hold, so that the accounts move as it did."""
    taken = theirs.captured_minor - hold.captured_minor
    rest = hold.open_minor - taken
    down = max(0, rest - theirs.open_minor)
    lapsed = min(down, max(0, theirs.expired_minor - hold.expired_minor))
    return [
        (TransferKind.CHARGED, excess),
        (TransferKind.INCREMENTED, max(0, theirs.open_minor - rest)),
        (TransferKind.CAPTURED, taken),
        (TransferKind.EXPIRED, lapsed),
        (TransferKind.RELEASED, down - lapsed),
    ]


def _wanted(
    after: Deposit, hold: Hold, captured: Operation | None, excess: int, finding: Finding, moment: Moment
) -> tuple[Operation, ...]:
    held = after.hold(hold.hold_id)
    over = after.settled_at is not None or after.state not in (DepositState.PENDING, DepositState.HELD)
    wanted: list[Operation] = []
    if held.open_minor and (over or finding.repair is Repair.VOID):
        wanted.append(on_hold(after, held, OperationKind.VOID, held.open_minor, moment))
    if excess and captured is not None:
        back = on_hold(after, hold, OperationKind.REFUND, excess, moment)
        wanted.append(back.but(source_id=captured.operation_id))
    return tuple(wanted)


def _by_hand(deposit: Deposit, kind: OperationKind, amount_minor: int, hold: Hold, moment: Moment) -> Operation:
    """A record of what was done by hand on a hold: nobody asks for it again."""
    made = on_hold(deposit, hold, kind, amount_minor, moment, final=not hold.open_minor)
    return replace(made, state=OperationState.DONE, reference="", result_ref=hold.reference)


def take_over_payment(
    deposit: Deposit, operations: Sequence[Operation], finding: Finding, kind: OperationKind, moment: Moment
) -> Change | Refusal:
    """Books a charge or a refund that was made by hand at the processor."""
    amount = finding.theirs.captured_minor
    known = any(o.kind is kind and o.result_ref == finding.reference for o in operations)
    if known or finding.currency != deposit.currency:
        return changed()
    record = Operation(
        moment.new_id("opn", deposit.deposit_id),
        deposit.deposit_id,
        kind,
        deposit.money(amount),
        "",
        OperationState.DONE,
        processor=finding.processor,
        result_ref=finding.reference,
    )
    if kind is OperationKind.CHARGE:
        if amount > room(deposit, list(operations)):
            return changed()
        paid = deposit.but(paid_minor=deposit.paid_minor + amount)
        return _written(deposit, paid, operations, (record,), (), [(TransferKind.PAID, amount)], moment)
    if amount > deposit.paid_minor - deposit.refunded_minor:
        return changed()
    back = deposit.but(refunded_minor=deposit.refunded_minor + amount)
    record = replace(record, source_id=_paid_back(operations, amount))
    return _written(deposit, back, operations, (record,), (), [(TransferKind.REFUNDED, amount)], moment)


def _paid_back(operations: Sequence[Operation], amount_minor: int) -> str:
    """The latest payment that such a refund may have paid back."""
    payments = (o for o in reversed(operations) if brought_in(o))
    fits = (o for o in payments if o.amount.amount_minor - going_back(operations, o) >= amount_minor)
    return next((o.operation_id for o in fits), "")


def end_operation(
    deposit: Deposit, operations: Sequence[Operation], result: Result, state: OperationState, moment: Moment
) -> Change | Refusal:
    """Applies an outcome that nobody told us: of an operation that is still in `state`."""
    known = any(o.operation_id == result.operation_id and o.state is state for o in operations)
    return finish(deposit, operations, result, moment) if known else changed()


def book_transfers(
    deposit: Deposit, operations: Sequence[Operation], finding: Finding, books: Books, moment: Moment
) -> Change | Refusal:
    """Enters in the ledger what is missing there; `books` were read before the deposit was locked."""
    asked = tuple(Asked(operation, moment.now) for operation in operations)
    locked = replace(books, deposit=deposit, asked=asked)
    found = compare_ledger(locked, finding.processor, finding.at)
    if not any(
        (one.currency, one.ours, one.theirs) == (finding.currency, finding.ours, finding.theirs) for one in found
    ):
        return changed()
    return Change(deposit, transfers=missing_transfers(locked, finding.currency))


def refer_anew(deposit: Deposit, result: Result) -> Change:
    """Keeps the reference under which a processor has done again what it had forgotten."""
    return Change(deposit, (result,))


def _written(
    before: Deposit,
    after: Deposit,
    operations: Sequence[Operation],
    recorded: tuple[Operation, ...],
    wanted: tuple[Operation, ...],
    moves: Sequence[tuple[TransferKind, int]],
    moment: Moment,
) -> Change:
    """The change; when less is held than was thought, other holds are asked for what is owed; else its bill is."""
    less = any(kind in (TransferKind.EXPIRED, TransferKind.RELEASED) and amount for kind, amount in moves)
    wanted += collect(after, [*operations, *recorded, *wanted], moment, billable=0) if less else ()
    stands = standing(after, [*operations, *recorded, *wanted], moment)
    expired = any(kind is TransferKind.EXPIRED and amount for kind, amount in moves)
    return Change(
        stands,
        wanted=wanted,
        transfers=_transfers(before, moves),
        announced=expired or news(before, stands),
        hold_event=HoldEvent.EXPIRED if expired else None,
        recorded=recorded,
    )


def _transfers(deposit: Deposit, moves: Sequence[tuple[TransferKind, int]]) -> tuple[Transfer, ...]:
    return tuple(transfer(kind, deposit.money(amount)) for kind, amount in moves if amount)


def changed() -> Refusal:
    """The refusal of a repair whose difference is not what it was when it was confirmed."""
    return Refusal(
        Category.FAILED_PRECONDITION, "DIFFERENCE_CHANGED", "the difference is not any more what was confirmed"
    )
