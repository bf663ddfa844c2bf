"""The classes, decided: one operation beside one payment, a payment that nobody asked for, an operation without end."""

from __future__ import annotations

from datetime import datetime

from services.deposits.domain.changes.collecting import under_way
from services.deposits.domain.deposits import Deposit, Operation, OperationKind, OperationState
from services.deposits.domain.processors import LineKind, ReportLine
from services.deposits.domain.reconciling.books import Asked, Books, Edge, Pair
from services.deposits.domain.reconciling.differences import Amounts, DifferenceKind, Finding, Repair

_NOTHING = Amounts()
Verdict = tuple[DifferenceKind, Repair]


def compare(books: Books, pair: Pair, processor: str, at: datetime) -> Finding | None:
    """An operation beside its payment (None: the processor has no trace of it). Nothing while an operation is wanted.

    Args:
        at: the moment of a payment that has no line.
    """
    operation, line = pair.asked.operation, pair.line
    ours = ours_of(books, operation)
    theirs = Amounts.of_line(line) if line is not None else _NOTHING
    busy = any(o.state is OperationState.WANTED and o.hold_id == operation.operation_id for o in books.operations)
    if operation.state is OperationState.WANTED or (busy and operation.kind is OperationKind.AUTHORIZE):
        return None
    verdict = _verdict(books, operation, line, ours, theirs)
    if verdict is None:
        return None
    return Finding(
        *verdict,
        processor,
        books.deposit.deposit_id,
        operation.operation_id,
        line.reference if line is not None else operation.result_ref,
        line.currency if line is not None else operation.amount.currency,
        ours,
        theirs,
        line.created_at if line is not None else at,
    )


def ours_of(books: Books, operation: Operation) -> Amounts:
    """What we say of a payment; nothing while or when it was not made."""
    if operation.state is not OperationState.DONE:
        return _NOTHING
    if operation.kind is not OperationKind.AUTHORIZE:
        return Amounts.moved(operation.amount.amount_minor)
    hold = books.hold_of(operation)
    return Amounts.of(hold) if hold is not None else _NOTHING


def _verdict(
    books: Books, operation: Operation, line: ReportLine | None, ours: Amounts, theirs: Amounts
) -> Verdict | None:
    if operation.state is not OperationState.DONE:
        return _unrecorded(books, operation, line) if line is not None and theirs.counts else None
    if line is None:
        return _missing(operation, ours)
    if line.currency != operation.amount.currency:
        return DifferenceKind.CURRENCY_DIFFERS, Repair.BY_HAND
    if line.reference != operation.result_ref:
        return DifferenceKind.REFERENCE_DIFFERS, Repair.BY_HAND
    if operation.kind is OperationKind.AUTHORIZE:
        if books.hold_of(operation) is None:
            return (DifferenceKind.AMOUNT_DIFFERS, Repair.BY_HAND) if theirs.counts else None
        return _parts(books, ours, theirs)
    if theirs.captured_minor != ours.captured_minor:
        return DifferenceKind.AMOUNT_DIFFERS, Repair.BY_HAND
    return None


def _missing(operation: Operation, ours: Amounts) -> Verdict | None:
    """They know nothing of what we have as done. A hold that has lapsed may be forgotten."""
    if operation.kind is OperationKind.REFUND:
        return DifferenceKind.REFUND_MISSING, Repair.ASK_AGAIN
    if operation.kind is OperationKind.CHARGE:
        return DifferenceKind.MISSING_AT_PROCESSOR, Repair.ASK_AGAIN
    if ours.authorized_minor == ours.expired_minor:
        return None
    lapses = ours.open_minor and ours.authorized_minor == ours.open_minor + ours.expired_minor
    return DifferenceKind.MISSING_AT_PROCESSOR, Repair.TAKE_OVER if lapses else Repair.BY_HAND


def _unrecorded(books: Books, operation: Operation, line: ReportLine) -> Verdict:
    late = operation.state is OperationState.CANCELLED and line.currency == operation.amount.currency
    same = late and line.amount_minor == operation.amount.amount_minor
    return DifferenceKind.UNRECORDED, Repair.TAKE_OVER if same else _against(line, books)


def _parts(books: Books, ours: Amounts, theirs: Amounts) -> Verdict | None:
    """Two views of one authorization; both add up."""
    if ours == theirs:
        return None
    more = theirs.captured_minor - ours.captured_minor
    if more > 0:
        fits = more <= room(books.deposit, books.operations)
        return DifferenceKind.CAPTURED_MORE, Repair.TAKE_OVER if fits else Repair.TAKE_OVER_AND_REFUND
    if more < 0:
        return DifferenceKind.CAPTURED_LESS, Repair.ASK_AGAIN if theirs.open_minor >= -more else Repair.BY_HAND
    if theirs.authorized_minor != ours.authorized_minor:
        return DifferenceKind.AMOUNT_DIFFERS, Repair.TAKE_OVER
    if theirs.open_minor and not ours.open_minor:
        return DifferenceKind.STILL_OPEN, Repair.VOID
    lapsed = theirs.open_minor < ours.open_minor and theirs.expired_minor > ours.expired_minor
    return DifferenceKind.EXPIRED_UNSEEN if lapsed else DifferenceKind.RELEASED_DIFFERS, Repair.TAKE_OVER


def room(deposit: Deposit, operations: list[Operation]) -> int:
    """What is owed and on nobody's way yet, minor units: so much of a payment by hand pays for something."""
    return max(0, deposit.charged_minor - deposit.paid_minor - deposit.written_off_minor - under_way(operations))


def compare_unknown(line: ReportLine, books: Books | None, processor: str) -> Finding | None:
    """A payment that no operation of ours asked for; `books` are of the deposit that it names, if it is ours."""
    theirs = Amounts.of_line(line)
    if not theirs.counts:
        return None
    kind, repair = _class_of_unknown(line, books), _against(line, books)
    known = books.deposit.deposit_id if books is not None else ""
    return Finding(kind, repair, processor, known, "", line.reference, line.currency, _NOTHING, theirs, line.created_at)


def _class_of_unknown(line: ReportLine, books: Books | None) -> DifferenceKind:
    if line.kind is LineKind.REFUND:
        return DifferenceKind.UNKNOWN_REFUND
    kind = OperationKind.AUTHORIZE if line.kind is LineKind.AUTHORIZATION else OperationKind.CHARGE
    done = books is not None and any(o.kind is kind and o.state is OperationState.DONE for o in books.operations)
    return DifferenceKind.DUPLICATE if done else DifferenceKind.UNKNOWN_PAYMENT


def _against(line: ReportLine, books: Books | None) -> Repair:
    """What undoes a payment that nobody asked for, or books it where it fits."""
    ours = books is not None and books.deposit.currency == line.currency
    if line.kind is LineKind.REFUND:
        paid = books.deposit.paid_minor - books.deposit.refunded_minor if books is not None else 0
        return Repair.TAKE_OVER if ours and line.captured_minor <= paid else Repair.BY_HAND
    if line.kind is LineKind.AUTHORIZATION:
        return Repair.VOID if line.open_minor else Repair.REFUND
    owed = room(books.deposit, books.operations) if books is not None else 0
    return Repair.TAKE_OVER if ours and line.captured_minor <= owed else Repair.REFUND


def compare_unended(asked: Asked, edge: Edge, at: datetime) -> Finding | None:
    """An operation that was asked for too long ago to be without an outcome.

    Not one that waits for the renter: the processor has said so, and a fare that it could not collect may take days.
    """
    operation = asked.operation
    told = operation.renter_action and not operation.given_up
    if operation.state is not OperationState.WANTED or told or asked.at > edge.unclear_before:
        return None
    kind, repair = DifferenceKind.STATE_UNCLEAR, Repair.HASTEN
    if operation.given_up:
        kind, repair = DifferenceKind.GIVEN_UP_UNENDED, Repair.GIVE_UP
    return Finding(
        kind,
        repair,
        operation.processor,
        operation.deposit_id,
        operation.operation_id,
        operation.result_ref,
        operation.amount.currency,
        Amounts.moved(operation.amount.amount_minor),
        _NOTHING,
        at,
    )
