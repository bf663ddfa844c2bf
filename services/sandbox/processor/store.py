"""Where tokens, payment methods, payments and operations are kept: one method per statement."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from typing import Any

from services.sandbox.processor.commands import Kind
from services.sandbox.processor.payments import Payment, Status

_PAYMENT = """id, kind, status, card, payment_method, merchant_reference, currency, amount_minor, captured_minor,
released_minor, expired_minor, decline_code, created_ms, expires_ms"""


@dataclass(frozen=True, slots=True)
class Operation:
    """What was done under one idempotency key; `answer` is the JSON text that was given."""

    idempotency_key: str
    operation: str
    fingerprint: bytes
    answer: str
    created_ms: int


@dataclass(frozen=True, slots=True)
class Refunded:
    """What was paid back of a payment."""

    id: str
    payment: str
    amount_minor: int
    created_ms: int


class Store:
    """The statements, on a connection whose transactions somebody else begins and ends."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    def add_token(self, token: str, card: str) -> None:
        self._execute("INSERT INTO tokens (token, card) VALUES (?, ?)", (token, card))

    def card_of_token(self, token: str) -> str | None:
        return self._text("SELECT card FROM tokens WHERE token = ?", token)

    def add_payment_method(self, method: str, card: str) -> None:
        self._execute("INSERT INTO payment_methods (id, card) VALUES (?, ?)", (method, card))

    def card_of_payment_method(self, method: str) -> str | None:
        return self._text("SELECT card FROM payment_methods WHERE id = ?", method)

    def add_operation(self, operation: Operation) -> None:
        self._execute(
            "INSERT INTO operations (idempotency_key, operation, fingerprint, answer, created_ms)"
            " VALUES (?, ?, ?, ?, ?)",
            (
                operation.idempotency_key,
                operation.operation,
                operation.fingerprint,
                operation.answer,
                operation.created_ms,
            ),
        )

    def operation(self, key: str) -> Operation | None:
        row = self._execute(
            "SELECT idempotency_key, operation, fingerprint, answer, created_ms"
            " FROM operations WHERE idempotency_key = ?",
            (key,),
        ).fetchone()
        return None if row is None else Operation(*row)

    def add_payment(self, payment: Payment) -> None:
        self._execute(
            f"INSERT INTO payments ({_PAYMENT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                payment.id,
                payment.kind,
                payment.status,
                payment.card,
                payment.payment_method,
                payment.merchant_reference,
                payment.currency,
                payment.amount_minor,
                payment.captured_minor,
                payment.released_minor,
                payment.expired_minor,
                payment.decline_code,
                payment.created_ms,
                payment.expires_ms,
            ),
        )

    def change_payment(self, payment: Payment) -> None:
        self._execute(
            "UPDATE payments SET status = ?, amount_minor = ?, captured_minor = ?, released_minor = ?,"
            " expired_minor = ? WHERE id = ?",
            (
                payment.status,
                payment.amount_minor,
                payment.captured_minor,
                payment.released_minor,
                payment.expired_minor,
                payment.id,
            ),
        )

    def add_refund(self, refund: Refunded) -> None:
        self._execute(
            "INSERT INTO refunds (id, payment, amount_minor, created_ms) VALUES (?, ?, ?, ?)",
            (refund.id, refund.payment, refund.amount_minor, refund.created_ms),
        )

    def refunds(self, payment: str) -> list[Refunded]:
        rows = self._execute(
            "SELECT id, payment, amount_minor, created_ms FROM refunds WHERE payment = ? ORDER BY created_ms, id",
            (payment,),
        ).fetchall()
        return [Refunded(*row) for row in rows]

    def pending(self) -> list[str]:
        """Authorizations that wait for the renter."""
        return [str(row[0]) for row in self._execute("SELECT id FROM payments WHERE status = 'pending'").fetchall()]

    def key_of(self, payment: str) -> str:
        """The idempotency key under which a payment was made."""
        return (
            self._text(
                "SELECT idempotency_key FROM operations"
                " WHERE operation IN ('authorization', 'charge') AND answer ->> 'id' = ?",
                payment,
            )
            or ""
        )

    def payment(self, payment_id: str) -> Payment | None:
        row = self._execute(f"SELECT {_PAYMENT} FROM payments WHERE id = ?", (payment_id,)).fetchone()
        if row is None:
            return None
        return replace(_payment(row), refunded_minor=sum(refund.amount_minor for refund in self.refunds(payment_id)))

    def payments_after(self, seq: int, limit: int) -> list[tuple[int, Payment]]:
        """At most `limit` payments that came after the one numbered `seq`, with their numbers."""
        rows = self._execute(
            f"SELECT {_PAYMENT}, seq FROM payments WHERE seq > ? ORDER BY seq LIMIT ?", (seq, limit)
        ).fetchall()
        return [(row[-1], _payment(row[:-1])) for row in rows]

    def _text(self, statement: str, key: str) -> str | None:
        row = self._execute(statement, (key,)).fetchone()
        return None if row is None else str(row[0])


def _payment(row: tuple[Any, ...]) -> Payment:
    payment_id, kind, status, *rest = row
    return Payment(payment_id, Kind(kind), Status(status), *rest)
