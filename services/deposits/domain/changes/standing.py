"""How a deposit stands after a change: its payment status, and its end once nothing is held or owed at a processor."""

from __future__ import annotations

from collections.abc import Sequence

from services.deposits.domain.changes.change import Moment
from services.deposits.domain.changes.collecting import wanted_of
from services.deposits.domain.deposits import (
    Deposit,
    DepositState,
    Operation,
    OperationKind,
    OperationState,
    PaymentStatus,
)

_COLLECTING = (OperationKind.CAPTURE, OperationKind.CHARGE)


def standing(deposit: Deposit, operations: Sequence[Operation], moment: Moment) -> Deposit:
    """The deposit with its payment status and, when it has ended, its end.

    Args:
        operations: all of them, as they stand after the change.
    """
    after = deposit.but(payment_status=_payment_status(deposit, operations))
    if deposit.state is DepositState.DECLINED:
        return after.but(closed_at=deposit.closed_at or moment.now)
    ended = deposit.settled_at is not None and not deposit.open_minor
    if not ended or deposit.state is DepositState.CANCELLED:
        return after
    return after.but(state=DepositState.CLOSED, closed_at=deposit.closed_at or moment.now)


def _payment_status(deposit: Deposit, operations: Sequence[Operation]) -> PaymentStatus:
    if not deposit.charged_minor:
        return PaymentStatus.NONE
    if deposit.paid_minor >= deposit.charged_minor:
        return PaymentStatus.PAID
    if deposit.written_off_minor:
        return PaymentStatus.WRITTEN_OFF
    if any(o.kind in _COLLECTING for o in wanted_of(operations)):
        return PaymentStatus.IN_PROGRESS
    tried = any(o.kind is OperationKind.CHARGE and o.state is OperationState.DECLINED for o in operations)
    return PaymentStatus.FAILED if tried else PaymentStatus.DUE


def news(before: Deposit, after: Deposit) -> bool:
    """Whether rental has to hear of it: an ended rental's deposit or payment has moved on."""
    moved = (before.state, before.payment_status) != (after.state, after.payment_status)
    return moved and after.settled_at is not None
