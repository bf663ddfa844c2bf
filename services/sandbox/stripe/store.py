"""Where the stand-in keeps its objects: as they are shown, in SQLite, with what is to happen to them and when."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from services.sandbox.stripe.errors import missing

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answered:
    """What was answered under an idempotency key."""

    fingerprint: bytes
    status: int
    body: str


class Store:
    """SQL on one connection; whoever calls has a transaction open."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    def put(self, thing: Json, due_ms: int | None = None) -> None:
        """Keeps an object as it is now."""
        names = (thing.get("customer"), thing.get("payment_intent"), thing["created"], due_ms, json.dumps(thing))
        self._execute(
            "INSERT INTO objects (id, object, customer, payment_intent, created, due_ms, body) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
            "customer = excluded.customer, due_ms = excluded.due_ms, body = excluded.body",
            (thing["id"], thing["object"], *names),
        )

    def find(self, kind: str, object_id: str) -> Json | None:
        """An object, if there is one of that kind."""
        row = self._execute("SELECT body FROM objects WHERE id = ? AND object = ?", (object_id, kind)).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def get(self, kind: str, object_id: str, param: str = "id") -> Json:
        """An object. Error: 404 resource_missing."""
        found = self.find(kind, object_id)
        if found is None:
            raise missing(kind, param)
        return found

    def page(self, kind: str, filters: Json, after: str | None, limit: int) -> tuple[list[Json], bool]:
        """A page, newest first, and whether there is more. Filters: customer, payment_intent, created gte, lt."""
        where, values = ["object = ?"], [kind]
        for column, value in filters.items():
            where.append(column)
            values.append(value)
        if after is not None:
            where.append("seq < (SELECT seq FROM objects WHERE id = ?)")
            values.append(after)
        query = f"SELECT body FROM objects WHERE {' AND '.join(where)} ORDER BY seq DESC LIMIT ?"
        rows = self._execute(query, (*values, limit + 1)).fetchall()
        return [json.loads(row[0]) for row in rows[:limit]], len(rows) > limit

    def due(self, now_ms: int) -> list[Json]:
        """Objects to which something is to happen."""
        rows = self._execute(
            "SELECT body FROM objects WHERE due_ms <= ? ORDER BY due_ms, seq LIMIT 100", (now_ms,)
        ).fetchall()
        return [json.loads(row[0]) for row in rows]

    def answered(self, key: str) -> Answered | None:
        """What a key answered."""
        row = self._execute(
            "SELECT fingerprint, status, body FROM answers WHERE idempotency_key = ?", (key,)
        ).fetchone()
        return None if row is None else Answered(*row)

    def remember(self, key: str, answered: Answered) -> None:
        """Keeps an answer."""
        self._execute(
            "INSERT INTO answers (idempotency_key, fingerprint, status, body) VALUES (?, ?, ?, ?)",
            (key, answered.fingerprint, answered.status, answered.body),
        )
