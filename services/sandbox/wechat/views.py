"""Orders, permissions and refunds as WeChat writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from services.sandbox.wechat.store import Order, Permission, Refund

BEIJING = timezone(timedelta(hours=8))


def at_beijing(ms: int) -> datetime:
    """A moment by Beijing's clocks."""
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(BEIJING)


def order_view(order: Order, merchant: dict[str, str]) -> dict[str, Any]:
    """An order; who has to confirm and what was collected are told where they apply."""
    view: dict[str, Any] = {
        **merchant,
        "out_order_no": order.out_order_no,
        "service_introduction": order.introduction,
        "state": order.state,
        "risk_fund": {"name": "DEPOSIT", "amount": order.fund_minor},
        "total_amount": order.total_minor,
        "attach": order.attach,
        "need_collection": bool(order.completed and order.total_minor),
    }
    if order.state == "DOING":
        view["state_description"] = "MCH_COMPLETE" if order.completed else "USER_CONFIRM"
    if order.openid:
        view["openid"] = order.openid
    if order.completed and order.total_minor and order.state != "REVOKED":
        view["collection"] = _collection(order)
    return view


def _collection(order: Order) -> dict[str, Any]:
    paid = order.paid_minor > 0
    collection: dict[str, Any] = {
        "state": "USER_PAID" if paid else "USER_PAYING",
        "total_amount": order.total_minor,
        "paying_amount": order.total_minor - order.paid_minor,
        "paid_amount": order.paid_minor,
    }
    if paid:
        collection["details"] = [
            {
                "seq": 1,
                "amount": order.paid_minor,
                "paid_type": "NEWTON",
                "paid_time": at_beijing(order.paid_ms).strftime("%Y%m%d%H%M%S"),
                "transaction_id": order.transaction_id,
            }
        ]
    return collection


def permission_view(permission: Permission, merchant: dict[str, str]) -> dict[str, Any]:
    """A permission; whose it is, is told once it was given."""
    view = {
        **merchant,
        "authorization_code": permission.authorization_code,
        "authorization_state": permission.state,
    }
    return view if permission.state == "UNBINDUSER" else {**view, "openid": permission.openid}


def refund_view(refund: Refund, order: Order) -> dict[str, Any]:
    """A refund."""
    return {
        "refund_id": refund.refund_id,
        "out_refund_no": refund.out_refund_no,
        "transaction_id": refund.transaction_id,
        "channel": "ORIGINAL",
        "status": refund.status,
        "create_time": at_beijing(refund.made_ms).isoformat(timespec="seconds"),
        "amount": {"total": order.paid_minor, "refund": refund.refund_minor, "currency": "CNY"},
    }
