"""Where orders, permissions and refunds are kept: one method per statement."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, fields
from typing import Any, TypeVar


@dataclass(frozen=True, slots=True)
class Order:
    """A service order; amounts in fen."""

    out_order_no: str
    fingerprint: bytes
    state: str
    completed: int
    openid: str
    attach: str
    notify_url: str
    introduction: str
    package: str
    fund_minor: int
    total_minor: int = 0
    paid_minor: int = 0
    transaction_id: str = ""
    paid_ms: int = 0


@dataclass(frozen=True, slots=True)
class Permission:
    """A renter's permission for orders without asking."""

    authorization_code: str
    openid: str
    state: str
    notify_url: str


@dataclass(frozen=True, slots=True)
class Refund:
    """What is paid back of a transaction."""

    out_refund_no: str
    refund_id: str
    transaction_id: str
    refund_minor: int
    status: str
    notify_url: str
    made_ms: int


Row = TypeVar("Row", Order, Permission, Refund)
_TABLES = {Order: "orders", Permission: "permissions", Refund: "refunds"}


class Store:
    """The statements, on a connection whose transactions somebody else begins and ends."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    def keep(self, row: Order | Permission | Refund) -> None:
        """Writes a row, new or changed."""
        names = [field.name for field in fields(row)]
        places = ", ".join("?" * len(names))
        values = [getattr(row, name) for name in names]
        self._execute(f"REPLACE INTO {_TABLES[type(row)]} ({', '.join(names)}) VALUES ({places})", values)

    def order(self, out_order_no: str) -> Order | None:
        found = self._all(Order, "out_order_no = ?", out_order_no)
        return found[0] if found else None

    def order_paid_by(self, transaction_id: str) -> Order | None:
        found = self._all(Order, "transaction_id = ? AND transaction_id <> ''", transaction_id)
        return found[0] if found else None

    def orders_paid(self, since_ms: int, until_ms: int) -> list[Order]:
        return self._all(Order, "paid_minor > 0 AND paid_ms >= ? AND paid_ms < ?", since_ms, until_ms)

    def waiting_orders(self) -> list[Order]:
        """Orders that wait for their renters: to be confirmed, or to be paid."""
        return self._all(Order, "state = 'CREATED' OR (state = 'DOING' AND completed)")

    def permission(self, code: str) -> Permission | None:
        found = self._all(Permission, "authorization_code = ?", code)
        return found[0] if found else None

    def waiting_permissions(self) -> list[Permission]:
        """Permissions that were asked for and not given."""
        return self._all(Permission, "state = 'UNBINDUSER'")

    def permits(self, openid: str) -> bool:
        return bool(self._all(Permission, "openid = ? AND state = 'AVAILABLE'", openid))

    def refund(self, out_refund_no: str) -> Refund | None:
        found = self._all(Refund, "out_refund_no = ?", out_refund_no)
        return found[0] if found else None

    def refunds_of(self, transaction_id: str) -> list[Refund]:
        return self._all(Refund, "transaction_id = ?", transaction_id)

    def refunds_made(self, since_ms: int, until_ms: int) -> list[Refund]:
        return self._all(Refund, "status = 'SUCCESS' AND made_ms >= ? AND made_ms < ?", since_ms, until_ms)

    def _all(self, kind: type[Row], where: str, *values: Any) -> list[Row]:
        names = ", ".join(field.name for field in fields(kind))
        rows = self._execute(f"SELECT {names} FROM {_TABLES[kind]} WHERE {where}", values).fetchall()
        return [kind(*row) for row in rows]
