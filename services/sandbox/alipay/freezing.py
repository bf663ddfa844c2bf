"""The methods of fund authorization: freezing by a scanned code or an order string, unfreezing, closing, asking."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from services.sandbox.alipay import orders
from services.sandbox.alipay.numbers import Numbers
from services.sandbox.alipay.orders import Order, Refused, Status, Unfreeze
from services.sandbox.alipay.payers import AUTH_CODES, BY_NAME, Confirms, Payer
from services.sandbox.alipay.protocol import GatewayError, Node, fen
from services.sandbox.alipay.views import (
    DONE,
    WAITING,
    detail_view,
    freeze_notice,
    freeze_view,
    unfreeze_notice,
    unfreeze_view,
)

_TIMEOUT, _MINUTES = re.compile(r"([0-9]{1,5})([mhd])"), {"m": 1, "h": 60, "d": 24 * 60}


@dataclass(frozen=True, slots=True)
class Times:
    """How long things take: money stays frozen, payers take who are late, and a minute of the time to confirm."""

    lifetime_ms: int
    late_ms: int
    minute_ms: int


class Freezing:
    """What is frozen."""

    def __init__(self, numbers: Numbers, times: Times) -> None:
        self._numbers, self._books, self._times = numbers, numbers.books, times

    def freeze(self, content: Node, notify_url: str) -> Node:
        """`alipay.fund.auth.order.freeze`."""
        payer = AUTH_CODES.get(text(content, "auth_code"))
        if payer is None:
            raise Refused("PAYMENT_AUTH_CODE_INVALID")
        order = self.begin(content, payer, notify_url)
        return (WAITING if order.status == Status.INIT else DONE) | freeze_view(order)

    def begin(self, content: Node, payer: Payer, notify_url: str) -> Order:
        """The order of a request, made when it is new. Raises CONTEXT_INCONSISTENT, or as the payer does."""
        number, amount = text(content, "out_order_no"), fen(content.get("amount"))
        known = self.order_of("out_order_no", number)
        if known is not None:
            if (known.amount_minor, known.payer) != (amount, payer.name):
                raise Refused("CONTEXT_INCONSISTENT")
            if known.status == Status.CLOSED:
                raise Refused("ORDER_ALREADY_CLOSED")
            return known
        if payer.refusal:
            raise Refused(payer.refusal)
        order = self._new(content, payer, amount, notify_url)
        self._books.add(order)
        return self.decide(order) if payer.confirms is Confirms.AT_ONCE else order

    def decide(self, order: Order) -> Order:
        """The payer confirms or refuses, or the time to confirm is over."""
        if BY_NAME[order.payer].confirms in (Confirms.REFUSES, Confirms.NEVER):
            return self._changed(replace(order, status=Status.CLOSED, due_ms=None))
        confirmed = self._changed(orders.confirm(order, self._numbers.now(), self._times.lifetime_ms))
        self._numbers.tell(confirmed.notify_url, freeze_notice(confirmed))
        return confirmed

    def lapse(self, order: Order) -> Order:
        """What is still frozen at the end goes back, and Alipay tells of it under a number of its own."""
        lapsed = self._changed(orders.as_of(order, self._numbers.now()))
        back = lapsed.expired_minor - order.expired_minor
        number = self._numbers.number()
        self._numbers.tell(order.notify_url, unfreeze_notice(lapsed, f"lapse{number}", number, back))
        return lapsed

    def unfreeze(self, content: Node, notify_url: str) -> Node:
        """`alipay.fund.auth.order.unfreeze`."""
        order, number = self._known("auth_no", text(content, "auth_no")), text(content, "out_request_no")
        amount = fen(content.get("amount"))
        before = self._books.unfreeze(order.auth_no, number)
        if before is not None:
            if before.amount_minor != amount:
                raise Refused("CONTEXT_INCONSISTENT")
            return DONE | unfreeze_view(order, before)
        released = self._changed(orders.release(order, amount))
        credit = order.rest_credit_minor - released.rest_credit_minor
        given = Unfreeze(order.auth_no, number, self._numbers.number(), amount, credit, self._numbers.now())
        self._books.add(given)
        self._numbers.tell(notify_url, unfreeze_notice(released, number, given.operation_id, amount))
        return DONE | unfreeze_view(released, given)

    def cancel(self, content: Node) -> Node:
        """`alipay.fund.auth.operation.cancel`: closes a freeze, or gives all of it back when it was done already."""
        order = self._known("out_order_no", text(content, "out_order_no"))
        action = "close"
        if order.status == Status.INIT:
            order = self._changed(replace(order, status=Status.CLOSED, due_ms=None))
        elif order.rest_minor:
            if order.paid_minor:
                raise Refused("ORDER_ALREADY_PAY")
            order, action = self._changed(orders.release(order, order.rest_minor)), "unfreeze"
        names = ("auth_no", "out_order_no", "out_request_no", "operation_id")
        return DONE | {name: getattr(order, name) for name in names} | {"action": action}

    def detail(self, content: Node) -> Node:
        """`alipay.fund.auth.operation.detail.query`."""
        by = "auth_no" if content.get("auth_no") else "out_order_no"
        order, number = self._known(by, text(content, by)), text(content, "out_request_no")
        if content.get("operation_type") == "UNFREEZE":
            given = self._books.unfreeze(order.auth_no, number)
            if given is not None:
                return DONE | detail_view(order, unfreeze_view(order, given), "UNFREEZE", given.created_ms)
        elif number == order.out_request_no:
            return DONE | detail_view(order, freeze_view(order), "FREEZE", order.created_ms)
        raise Refused("AUTH_OPERATION_NOT_EXIST")

    def order_of(self, column: str, number: str) -> Order | None:
        """An order as it stands now."""
        order = self._books.order(column, number)
        if order is None:
            return None
        over = order.expires_ms is not None and order.expires_ms <= self._numbers.now() and order.rest_minor
        return self.lapse(order) if over else order

    def _known(self, column: str, number: str) -> Order:
        order = self.order_of(column, number)
        if order is None:
            raise Refused("AUTH_ORDER_NOT_EXIST")
        return order

    def _changed(self, order: Order) -> Order:
        self._books.change(order)
        return order

    def _new(self, content: Node, payer: Payer, amount: int, notify_url: str) -> Order:
        takes_ms = timeout_ms(content, self._times) if payer.confirms is Confirms.NEVER else self._times.late_ms
        now = self._numbers.now()
        return Order(
            out_order_no=text(content, "out_order_no"),
            out_request_no=text(content, "out_request_no"),
            auth_no=self._numbers.number(),
            operation_id=self._numbers.number(),
            payer=payer.name,
            title=text(content, "order_title"),
            amount_minor=amount,
            credit_minor=min(amount, payer.credit_minor) if content.get("extra_param") else 0,
            status=Status.INIT,
            paid_minor=0,
            paid_credit_minor=0,
            released_minor=0,
            expired_minor=0,
            created_ms=now,
            frozen_ms=None,
            expires_ms=None,
            due_ms=self._numbers.wall() + takes_ms,
            notify_url=notify_url,
        )


def timeout_ms(content: Node, times: Times) -> int:
    """How long the payer may take to confirm: fifteen minutes when the request does not say. Raises GatewayError."""
    asked = _TIMEOUT.fullmatch(str(content.get("timeout_express", "15m")))
    if asked is None:
        raise GatewayError("40002", "isv.invalid-parameter")
    return int(asked[1]) * _MINUTES[asked[2]] * times.minute_ms


def text(content: Node, name: str) -> str:
    """A field that has to be there; raises GatewayError."""
    value = content.get(name)
    if not isinstance(value, str) or not value:
        raise GatewayError("40001", f"isv.missing-{name.replace('_', '-')}")
    return value
