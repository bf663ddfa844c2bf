"""The methods of payments from what is frozen: pay, query, refund."""

from __future__ import annotations

from dataclasses import replace

from services.sandbox.alipay import orders
from services.sandbox.alipay.freezing import Freezing, text
from services.sandbox.alipay.numbers import Numbers
from services.sandbox.alipay.orders import Refund, Refused, Trade, TradeStatus
from services.sandbox.alipay.payers import BY_NAME
from services.sandbox.alipay.protocol import GatewayError, Node, fen
from services.sandbox.alipay.views import (
    DONE,
    WAITING,
    pay_view,
    refund_view,
    refunded_view,
    trade_notice,
    trade_view,
)

_PRODUCTS = ("PREAUTH_PAY", "PRE_AUTH_ONLINE", "PRE_AUTH")
_MODES = ("COMPLETE", "NOT_COMPLETE")


class Trading:
    """What is paid and paid back. `late_ms` is how long a payer takes who pays later."""

    def __init__(self, numbers: Numbers, freezing: Freezing, late_ms: int) -> None:
        self._numbers, self._books, self._freezing = numbers, numbers.books, freezing
        self._late_ms = late_ms

    def pay(self, content: Node, notify_url: str) -> Node:
        """`alipay.trade.pay` with an `auth_no`."""
        mode = content.get("auth_confirm_mode", "NOT_COMPLETE")
        if content.get("product_code") not in _PRODUCTS or mode not in _MODES:
            raise GatewayError("40002", "isv.invalid-parameter")
        known = self._books.trade("out_trade_no", text(content, "out_trade_no"))
        if known is not None:
            return self._again(known, fen(content.get("total_amount")))
        order = self._freezing.order_of("auth_no", text(content, "auth_no"))
        if order is None:
            raise Refused("ACQ.AUTH_NO_ERROR")
        trade = self._new(content, mode == "COMPLETE", notify_url)
        orders.take(order, trade.amount_minor, complete=trade.complete)
        self._books.add(trade)
        if BY_NAME[order.payer].pays_later:
            return WAITING | pay_view(trade)
        return DONE | pay_view(self.settle(trade))

    def settle(self, trade: Trade) -> Trade:
        """The payment is made; the rest of a complete one is unfrozen. It is closed when nothing is frozen any more."""
        order = self._freezing.order_of("auth_no", trade.auth_no)
        if order is None or order.rest_minor < trade.amount_minor:
            return self._changed(replace(trade, status=TradeStatus.CLOSED, due_ms=None))
        self._books.change(orders.take(order, trade.amount_minor, complete=trade.complete))
        paid = self._changed(replace(trade, status=TradeStatus.SUCCESS, paid_ms=self._numbers.now(), due_ms=None))
        self._numbers.tell(paid.notify_url, trade_notice(paid))
        return paid

    def query(self, content: Node) -> Node:
        """`alipay.trade.query`."""
        return DONE | trade_view(self._known(content))

    def refund(self, content: Node) -> Node:
        """`alipay.trade.refund`."""
        trade, number, amount = self._known(content), text(content, "out_request_no"), fen(content.get("refund_amount"))
        before = self._books.refund(trade.trade_no, number)
        if before is not None:
            if before.amount_minor != amount:
                raise Refused("ACQ.DISCORDANT_REPEAT_REQUEST")
            return DONE | refund_view(trade, moved=False)
        if trade.paid_ms is None:
            raise Refused("ACQ.TRADE_STATUS_ERROR")
        if trade.refunded_minor + amount > trade.amount_minor:
            raise Refused("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL")
        return DONE | refund_view(self._pay_back(trade, number, amount), moved=True)

    def refunded(self, content: Node) -> Node:
        """`alipay.trade.fastpay.refund.query`."""
        trade, number = self._known(content), text(content, "out_request_no")
        return DONE | refunded_view(trade, self._books.refund(trade.trade_no, number), number)

    def _pay_back(self, trade: Trade, number: str, amount: int) -> Trade:
        back = trade.refunded_minor + amount
        status = TradeStatus.CLOSED if back == trade.amount_minor else trade.status
        after = self._changed(replace(trade, refunded_minor=back, status=status))
        refund = Refund(trade.trade_no, number, amount, self._numbers.now())
        self._books.add(refund)
        self._numbers.tell(trade.notify_url, trade_notice(after, refund))
        return after

    def _again(self, trade: Trade, amount: int) -> Node:
        if trade.amount_minor != amount:
            raise Refused("ACQ.CONTEXT_INCONSISTENT")
        if trade.paid_ms is not None:
            raise Refused("ACQ.TRADE_HAS_SUCCESS")
        if trade.status == TradeStatus.CLOSED:
            raise Refused("ACQ.TRADE_HAS_CLOSE")
        return WAITING | pay_view(trade)

    def _known(self, content: Node) -> Trade:
        by = "trade_no" if content.get("trade_no") else "out_trade_no"
        trade = self._books.trade(by, text(content, by))
        if trade is None:
            raise Refused("ACQ.TRADE_NOT_EXIST")
        return trade

    def _changed(self, trade: Trade) -> Trade:
        self._books.change(trade)
        return trade

    def _new(self, content: Node, complete: bool, notify_url: str) -> Trade:
        return Trade(
            out_trade_no=text(content, "out_trade_no"),
            trade_no=self._numbers.number(),
            auth_no=text(content, "auth_no"),
            subject=text(content, "subject"),
            body=str(content.get("body", "")),
            amount_minor=fen(content.get("total_amount")),
            complete=complete,
            status=TradeStatus.WAITING,
            created_ms=self._numbers.now(),
            paid_ms=None,
            due_ms=self._numbers.wall() + self._late_ms,
            refunded_minor=0,
            notify_url=notify_url,
        )
