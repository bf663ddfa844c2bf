"""The bill of a day, in the published layout: every field after a backtick, amounts in yuan, a summary at the end."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from services.sandbox.hosting import ApiError
from services.sandbox.wechat.store import Order, Refund, Store
from services.sandbox.wechat.views import BEIJING, at_beijing

_TITLES = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,"
    "代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,"
    "申请退款金额,费率备注"
)
_SUMMARY = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
_READY_AFTER = timedelta(days=1, hours=10)


def bill_of(store: Store, day: date, now_ms: int, merchant: dict[str, str]) -> bytes:
    """The bill, not zipped; refuses STATEMENT_CREATING before 10:00 of the next day, NO_STATEMENT_EXIST when empty."""
    start = datetime.combine(day, time(), BEIJING)
    if at_beijing(now_ms) < start + _READY_AFTER:
        raise ApiError(400, "STATEMENT_CREATING", "the bill is made after 10:00 of the next day")
    window = (round(start.timestamp() * 1000), round((start + timedelta(days=1)).timestamp() * 1000))
    paid, refunds = store.orders_paid(*window), store.refunds_made(*window)
    if not paid and not refunds:
        raise ApiError(400, "NO_STATEMENT_EXIST", "no trade on that day")
    lines = [_payment(order, merchant) for order in paid]
    for refund in refunds:
        order = store.order_paid_by(refund.transaction_id)
        lines += [_refund(refund, order, merchant)] if order else []
    total, back = sum(o.paid_minor for o in paid), sum(r.refund_minor for r in refunds)
    amounts = (len(lines), _yuan(total), _yuan(back), "0.00", "0.00", _yuan(total), _yuan(back))
    return "\r\n".join([_TITLES, *lines, _SUMMARY, _line(amounts), ""]).encode()


def zipped(bill: bytes) -> bytes:
    """As it is downloaded; the same bytes each time."""
    return gzip.compress(bill, mtime=0)


def _payment(order: Order, merchant: dict[str, str]) -> str:
    amount = _yuan(order.paid_minor)
    end = (amount, "0.00", "", "", "0.00", "0.00", "", "", order.introduction, order.attach, "0.00000", "0.60%")
    return _line((*_start(order, order.paid_ms, merchant, "SUCCESS"), *end, amount, "0.00", ""))


def _refund(refund: Refund, order: Order, merchant: dict[str, str]) -> str:
    amount = _yuan(refund.refund_minor)
    numbers = (refund.refund_id, refund.out_refund_no, amount, "0.00", "ORIGINAL", "SUCCESS")
    end = ("0.00", "0.00", *numbers, order.introduction, order.attach, "0.00000", "0.60%", "0.00", amount, "")
    return _line((*_start(order, refund.made_ms, merchant, "REFUND"), *end))


def _start(order: Order, ms: int, merchant: dict[str, str], state: str) -> tuple[str, ...]:
    """WeChat gives the trade a merchant's number of its own making, not the service order's."""
    at, own = at_beijing(ms).strftime("%Y-%m-%d %H:%M:%S"), f"pap{order.transaction_id}"
    who = (merchant["appid"], merchant["mchid"], "0", "", order.transaction_id, own, order.openid)
    return (at, *who, "PAP", state, "OTHERS", "CNY")


def _line(values: Sequence[object]) -> str:
    return ",".join(f"`{value}" for value in values)


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"
