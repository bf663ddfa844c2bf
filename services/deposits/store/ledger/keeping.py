"""Keeping the ledger: partners' days rolled up, finished days sealed, months closed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import Any

from services.deposits.domain.ledger import Leaf, Period, PeriodTotal, Root
from services.deposits.domain.ledger.periods import next_month, not_sealed, out_of_order
from services.deposits.operations.ledger.ports import Place
from services.deposits.store.rows import Part
from services.runtime.requests import claim
from services.values.ids import BUCKETS
from services.values.requests import Request

_BUCKETS_A_READ = 64
_SECONDS = 60.0


class Keeping(Part):
    """What sweepers and operators do with the ledger."""

    async def roll_up(self, after: Place, limit: int) -> list[Place]:
        """Rolls up at most `limit` chains that have grown, those after a place, in one transaction; answers which."""

        async def work(connection: Any) -> list[Place]:
            rows = await connection.fetch(self._sql.lock_unrolled, *after, limit)
            places = [(row["bucket"], row["renter_id"]) for row in rows]
            if places:
                await connection.execute(self._sql.roll_up, [p[0] for p in places], [p[1] for p in places])
            return places

        return await self._db.transaction(work)

    async def first_unsealed_day(self) -> date | None:
        """The first day that is open to bookings, None before anything was booked."""
        day: date | None = await self._db.fetchval(self._sql.first_unsealed_day, timeout=_SECONDS)
        return day

    async def close_days(self, days: list[date], real_now: datetime) -> None:
        """Takes no more bookings on these days."""
        await self._db.execute(self._sql.close_days, days, real_now)

    async def next_to_seal(self, closed_by: datetime) -> tuple[date, bytes] | None:
        """The next day to seal, with the root of the day before; b"" for the first."""
        row = await self._db.fetchrow(self._sql.next_to_seal, closed_by)
        return None if row is None else (row["day"], row["previous"] or b"")

    async def leaves_of(self, day: date) -> AsyncIterator[Leaf]:
        """The last link of every renter on a day, in the order of (bucket, renter_id)."""
        for first in range(0, BUCKETS, _BUCKETS_A_READ):
            rows = await self._db.fetch(self._sql.leaves_of, first, first + _BUCKETS_A_READ, day, timeout=_SECONDS)
            for row in sorted(rows, key=lambda row: (row["bucket"], row["renter_id"])):
                yield Leaf(row["renter_id"], row["link"], row["link_hash"])

    async def seal_day(self, day: date, root: bytes, renters: int) -> None:
        """Writes the root of a day once."""
        await self._db.execute(self._sql.seal_day, day, root, renters)

    async def list_roots(self, before: date, limit: int) -> list[Root]:
        """Sealed days before a day, newest first."""
        rows = await self._db.fetch(self._sql.list_roots, before, limit)
        return [Root(row["day"], row["closed_at"], row["renters"], row["root"]) for row in rows]

    async def close_period(self, request: Request, month: date, operator: str, now: datetime) -> Period:
        """Closes a month with the totals that it has; one that is closed stays as it is."""
        after = next_month(month)

        async def work(connection: Any) -> Period:
            await claim(connection, request, month.isoformat(), now)
            state = await connection.fetchrow(self._sql.period_to_close, month, after)
            if not state["sealed"]:
                raise not_sealed()
            if state["out_of_order"]:
                raise out_of_order()
            totals = [dict(row) for row in await connection.fetch(self._sql.period_totals, month, after)]
            await connection.execute(self._sql.close_period, month, operator, now, totals)
            (row,) = await connection.fetch(self._sql.read_periods, month, after)
            return period_of(row)

        return await self._db.transaction(work, timeout=_SECONDS)

    async def read_periods(self, first: date, after: date) -> list[Period]:
        """The closed months that touch a span of days."""
        return [period_of(row) for row in await self._db.fetch(self._sql.read_periods, first, after)]


def period_of(row: Any) -> Period:
    """A period from its row."""
    totals = tuple(PeriodTotal(**total) for total in row["totals"])
    return Period(row["month"], row["closed_by"], row["closed_at"], totals)
