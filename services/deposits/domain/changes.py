"""What happens to a deposit: pure functions from (deposit, its operations, an event) to a Change.

A change is everything that is written together: the deposit, operations that ended or are wanted, ledger transfers and
the exposure that ends; `announced` tells rental of it. Each function may be called again with the same event: then
it changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.deposits.domain.deposits import (
    AdmittanceOutcome,
    Deposit,
    DepositState,
    Operation,
    OperationKind,
    OperationState,
    PaymentStatus,
    Result,
)
from services.deposits.domain.ledger import Transfer, TransferKind, transfer
from services.deposits.domain.policies import deposit_not_found
from services.values.errors import Category, Refusal
from services.values.money import Money

NewId = Callable[[str, str], str]
"""Makes an id of a prefix that belongs to the renter of another id."""


@dataclass(frozen=True, slots=True)
class Change:
    """What to write. An empty change (`deposit` as it was, nothing else) writes nothing."""

    deposit: Deposit
    results: tuple[Result, ...] = ()
    wanted: tuple[Operation, ...] = ()
    transfers: tuple[Transfer, ...] = ()
    exposure_ends: bool = False
    announced: bool = False


def settle(
    deposit: Deposit, operations: Sequence[Operation], charge: Money, now: datetime, new_id: NewId
) -> Change | Refusal:
    """Charges for an ended rental: captures from the hold and releases the rest, or bills a waived renter."""
    if deposit.settled_at is not None:
        return Change(deposit)
    if deposit.state not in (DepositState.HELD, DepositState.WAIVED):
        return deposit_not_found()
    if charge.currency != deposit.currency:
        return Refusal(Category.FAILED_PRECONDITION, "CURRENCY_MISMATCH", "the deposit is in another currency")
    settled = deposit.but(charged_minor=charge.amount_minor, settled_at=now)
    transfers = (transfer(TransferKind.CHARGED, charge),) if charge.amount_minor else ()
    wanted = _collect(settled, operations, new_id)
    waived = deposit.state is DepositState.WAIVED
    return Change(_standing(settled, wanted, operations, now), (), wanted, transfers, exposure_ends=waived)


def _collect(deposit: Deposit, operations: Sequence[Operation], new_id: NewId) -> tuple[Operation, ...]:
    """The operations that collect a charge: from the hold first, what is above it by bill.

    A hold that is on its way back is left alone: the whole charge is billed then.
    """
    released = any(o.kind is OperationKind.VOID and o.state is OperationState.WANTED for o in operations)
    held = 0 if released else deposit.open_minor
    captured = min(deposit.charged_minor, held)
    billed = deposit.charged_minor - captured
    wanted = []
    if held:
        kind = OperationKind.CAPTURE if captured else OperationKind.VOID
        wanted.append(_operation(deposit, kind, captured or held, new_id))
    if billed and deposit.payment_ref:
        wanted.append(_operation(deposit, OperationKind.CHARGE, billed, new_id))
    return tuple(wanted)


def _operation(deposit: Deposit, kind: OperationKind, amount_minor: int, new_id: NewId) -> Operation:
    on_hold = kind in (OperationKind.CAPTURE, OperationKind.VOID)
    reference = deposit.authorization_ref if on_hold else deposit.payment_ref
    operation_id = new_id("opn", deposit.deposit_id)
    return Operation(operation_id, deposit.deposit_id, kind, deposit.money(amount_minor), reference)


def cancel(deposit: Deposit, now: datetime, new_id: NewId) -> Change:
    """Ends a waiver, voids a hold, or gives a pending one up; a late success of the processor is voided then."""
    if deposit.settled_at is not None or deposit.state not in (
        DepositState.PENDING,
        DepositState.WAIVED,
        DepositState.HELD,
    ):
        return Change(deposit)
    cancelled = deposit.but(state=DepositState.CANCELLED, closed_at=now)
    if deposit.state is DepositState.WAIVED:
        return Change(cancelled, exposure_ends=True)
    if deposit.state is DepositState.HELD:
        return Change(cancelled, wanted=(_operation(deposit, OperationKind.VOID, deposit.open_minor, new_id),))
    return Change(cancelled)


@dataclass(frozen=True, slots=True)
class Again:
    """What scoring answers now: the person lies above the threshold under which the deposit was decided."""

    score: int | None
    model_version: str
    facts_version: int


def waive(deposit: Deposit, operations: Sequence[Operation], again: Again, new_id: NewId) -> Change:
    """Waives a deposit that is held, because what it was decided on was wrong; its hold goes back.

    Nothing happens to one that is not held (any more), or that is being collected.
    """
    busy = any(o.state is OperationState.WANTED for o in operations)
    if deposit.state is not DepositState.HELD or deposit.settled_at is not None or busy:
        return Change(deposit)
    waived = deposit.but(
        state=DepositState.WAIVED,
        outcome=AdmittanceOutcome.ADMITTED,
        reason_codes=(),
        score=again.score,
        model_version=again.model_version,
        facts_version=again.facts_version,
    )
    back = (_operation(deposit, OperationKind.VOID, deposit.open_minor, new_id),) if deposit.open_minor else ()
    return Change(waived, wanted=back, announced=True)


def finish(deposit: Deposit, operations: Sequence[Operation], result: Result, now: datetime, new_id: NewId) -> Change:
    """Applies the processor's outcome of one operation, once; a success after it was given up is undone."""
    operation = next(o for o in operations if o.operation_id == result.operation_id)
    late_success = operation.state is OperationState.CANCELLED and result.state is OperationState.DONE
    if operation.state is not OperationState.WANTED and not late_success:
        return Change(deposit)
    changed, wanted, transfers = _OUTCOMES[operation.kind](deposit, operation, result, new_id)
    others = [o for o in operations if o is not operation]
    failed = result.state is OperationState.DECLINED and not wanted
    after = _standing(changed, wanted, others, now, failed=failed)
    return Change(after, (result,), wanted, transfers, announced=_news(deposit, after))


Outcome = tuple[Deposit, tuple[Operation, ...], tuple[Transfer, ...]]


def _authorized(deposit: Deposit, operation: Operation, result: Result, new_id: NewId) -> Outcome:
    if result.state is not OperationState.DONE:
        if deposit.state is DepositState.PENDING:
            return deposit.but(state=DepositState.DECLINED, decline_code=result.decline_code), (), ()
        return deposit, (), ()
    amount = operation.amount
    held = deposit.but(
        authorization_ref=result.result_ref, authorized_minor=amount.amount_minor, open_minor=amount.amount_minor
    )
    transfers = (transfer(TransferKind.AUTHORIZED, amount),)
    if deposit.state is DepositState.PENDING:
        return held.but(state=DepositState.HELD), (), transfers
    return held, (_operation(held, OperationKind.VOID, amount.amount_minor, new_id),), transfers


def _captured(deposit: Deposit, operation: Operation, result: Result, new_id: NewId) -> Outcome:
    if result.state is not OperationState.DONE:
        lapsed, _, transfers = _lapsed(deposit)
        bill = (_operation(lapsed, OperationKind.CHARGE, operation.amount.amount_minor, new_id),)
        return lapsed, bill if lapsed.payment_ref else (), transfers
    taken = operation.amount.amount_minor
    rest = deposit.open_minor - taken
    changed = deposit.but(
        captured_minor=deposit.captured_minor + taken,
        released_minor=deposit.released_minor + rest,
        open_minor=0,
        paid_minor=deposit.paid_minor + taken,
    )
    released = (transfer(TransferKind.RELEASED, deposit.money(rest)),) if rest else ()
    return changed, (), (transfer(TransferKind.CAPTURED, operation.amount), *released)


def _voided(deposit: Deposit, _operation: Operation, result: Result, _new_id: NewId) -> Outcome:
    if result.state is not OperationState.DONE:
        return _lapsed(deposit)
    if not deposit.open_minor:
        return deposit, (), ()
    changed = deposit.but(released_minor=deposit.released_minor + deposit.open_minor, open_minor=0)
    return changed, (), (transfer(TransferKind.RELEASED, deposit.money(deposit.open_minor)),)


def _lapsed(deposit: Deposit) -> Outcome:
    """The processor does not hold the rest any more: its authorization has expired."""
    if not deposit.open_minor:
        return deposit, (), ()
    changed = deposit.but(expired_minor=deposit.expired_minor + deposit.open_minor, open_minor=0)
    return changed, (), (transfer(TransferKind.EXPIRED, deposit.money(deposit.open_minor)),)


def _charged(deposit: Deposit, operation: Operation, result: Result, _new_id: NewId) -> Outcome:
    if result.state is not OperationState.DONE:
        return deposit.but(decline_code=result.decline_code), (), ()
    changed = deposit.but(paid_minor=deposit.paid_minor + operation.amount.amount_minor)
    return changed, (), (transfer(TransferKind.PAID, operation.amount),)


_OUTCOMES: dict[OperationKind, Callable[[Deposit, Operation, Result, NewId], Outcome]] = {
    OperationKind.AUTHORIZE: _authorized,
    OperationKind.CAPTURE: _captured,
    OperationKind.VOID: _voided,
    OperationKind.CHARGE: _charged,
}


def retry_bill(
    deposit: Deposit, operations: Sequence[Operation], payment_ref: str, now: datetime, new_id: NewId
) -> Change:
    """Bills what is owed to another payment method; paying cures the record. Nothing while a payment is under way."""
    owed = deposit.charged_minor - deposit.paid_minor
    if not owed or deposit.settled_at is None or any(o.state is OperationState.WANTED for o in operations):
        return Change(deposit)
    billed = deposit.but(payment_ref=payment_ref)
    wanted = (_operation(billed, OperationKind.CHARGE, owed, new_id),)
    after = _standing(billed, wanted, operations, now)
    return Change(after, wanted=wanted, announced=_news(deposit, after))


def _news(before: Deposit, after: Deposit) -> bool:
    """Whether rental has to hear of it: an ended rental's deposit or payment has moved on."""
    moved = (before.state, before.payment_status) != (after.state, after.payment_status)
    return moved and after.settled_at is not None


def _standing(
    deposit: Deposit,
    wanted: Sequence[Operation],
    operations: Sequence[Operation],
    now: datetime,
    *,
    failed: bool = False,
) -> Deposit:
    """The deposit with its payment status and, when nothing is held any more, its end."""
    status = _payment_status(deposit, wanted, operations, failed=failed)
    ended = deposit.state is DepositState.DECLINED or (
        deposit.settled_at is not None and not deposit.open_minor and deposit.state is not DepositState.CANCELLED
    )
    if not ended:
        return deposit.but(payment_status=status)
    state = DepositState.DECLINED if deposit.state is DepositState.DECLINED else DepositState.CLOSED
    return deposit.but(payment_status=status, state=state, closed_at=deposit.closed_at or now)


def _payment_status(
    deposit: Deposit, wanted: Sequence[Operation], operations: Sequence[Operation], *, failed: bool
) -> PaymentStatus:
    if not deposit.charged_minor:
        return PaymentStatus.NONE
    if deposit.paid_minor >= deposit.charged_minor:
        return PaymentStatus.PAID
    if wanted or any(o.state is OperationState.WANTED for o in operations):
        return PaymentStatus.IN_PROGRESS
    earlier = any(o.state is OperationState.DECLINED and o.kind is OperationKind.CHARGE for o in operations)
    return PaymentStatus.FAILED if failed or earlier else PaymentStatus.DUE
