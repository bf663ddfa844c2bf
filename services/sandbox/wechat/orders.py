"""What happens to an order: by the merchant's calls, and by its renter. All amounts in fen.

CREATED → DOING → (completed, collecting) → DONE;   CREATED, DOING → REVOKED;   CREATED → EXPIRED
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

from services.sandbox.clock import ClockMs
from services.sandbox.hosting import ApiError
from services.sandbox.wechat.store import Order, Permission, Store


class Orders:
    """The books of orders and permissions; every method reads and writes within one transaction of its caller's."""

    def __init__(self, store: Store, clock: ClockMs, risk_fund_limit: int) -> None:
        self._store, self._clock, self._limit = store, clock, risk_fund_limit

    def create(self, sent: Mapping[str, Any]) -> Order:
        """A new order, or the one that the same call made before."""
        content = sha256(json.dumps(sent, sort_keys=True).encode()).digest()
        known = self._store.order(sent["out_order_no"])
        if known is not None:
            if known.fingerprint != content:
                raise ApiError(400, "INVALID_REQUEST", "this out_order_no came before with other content")
            return known
        fund = sent["risk_fund"]["amount"]
        if type(fund) is not int or not 0 < fund <= self._limit:
            raise ApiError(400, "PARAM_ERROR", "risk_fund.amount: from 1 to the limit of the service")
        asks = sent["need_user_confirm"]
        if not asks and not self._store.permits(sent["openid"]):
            raise ApiError(403, "NO_AUTH", "the user has not permitted orders without confirmation")
        order = Order(
            sent["out_order_no"],
            content,
            "CREATED" if asks else "DOING",
            0,
            "" if asks else sent["openid"],
            sent.get("attach", ""),
            sent["notify_url"],
            sent["service_introduction"],
            secrets.token_urlsafe(32) if asks else "",
            fund,
        )
        self._store.keep(order)
        return order

    def order(self, out_order_no: str) -> Order:
        """An order; refuses 404 ORDER_NOT_EXIST."""
        found = self._store.order(out_order_no)
        if found is None:
            raise ApiError(404, "ORDER_NOT_EXIST", "no such order")
        return found

    def complete(self, out_order_no: str, sent: Mapping[str, Any]) -> Order:
        """Names what is owed, once: at most the risk fund. Nothing owed ends the order at once."""
        order, total = self.order(out_order_no), sent["total_amount"]
        if order.completed and order.total_minor == total:
            return order
        _refuse_over(order)
        if order.state != "DOING" or order.completed:
            raise ApiError(400, "INVALID_ORDER_STATE", "the order is not running")
        if total != sum(item["amount"] for item in sent["post_payments"]) or not 0 <= total <= order.fund_minor:
            raise ApiError(400, "PARAM_ERROR", "total_amount: the sum of the payments, at most the risk fund")
        return self._kept(replace(order, completed=1, total_minor=total, state="DOING" if total else "DONE"))

    def cancel(self, out_order_no: str) -> Order:
        """Ends an order that was not paid."""
        order = self.order(out_order_no)
        if order.state == "REVOKED":
            return order
        _refuse_over(order)
        return self._kept(replace(order, state="REVOKED"))

    def confirm(self, out_order_no: str) -> Order | None:
        """The renter confirms; None when there is nothing to confirm (any more)."""
        order = self.order(out_order_no)
        if order.state != "CREATED":
            return None
        return self._kept(replace(order, state="DOING", openid=f"o_{secrets.token_hex(8)}"))

    def pay(self, out_order_no: str) -> Order | None:
        """The renter's account pays; None when there is nothing to pay (any more)."""
        order = self.order(out_order_no)
        if order.state != "DOING" or not order.completed:
            return None
        number = f"42{secrets.randbelow(10**26):026d}"
        paid = replace(order, state="DONE", paid_minor=order.total_minor, transaction_id=number, paid_ms=self._clock())
        return self._kept(paid)

    def expire(self, out_order_no: str) -> Order | None:
        """Nobody confirmed it for 30 days."""
        order = self.order(out_order_no)
        return self._kept(replace(order, state="EXPIRED")) if order.state == "CREATED" else None

    def ask_permission(self, code: str, notify_url: str) -> None:
        """A permission that its renter may give."""
        if self._store.permission(code) is None:
            self._store.keep(Permission(code, f"o_{secrets.token_hex(8)}", "UNBINDUSER", notify_url))

    def permission(self, code: str) -> Permission:
        """A permission; refuses 404 RESOURCE_NOT_EXISTS."""
        found = self._store.permission(code)
        if found is None:
            raise ApiError(404, "RESOURCE_NOT_EXISTS", "no such permission")
        return found

    def permit(self, code: str, state: str) -> Permission:
        """The renter gives (AVAILABLE) or takes back (UNAVAILABLE) a permission."""
        changed = replace(self.permission(code), state=state)
        self._store.keep(changed)
        return changed

    def _kept(self, order: Order) -> Order:
        self._store.keep(order)
        return order


def _refuse_over(order: Order) -> None:
    over = {"DONE": "ORDER_DONE", "REVOKED": "ORDER_CANCELED", "EXPIRED": "INVALID_ORDER_STATE"}
    if order.state in over:
        raise ApiError(400, over[order.state], "the order is over")
