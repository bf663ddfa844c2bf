"""The books at one moment, for an audit: one read-only snapshot, read bucket by bucket on a connection of its own."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from services.deposits.domain.ledger import Period, Root
from services.deposits.domain.ledger.auditing import Totals
from services.deposits.domain.ledger.books import BookedEntry, BookedTransfer, Head, Pages
from services.deposits.store.ledger.keeping import period_of
from services.runtime.queries import Queries, load_queries
from services.values.ids import BUCKETS


class Snapshot:
    """Implements the `Books` that an audit reads. While it is open the database keeps what it would tidy away."""

    def __init__(self, connection: Any, sql: Queries) -> None:
        self._connection = connection
        self._sql = sql

    @classmethod
    @asynccontextmanager
    async def open(cls, dsn: str) -> AsyncIterator[Snapshot]:
        """The books as they are now; whatever is written meanwhile is not seen."""
        connection = await asyncpg.connect(dsn, timeout=10)
        try:
            await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                yield cls(connection, load_queries("services.deposits"))
        finally:
            await connection.close()

    async def buckets(self) -> AsyncIterator[Pages]:
        """Every bucket, in order."""
        for bucket in range(BUCKETS):
            entries = await self._connection.fetch(self._sql.audit_entries, bucket)
            heads = await self._connection.fetch(self._sql.audit_heads, bucket)
            balances = await self._connection.fetch(self._sql.audit_balances, bucket)
            if entries or heads or balances:
                yield Pages(_transfers(entries), {row[0]: Head(*row[1:]) for row in map(tuple, heads)}, _sums(balances))

    async def roots(self) -> list[Root]:
        """Every day that is closed to bookings."""
        rows = await self._connection.fetch(self._sql.audit_roots)
        return [Root(row["day"], row["closed_at"], row["renters"], row["root"]) for row in rows]

    async def partner_days(self) -> Totals:
        """(debits, credits) by (partner_id, day, account, currency), as they were rolled up."""
        rows = await self._connection.fetch(self._sql.audit_partner_days)
        return {tuple(row)[:4]: (row["debits_minor"], row["credits_minor"]) for row in rows}

    async def periods(self) -> list[Period]:
        """Every closed month."""
        return [period_of(row) for row in await self._connection.fetch(self._sql.audit_periods)]


def _transfers(rows: list[Any]) -> Mapping[str, list[BookedTransfer]]:
    """Transfers by renter; the rows of one transfer come together, entries by position."""
    entries: dict[str, list[BookedEntry]] = defaultdict(list)
    first: dict[str, Any] = {}
    for row in rows:
        first.setdefault(row["transfer_id"], row)
        if row["position"] is not None:
            entry = (row["position"], row["entry_renter_id"], row["account"], row["currency"], row["amount_minor"])
            entries[row["transfer_id"]].append(BookedEntry(*entry))
    transfers: dict[str, list[BookedTransfer]] = defaultdict(list)
    for transfer_id, row in first.items():
        fields = {name: row[name] for name in BookedTransfer.__dataclass_fields__ if name != "entries"}
        transfers[row["renter_id"]].append(BookedTransfer(**fields, entries=tuple(entries[transfer_id])))
    return transfers


def _sums(rows: list[Any]) -> Mapping[str, dict[tuple[str, str], int]]:
    sums: dict[str, dict[tuple[str, str], int]] = defaultdict(dict)
    for row in rows:
        sums[row["renter_id"]][row["account"], row["currency"]] = row["balance_minor"]
    return sums
