"""A rental turns out to cost less than it was charged: its end was another one, or what was lost is found."""

from __future__ import annotations

from collections.abc import Sequence

from services.deposits.domain.changes.change import Change, Moment
from services.deposits.domain.changes.claiming import brought_in, going_back, not_open, refund
from services.deposits.domain.changes.collecting import under_way
from services.deposits.domain.changes.ending import currency_mismatch
from services.deposits.domain.changes.standing import news, standing
from services.deposits.domain.deposits import Deposit, Operation
from services.deposits.domain.ledger import TransferKind, transfer
from services.values.errors import Category, Refusal
from services.values.money import Money


def rerate(
    deposit: Deposit, operations: Sequence[Operation], credit: Money, purchase_minor: int, moment: Moment
) -> Change | Refusal:
    """Takes `credit` off the charge of an ended rental, of which `purchase_minor` are of the price of what was lost.

    What is not paid yet is credited, also what was given up; what is paid is refunded, the latest payment first.
    Refused while a payment is under way that the credit would have to come out of.
    """
    if credit.currency != deposit.currency:
        return currency_mismatch()
    if deposit.settled_at is None or purchase_minor > deposit.purchase_minor:
        return not_open(deposit)
    busy = under_way(operations)
    live = min(credit.amount_minor, deposit.charged_minor - deposit.paid_minor - deposit.written_off_minor - busy)
    revived = min(credit.amount_minor - live, deposit.written_off_minor)
    back = min(credit.amount_minor - live - revived, _refundable(operations))
    if busy and live + revived + back < credit.amount_minor:
        return payment_under_way()
    refunded = refund(deposit, operations, deposit.money(back), moment)
    if isinstance(refunded, Refusal):
        return refunded
    lower = deposit.but(
        charged_minor=deposit.charged_minor - live - revived,
        written_off_minor=deposit.written_off_minor - revived,
        compensated_minor=deposit.compensated_minor - purchase_minor,
        purchase_minor=deposit.purchase_minor - purchase_minor,
    )
    after = standing(lower, [*operations, *refunded.wanted], moment)
    moved = [(TransferKind.CURED, revived), (TransferKind.CREDITED, live + revived)]
    transfers = tuple(transfer(kind, deposit.money(minor)) for kind, minor in moved if minor)
    return Change(after, wanted=refunded.wanted, transfers=transfers, announced=news(deposit, after))


def _refundable(operations: Sequence[Operation]) -> int:
    """What was paid and is not on its way back; less than was paid when the partner has refunded by hand."""
    return sum(o.amount.amount_minor - going_back(operations, o) for o in operations if brought_in(o))


def payment_under_way() -> Refusal:
    """The refusal to correct what is just being paid: its outcome decides how."""
    return Refusal(Category.UNAVAILABLE, "PAYMENT_UNDER_WAY", "a payment is under way; retry with the same request_id")
