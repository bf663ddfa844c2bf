"""How orders and trades look in answers and notices."""

from __future__ import annotations

from services.sandbox.alipay.orders import Order, Refund, Trade, Unfreeze
from services.sandbox.alipay.protocol import Node, written, yuan

DONE: Node = {"code": "10000", "msg": "Success"}
WAITING: Node = {"code": "10003", "msg": "order success pay inprocess"}
UNKNOWN: Node = {"code": "20000", "msg": "Service Currently Unavailable", "sub_code": "aop.unknow-error"}
_PAYER = {"payer_logon_id": "158****7723", "payer_user_id": "2088000000000001"}
_BUYER = {"buyer_logon_id": "158****7723", "buyer_user_id": "2088000000000001"}


def parts(name: str, amount_minor: int, credit_minor: int, before: str = "") -> Node:
    """An amount, and what of it is credit and own money."""
    return {
        f"{before}{name}amount": yuan(amount_minor),
        f"{before}{name}credit_amount": yuan(credit_minor),
        f"{before}{name}fund_amount": yuan(amount_minor - credit_minor),
    }


def freeze_view(order: Order) -> Node:
    """What `alipay.fund.auth.order.freeze` answers."""
    node = {
        "auth_no": order.auth_no,
        "out_order_no": order.out_order_no,
        "out_request_no": order.out_request_no,
        "operation_id": order.operation_id,
        "status": order.status,
        **parts("", order.amount_minor, order.credit_minor),
        **_PAYER,
    }
    if order.credit_minor == order.amount_minor:
        node["pre_auth_type"] = "CREDIT_AUTH"
    if order.frozen_ms is not None:
        node["gmt_trans"] = written(order.frozen_ms)
    return node


def unfreeze_view(order: Order, given: Unfreeze) -> Node:
    """What `alipay.fund.auth.order.unfreeze` answers."""
    return {
        "auth_no": given.auth_no,
        "out_order_no": order.out_order_no,
        "out_request_no": given.out_request_no,
        "operation_id": given.operation_id,
        "status": "SUCCESS",
        **parts("", given.amount_minor, given.credit_minor),
        "gmt_trans": written(given.created_ms),
    }


def detail_view(order: Order, operation: Node, kind: str, created_ms: int) -> Node:
    """What `alipay.fund.auth.operation.detail.query` answers: one operation, and the order as it stands."""
    return (
        operation
        | {"operation_type": kind, "order_status": order.order_status, "order_title": order.title}
        | {"gmt_create": written(created_ms)}
        | totals(order)
    )


def totals(order: Order) -> Node:
    """An order's sums."""
    frozen = order.status == "SUCCESS"
    return {
        **parts("freeze_", order.amount_minor if frozen else 0, order.credit_minor if frozen else 0, "total_"),
        **parts("pay_", order.paid_minor, order.paid_credit_minor, "total_"),
        **parts("rest_", order.rest_minor, order.rest_credit_minor),
    }


def trade_view(trade: Trade) -> Node:
    """What `alipay.trade.query` answers."""
    node = {
        "trade_no": trade.trade_no,
        "out_trade_no": trade.out_trade_no,
        "trade_status": trade.status,
        "total_amount": yuan(trade.amount_minor),
        **_BUYER,
    }
    return node | ({"send_pay_date": written(trade.paid_ms)} if trade.paid_ms is not None else {})


def pay_view(trade: Trade) -> Node:
    """What `alipay.trade.pay` answers."""
    node = {
        "trade_no": trade.trade_no,
        "out_trade_no": trade.out_trade_no,
        "total_amount": yuan(trade.amount_minor),
        "receipt_amount": yuan(trade.amount_minor),
        **_BUYER,
    }
    return node | ({"gmt_payment": written(trade.paid_ms)} if trade.paid_ms is not None else {})


def refund_view(trade: Trade, *, moved: bool) -> Node:
    """What `alipay.trade.refund` answers; `refund_fee` is all that was paid back of the trade so far."""
    return {
        "trade_no": trade.trade_no,
        "out_trade_no": trade.out_trade_no,
        "fund_change": "Y" if moved else "N",
        "refund_fee": yuan(trade.refunded_minor),
        **_BUYER,
    }


def refunded_view(trade: Trade, refund: Refund | None, out_request_no: str) -> Node:
    """What `alipay.trade.fastpay.refund.query` answers; of an unknown refund it names nothing."""
    if refund is None:
        return {}
    return {
        "trade_no": trade.trade_no,
        "out_trade_no": trade.out_trade_no,
        "out_request_no": out_request_no,
        "total_amount": yuan(trade.amount_minor),
        "refund_amount": yuan(refund.amount_minor),
        "refund_status": "REFUND_SUCCESS",
    }


def freeze_notice(order: Order) -> Node:
    """What a notice says of a freeze that the payer confirmed."""
    detail = detail_view(order, freeze_view(order), "FREEZE", order.created_ms)
    return detail | {"notify_type": "fund_auth_freeze", "total_unfreeze_amount": yuan(order.released_minor)}


def unfreeze_notice(order: Order, out_request_no: str, operation_id: str, amount_minor: int) -> Node:
    """What a notice says of what was given back, or lapsed."""
    return totals(order) | {
        "notify_type": "fund_auth_unfreeze",
        "operation_type": "UNFREEZE",
        "auth_no": order.auth_no,
        "out_order_no": order.out_order_no,
        "out_request_no": out_request_no,
        "operation_id": operation_id,
        "amount": yuan(amount_minor),
        "status": "SUCCESS",
    }


def trade_notice(trade: Trade, refund: Refund | None = None) -> Node:
    """What a notice says of a payment, or of a refund."""
    node = pay_view(trade) | {"notify_type": "trade_status_sync", "trade_status": trade.status}
    if refund is None:
        return node
    back = {"out_biz_no": refund.out_request_no, "refund_fee": yuan(trade.refunded_minor)}
    return node | back | {"gmt_refund": written(refund.created_ms)}
