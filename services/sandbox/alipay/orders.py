"""What is frozen and paid: always frozen = paid + unfrozen + lapsed + rest. Pure; refusals are Refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class Refused(Exception):
    """A business refusal: code 40004 with this sub_code."""

    def __init__(self, sub_code: str) -> None:
        super().__init__(sub_code)
        self.sub_code = sub_code


class Status(StrEnum):
    """Of a freeze or unfreeze."""

    INIT = "INIT"
    SUCCESS = "SUCCESS"
    CLOSED = "CLOSED"


class TradeStatus(StrEnum):
    """Of a payment."""

    WAITING = "WAIT_BUYER_PAY"
    SUCCESS = "TRADE_SUCCESS"
    CLOSED = "TRADE_CLOSED"


@dataclass(frozen=True, slots=True)
class Order:
    """One authorization. Credit amounts are parts of the amounts beside them.

    `due_ms` is when (wall clock) an INIT one is confirmed, refused or closed.
    """

    out_order_no: str
    out_request_no: str
    auth_no: str
    operation_id: str
    payer: str
    title: str
    amount_minor: int
    credit_minor: int
    status: str
    paid_minor: int
    paid_credit_minor: int
    released_minor: int
    expired_minor: int
    created_ms: int
    frozen_ms: int | None
    expires_ms: int | None
    due_ms: int | None
    notify_url: str

    @property
    def rest_minor(self) -> int:
        """What is still frozen."""
        if self.status != Status.SUCCESS:
            return 0
        return self.amount_minor - self.paid_minor - self.released_minor - self.expired_minor

    @property
    def rest_credit_minor(self) -> int:
        """The part of it that the credit line stands for: own money is paid first and given back first."""
        return min(self.rest_minor, self.credit_minor - self.paid_credit_minor)

    @property
    def order_status(self) -> str:
        """As `alipay.fund.auth.operation.detail.query` gives it."""
        if self.status != Status.SUCCESS:
            return self.status
        if self.rest_minor:
            return "AUTHORIZED"
        return "FINISH" if self.paid_minor else "CLOSED"


@dataclass(frozen=True, slots=True)
class Unfreeze:
    """An amount that was given back."""

    auth_no: str
    out_request_no: str
    operation_id: str
    amount_minor: int
    credit_minor: int
    created_ms: int


@dataclass(frozen=True, slots=True)
class Trade:
    """A payment from what is frozen. `due_ms` is when (wall clock) a waiting one is paid."""

    out_trade_no: str
    trade_no: str
    auth_no: str
    subject: str
    body: str
    amount_minor: int
    complete: bool
    status: str
    created_ms: int
    paid_ms: int | None
    due_ms: int | None
    refunded_minor: int
    notify_url: str


@dataclass(frozen=True, slots=True)
class Refund:
    """An amount that was paid back."""

    trade_no: str
    out_request_no: str
    amount_minor: int
    created_ms: int


def confirm(order: Order, now_ms: int, lifetime_ms: int) -> Order:
    """The payer confirms."""
    return replace(order, status=Status.SUCCESS, frozen_ms=now_ms, expires_ms=now_ms + lifetime_ms, due_ms=None)


def as_of(order: Order, now_ms: int) -> Order:
    """What is frozen lapses at its end."""
    over = order.expires_ms is not None and now_ms >= order.expires_ms
    return replace(order, expired_minor=order.expired_minor + order.rest_minor) if over else order


def check_open(order: Order) -> None:
    """Raises ORDER_ALREADY_FINISH, ORDER_ALREADY_CLOSED."""
    if not order.rest_minor:
        raise Refused("ORDER_ALREADY_FINISH" if order.order_status == "FINISH" else "ORDER_ALREADY_CLOSED")


def release(order: Order, amount_minor: int) -> Order:
    """Gives back a part; raises AUTH_AMOUNT_NOT_ENOUGH, and as `check_open`."""
    check_open(order)
    if amount_minor > order.rest_minor:
        raise Refused("AUTH_AMOUNT_NOT_ENOUGH")
    return replace(order, released_minor=order.released_minor + amount_minor)


def take(order: Order, amount_minor: int, *, complete: bool) -> Order:
    """Pays a part, own money first; a complete payment gives back the rest. Raises as `release`."""
    check_open(order)
    if amount_minor > order.rest_minor:
        raise Refused("AUTH_AMOUNT_NOT_ENOUGH")
    own = order.rest_minor - order.rest_credit_minor
    taken = replace(
        order,
        paid_minor=order.paid_minor + amount_minor,
        paid_credit_minor=order.paid_credit_minor + max(0, amount_minor - own),
    )
    return release(taken, taken.rest_minor) if complete and taken.rest_minor else taken
