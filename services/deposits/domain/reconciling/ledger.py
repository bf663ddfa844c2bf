"""The third side: what the ledger's entries say of a deposit, beside what its operations and holds say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.deposits.domain.deposits import Operation, OperationKind, OperationState
from services.deposits.domain.ledger import Transfer, TransferKind, transfer
from services.deposits.domain.reconciling.books import Books, LedgerSums
from services.deposits.domain.reconciling.differences import Amounts, DifferenceKind, Finding, Repair

_NOTHING = LedgerSums()
_PAYMENTS = (OperationKind.AUTHORIZE, OperationKind.CHARGE)


def compare_ledger(books: Books, processor: str, at: datetime) -> list[Finding]:
    """What processors hold and owe for a deposit, by its holds and operations and by the ledger: one per currency.

    The ledger does not tell processors apart: a deposit is judged with those of its first payment's.
    """
    deposit = books.deposit
    if next((o.processor for o in books.operations if o.kind in _PAYMENTS), "") != processor:
        return []
    found = []
    for currency in sorted({deposit.currency, *books.ledger}):
        ours = _expected(books) if currency == deposit.currency else _NOTHING
        theirs = books.ledger.get(currency, _NOTHING)
        if (ours.held_minor, ours.received_minor) == (theirs.held_minor, theirs.received_minor):
            continue
        repair = Repair.BOOK_TRANSFERS if missing_transfers(books, currency) else Repair.BY_HAND
        sides = (_amounts(ours), _amounts(theirs))
        named = (processor, deposit.deposit_id, "", "", currency)
        found.append(Finding(DifferenceKind.LEDGER_DIFFERS, repair, *named, *sides, at))
    return found


def missing_transfers(books: Books, currency: str) -> tuple[Transfer, ...]:
    """What the ledger lacks, as what happened; nothing when it has too much of something: that takes a correction.

    What is captured without a transfer is also missing from what is held no more: one CAPTURED mends both.
    """
    if currency != books.deposit.currency:
        return ()
    ours, theirs = _expected(books), books.ledger.get(currency, _NOTHING)
    captured = ours.captured_minor - theirs.captured_minor
    paid = ours.paid_minor - theirs.paid_minor
    refunded = ours.refunded_minor - theirs.refunded_minor
    explained = theirs.received_minor + captured + paid - refunded == ours.received_minor
    if min(captured, paid, refunded) < 0 or not explained:
        return ()
    held = ours.held_minor - (theirs.held_minor - captured)
    moved = [
        (TransferKind.CAPTURED, captured),
        (TransferKind.PAID, paid),
        (TransferKind.REFUNDED, refunded),
        (TransferKind.AUTHORIZED, max(0, held)),
        (TransferKind.RELEASED, max(0, -held)),
    ]
    return tuple(transfer(kind, books.deposit.money(amount)) for kind, amount in moved if amount)


def _expected(books: Books) -> LedgerSums:
    captured = _sum(books.operations, OperationKind.CAPTURE)
    paid = _sum(books.operations, OperationKind.CHARGE)
    refunded = _sum(books.operations, OperationKind.REFUND)
    held = sum(hold.open_minor for hold in books.deposit.holds)
    return LedgerSums(held, captured + paid - refunded, captured, paid, refunded)


def _sum(operations: Sequence[Operation], kind: OperationKind) -> int:
    done = (o for o in operations if o.kind is kind and o.state is OperationState.DONE)
    return sum(o.amount.amount_minor for o in done)


def _amounts(sums: LedgerSums) -> Amounts:
    return Amounts(captured_minor=sums.received_minor, open_minor=sums.held_minor)
