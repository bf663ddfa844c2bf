"""What orders mean that the stand-in does not come to have: paid by cash, changed by hand at the merchant platform."""

from __future__ import annotations

from typing import Any

import pytest

from services.deposits.domain import Operation, OperationKind, OperationState, Seen
from services.deposits.processors.wechat import orders
from services.values.money import Money

CAPTURE = Operation("opn_2", "dep_1", OperationKind.CAPTURE, Money("CNY", 3000), "opn_1", processor="wechat")
BY_CASH = {"seq": 1, "amount": 3000, "paid_type": "MCH", "paid_time": "20261124093000"}
IN_WECHAT = {**BY_CASH, "paid_type": "NEWTON", "transaction_id": "42"}


def done(total: int, *details: dict[str, Any]) -> dict[str, Any]:
    paid = sum(detail["amount"] for detail in details)
    order: dict[str, Any] = {"out_order_no": "opn_1", "state": "DONE", "total_amount": total}
    order["risk_fund"] = {"name": "DEPOSIT", "amount": 9900}
    return {**order, "collection": {"paid_amount": paid, "details": list(details)}} if details else order


@pytest.mark.parametrize(
    ("order", "state", "payment", "seen"),
    [
        (done(3000, IN_WECHAT), OperationState.DONE, ("42", 3000), Seen(9900, 3000, 6900, 0, 0)),
        (done(3000, BY_CASH), OperationState.DONE, None, Seen(9900, 3000, 6900, 0, 0)),
        (done(2000, {**IN_WECHAT, "amount": 2000}), OperationState.DONE, ("42", 2000), Seen(9900, 2000, 7900, 0, 0)),
        (done(0), OperationState.DECLINED, None, Seen(9900, 0, 9900, 0, 0)),
    ],
    ids=["paid", "by cash", "lowered by hand", "forgiven by hand"],
)
def test_a_completed_order(
    order: dict[str, Any], state: OperationState, payment: tuple[str, int] | None, seen: Seen
) -> None:
    assert orders.captured(CAPTURE, order).state is state
    assert orders.payment_of(order) == payment
    assert orders.seen(order) == seen
