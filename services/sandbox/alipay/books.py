"""Where orders, unfreezes, trades and refunds are kept: rows of the dataclasses in `orders`, column by column."""

from __future__ import annotations

import sqlite3
from dataclasses import astuple, fields
from typing import Any

from services.sandbox.alipay.orders import Order, Refund, Trade, Unfreeze

Kept = Order | Trade | Unfreeze | Refund
_TABLES: dict[type, str] = {Order: "orders", Trade: "trades", Unfreeze: "unfreezes", Refund: "refunds"}
_KEYS: dict[type, str] = {Order: "out_order_no", Trade: "out_trade_no"}


class Books:
    """The statements, on a connection whose transactions somebody else begins and ends."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    def add(self, kept: Kept) -> None:
        """A new row."""
        marks = ", ".join("?" for _ in fields(kept))
        self._execute(f"INSERT INTO {_TABLES[type(kept)]} ({_columns(type(kept))}) VALUES ({marks})", astuple(kept))

    def change(self, kept: Order | Trade) -> None:
        """The row with the same number of the merchant's, as it is now."""
        kind = type(kept)
        changes = ", ".join(f"{column.name} = ?" for column in fields(kept))
        key = _KEYS[kind]
        self._execute(f"UPDATE {_TABLES[kind]} SET {changes} WHERE {key} = ?", (*astuple(kept), getattr(kept, key)))

    def order(self, column: str, number: str) -> Order | None:
        """The order with this `auth_no` or `out_order_no`."""
        found = self._rows(Order, f"WHERE {column} = ?", number)
        return found[0] if found else None

    def trade(self, column: str, number: str) -> Trade | None:
        """The trade with this `trade_no` or `out_trade_no`."""
        found = self._rows(Trade, f"WHERE {column} = ?", number)
        return found[0] if found else None

    def unfreeze(self, auth_no: str, out_request_no: str) -> Unfreeze | None:
        """What was given back under a number."""
        found = self._rows(Unfreeze, "WHERE auth_no = ? AND out_request_no = ?", auth_no, out_request_no)
        return found[0] if found else None

    def refund(self, trade_no: str, out_request_no: str) -> Refund | None:
        """What was paid back under a number."""
        found = self._rows(Refund, "WHERE trade_no = ? AND out_request_no = ?", trade_no, out_request_no)
        return found[0] if found else None

    def due_orders(self, wall_ms: int, now_ms: int) -> list[Order]:
        """Freezes that are to be decided, and frozen amounts that lapse."""
        return self._rows(
            Order,
            "WHERE (status = 'INIT' AND due_ms <= ?)"
            " OR (expires_ms <= ? AND paid_minor + released_minor + expired_minor < amount_minor)",
            wall_ms,
            now_ms,
        )

    def due_trades(self, wall_ms: int) -> list[Trade]:
        """Payments that are to be made."""
        return self._rows(Trade, "WHERE status = 'WAIT_BUYER_PAY' AND due_ms <= ?", wall_ms)

    def trades_of(self, since_ms: int, until_ms: int) -> list[Trade]:
        """Payments that were made in a window."""
        return self._rows(Trade, "WHERE paid_ms >= ? AND paid_ms < ? ORDER BY paid_ms, trade_no", since_ms, until_ms)

    def refunds_of(self, since_ms: int, until_ms: int) -> list[Refund]:
        """Refunds of a window."""
        order = "WHERE created_ms >= ? AND created_ms < ? ORDER BY created_ms, out_request_no"
        return self._rows(Refund, order, since_ms, until_ms)

    def everything(self) -> dict[str, list[Kept]]:
        """All of it, by table."""
        return {table: self._rows(kind, "") for kind, table in _TABLES.items()}

    def _rows(self, kind: type[Any], where: str, *arguments: object) -> list[Any]:
        rows = self._execute(f"SELECT {_columns(kind)} FROM {_TABLES[kind]} {where}", arguments).fetchall()
        return [kind(*row) for row in rows]


def _columns(kind: type[Any]) -> str:
    return ", ".join(column.name for column in fields(kind))
