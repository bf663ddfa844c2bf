"""The gateway's methods by name: each acts once per number, each answer only when it is durable."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from urllib.parse import parse_qsl

from services.sandbox.alipay.bills import bill, window
from services.sandbox.alipay.books import Books
from services.sandbox.alipay.freezing import Freezing, Times, text, timeout_ms
from services.sandbox.alipay.numbers import Numbers, Told
from services.sandbox.alipay.orders import Order, Refused, Status
from services.sandbox.alipay.payers import (
    AUTH_CODES,
    BY_NAME,
    FREEZE,
    PAY,
    REFUND,
    UNFREEZE,
    Confirms,
    Delivery,
    Payer,
)
from services.sandbox.alipay.protocol import GatewayError, Node, moment
from services.sandbox.alipay.trading import Trading
from services.sandbox.alipay.views import DONE, UNKNOWN
from services.sandbox.clock import ClockMs
from services.sandbox.processor.journal import Journal

APP_FREEZE = "alipay.fund.auth.order.app.freeze"
_BILL = "alipay.data.dataservice.bill.downloadurl.query"
_BILL_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer's node, and how it travels."""

    node: Node
    delivery: Delivery = Delivery.PROMPT


class Gateway:
    """The methods over one journal."""

    def __init__(self, journal: Journal, clock: ClockMs, times: Times) -> None:
        self._journal, self._books, self._times = journal, Books(journal.connection), times
        self._numbers = Numbers(self._books, clock)
        self._freezing = Freezing(self._numbers, times)
        self._trading = Trading(self._numbers, self._freezing, times.late_ms)
        self._met: set[tuple[str, str]] = set()
        self._bills: dict[str, tuple[float, bytes]] = {}
        self._acting: dict[str, Callable[[Node, str], Node]] = {
            FREEZE: self._freezing.freeze,
            UNFREEZE: self._freezing.unfreeze,
            PAY: self._trading.pay,
            REFUND: lambda content, _: self._trading.refund(content),
        }
        self._asking: dict[str, Callable[[Node], Node]] = {
            "alipay.fund.auth.operation.detail.query": self._freezing.detail,
            "alipay.fund.auth.operation.cancel": self._freezing.cancel,
            "alipay.trade.query": self._trading.query,
            "alipay.trade.fastpay.refund.query": self._trading.refunded,
        }

    async def call(self, method: str, content: Node, notify_url: str, base_url: str) -> Outcome:
        """One method; raises GatewayError for an unknown one."""
        return await self._journal.run(lambda: self._once(method, content, notify_url, base_url))

    async def confirm(self, order: Mapping[str, str], content: Node, payer_name: str) -> str:
        """The renter's app hands over an order string; the status that Alipay's app gives back. Raises GatewayError."""
        payer = BY_NAME.get(payer_name)
        if payer is None or order["method"] != APP_FREEZE or self._too_late(order, content):
            return "4000"
        return await self._journal.run(lambda: self._confirm(content, payer, order.get("notify_url", "")))

    async def pass_time(self) -> list[Told]:
        """Decides what is due; the notices that are to be sent."""
        await self._journal.run(self._settle_due)
        told = list(self._numbers.notices)
        self._numbers.notices.clear()
        return told

    async def everything(self) -> Node:
        """The books, for tests and demos."""
        kept = await self._journal.run(self._books.everything)
        return {table: [row_view(row) for row in rows] for table, rows in kept.items()}

    def download(self, token: str) -> bytes | None:
        """A bill by the token of its address, which is good for thirty seconds."""
        until, content = self._bills.pop(token, (0.0, b""))
        return content if time.monotonic() < until else None

    def _once(self, method: str, content: Node, notify_url: str, base_url: str) -> Outcome:
        if method == _BILL:
            return self._node(lambda: self._bill(content, base_url))
        asking = self._asking.get(method)
        if asking is not None:
            return self._node(lambda: asking(content))
        acting = self._acting.get(method)
        if acting is None:
            raise GatewayError("40002", "isv.invalid-method")
        payer, first = self._payer(content), self._first(method, content)
        delivery = payer.delivery if payer is not None and first else Delivery.PROMPT
        if delivery in (Delivery.UNHEARD, Delivery.UNKNOWN_UNDONE):
            return Outcome(UNKNOWN, delivery)
        if payer is not None and first and method in payer.refused_first:
            return Outcome(_refusal(payer.refused_first[method]))
        done = self._node(lambda: acting(content, notify_url))
        return Outcome(UNKNOWN if delivery is Delivery.UNKNOWN else done.node, delivery)

    def _node(self, work: Callable[[], Node]) -> Outcome:
        try:
            return Outcome(work())
        except Refused as refused:
            return Outcome(_refusal(refused.sub_code))

    def _first(self, method: str, content: Node) -> bool:
        number = text(content, "out_trade_no" if method == PAY else "out_request_no")
        first = (method, number) not in self._met
        self._met.add((method, number))
        return first

    def _payer(self, content: Node) -> Payer | None:
        if "auth_code" in content:
            return AUTH_CODES.get(str(content["auth_code"]))
        trade = self._books.trade("trade_no", str(content.get("trade_no", "")))
        order = self._books.order("auth_no", trade.auth_no if trade is not None else str(content.get("auth_no", "")))
        return BY_NAME[order.payer] if order is not None else None

    def _confirm(self, content: Node, payer: Payer, notify_url: str) -> str:
        try:
            order = self._freezing.begin(content, payer, notify_url)
        except Refused:
            return "4000"
        if payer.confirms is Confirms.REFUSES:
            self._freezing.decide(order)
            return "6001"
        return "9000" if order.status == Status.SUCCESS else "8000"

    def _too_late(self, order: Mapping[str, str], content: Node) -> bool:
        """The renter's time to confirm runs from when the order string was signed."""
        given_ms = moment(order["timestamp"]).timestamp() * 1000
        return self._numbers.wall() > given_ms + timeout_ms(content, self._times)

    def _settle_due(self) -> None:
        for order in self._books.due_orders(self._numbers.wall(), self._numbers.now()):
            self._pass(order)
        for trade in self._books.due_trades(self._numbers.wall()):
            self._trading.settle(trade)

    def _pass(self, order: Order) -> None:
        if order.status == Status.INIT:
            self._freezing.decide(order)
        else:
            self._freezing.lapse(order)

    def _bill(self, content: Node, base_url: str) -> Node:
        try:
            day = date.fromisoformat(text(content, "bill_date"))
        except ValueError:
            raise Refused("INVAILID_ARGUMENTS") from None
        _, until_ms = window(day)
        packed = bill(self._books, day) if self._numbers.now() >= until_ms else None
        if packed is None:
            raise Refused("BILL_NOT_EXIST")
        token = secrets.token_urlsafe(16)
        self._bills[token] = (time.monotonic() + _BILL_SECONDS, packed)
        return DONE | {"bill_download_url": f"{base_url}/bills?token={token}"}


def row_view(row: object) -> Node:
    """A row of the books by its column names."""
    return {name: getattr(row, name) for name in row.__slots__}  # type: ignore[attr-defined]


def parameters_of(order_string: str) -> dict[str, str]:
    """The parameters of an order string."""
    return dict(parse_qsl(order_string, keep_blank_values=True))


def _refusal(sub_code: str) -> Node:
    return {"code": "40004", "msg": "Business Failed", "sub_code": sub_code, "sub_msg": "业务失败"}
