"""What a partner may ask while or after a rental: compensation, a larger hold, money back.

PRODUCT: compensation for damage, loss or purchase never exceeds the deposit; fares and rent are not compensation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from services.deposits.domain.changes.change import Change, Moment
from services.deposits.domain.changes.collecting import collect, on_hold, usable_holds, wanted_of
from services.deposits.domain.changes.ending import currency_mismatch
from services.deposits.domain.changes.standing import news, standing
from services.deposits.domain.deposits import Deposit, DepositState, Operation, OperationKind, OperationState
from services.deposits.domain.ledger import TransferKind, transfer
from services.values.errors import Category, Refusal
from services.values.money import Money

_COMPENSABLE = (DepositState.HELD, DepositState.WAIVED, DepositState.CLOSED)


def compensate(deposit: Deposit, operations: Sequence[Operation], amount: Money, moment: Moment) -> Change | Refusal:
    """Claims compensation: from the hold while there is one, else by bill; never above the deposit's limit."""
    if amount.currency != deposit.currency:
        return currency_mismatch()
    if deposit.state not in _COMPENSABLE:
        return not_open(deposit)
    if deposit.compensated_minor + amount.amount_minor > deposit.compensation_limit_minor:
        return Refusal(
            Category.FAILED_PRECONDITION,
            "COMPENSATION_LIMIT_EXCEEDED",
            "compensation never exceeds the deposit",
            metadata={
                "limit_minor": str(deposit.compensation_limit_minor),
                "compensated_minor": str(deposit.compensated_minor),
            },
        )
    claimed = deposit.but(
        charged_minor=deposit.charged_minor + amount.amount_minor,
        compensated_minor=deposit.compensated_minor + amount.amount_minor,
    )
    wanted = collect(claimed, operations, moment)
    after = standing(claimed, [*operations, *wanted], moment)
    charged = (transfer(TransferKind.CHARGED, amount),)
    return Change(after, wanted=wanted, transfers=charged, announced=news(deposit, after))


def increment(deposit: Deposit, operations: Sequence[Operation], amount: Money, moment: Moment) -> Change | Refusal:
    """Raises the hold of a running rental, where its processor can, at most to the compensation limit."""
    if amount.currency != deposit.currency:
        return currency_mismatch()
    holds = usable_holds(deposit, operations)
    if deposit.state is not DepositState.HELD or deposit.settled_at is not None or not holds:
        return not_open(deposit)
    hold = holds[-1]
    if not moment.capabilities[hold.processor].increments:
        return Refusal(
            Category.FAILED_PRECONDITION, "PROCESSOR_CANNOT_INCREMENT", "this processor does not raise holds"
        )
    under_way = sum(o.amount.amount_minor for o in wanted_of(operations) if o.kind is OperationKind.INCREMENT)
    if hold.authorized_minor + under_way + amount.amount_minor > deposit.compensation_limit_minor:
        return Refusal(
            Category.FAILED_PRECONDITION,
            "COMPENSATION_LIMIT_EXCEEDED",
            "a hold never exceeds the deposit",
            metadata={"limit_minor": str(deposit.compensation_limit_minor)},
        )
    return Change(deposit, wanted=(on_hold(deposit, hold, OperationKind.INCREMENT, amount.amount_minor, moment),))


def refund(deposit: Deposit, operations: Sequence[Operation], amount: Money, moment: Moment) -> Change | Refusal:
    """Pays back what was captured or charged, the latest payment first."""
    if amount.currency != deposit.currency:
        return currency_mismatch()
    left, wanted = amount.amount_minor, []
    for payment in reversed([o for o in operations if brought_in(o)]):
        part = min(left, payment.amount.amount_minor - going_back(operations, payment))
        if part > 0:
            wanted.append(_refund(deposit, payment, part, moment))
            left -= part
    if left:
        return Refusal(
            Category.FAILED_PRECONDITION,
            "REFUND_TOO_LARGE",
            "more than what was paid and not paid back",
            metadata={"refundable_minor": str(amount.amount_minor - left)},
        )
    return Change(deposit, wanted=tuple(wanted))


def brought_in(operation: Operation) -> bool:
    """Whether it is a payment that was made, and may be paid back."""
    taking = operation.kind in (OperationKind.CAPTURE, OperationKind.CHARGE)
    return taking and operation.state is OperationState.DONE


def going_back(operations: Sequence[Operation], payment: Operation) -> int:
    """What was refunded of a payment, or is being refunded, minor units."""
    lost = (OperationState.DECLINED, OperationState.CANCELLED)
    back = (o for o in operations if o.kind is OperationKind.REFUND and o.source_id == payment.operation_id)
    return sum(o.amount.amount_minor for o in back if o.state not in lost)


def _refund(deposit: Deposit, payment: Operation, amount_minor: int, moment: Moment) -> Operation:
    return replace(
        payment,
        operation_id=moment.new_id("opn", deposit.deposit_id),
        kind=OperationKind.REFUND,
        amount=deposit.money(amount_minor),
        reference=payment.result_ref,
        state=OperationState.WANTED,
        attempts=0,
        result_ref="",
        source_id=payment.operation_id,
    )


def not_open(deposit: Deposit) -> Refusal:
    """The refusal of what the deposit's state does not allow."""
    return Refusal(
        Category.FAILED_PRECONDITION,
        "DEPOSIT_NOT_OPEN",
        "the deposit's state does not allow it",
        metadata={"state": deposit.state},
    )
