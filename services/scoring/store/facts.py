"""A person's facts: listed, put right, and commented by the person."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from services.runtime.requests import claim
from services.scoring.domain import Recorded, Served, fact_not_found
from services.scoring.operations.ports import Told
from services.scoring.store.book import Book
from services.scoring.store.rows import recorded_of, sealed_of
from services.values.ids import bucket_of
from services.values.requests import Request


class Facts(Book):
    """Facts one by one."""

    async def list_facts(self, renter_id: str, before: tuple[datetime, str], limit: int) -> list[Told]:
        """A person's facts in force that happened before a moment (and fact_id), newest first."""
        rows = await self._db.fetch(self._sql.list_facts, bucket_of(renter_id), renter_id, *before, limit)
        return [self._told(row) for row in rows]

    async def read_fact(self, renter_id: str, fact_id: str) -> Told | None:
        """One fact as it stands."""
        row = await self._db.fetchrow(self._sql.read_fact, bucket_of(renter_id), renter_id, fact_id)
        return None if row is None else self._told(row)

    async def revise_fact(
        self,
        request: Request,
        renter_id: str,
        fact_id: str,
        revise: Callable[[Recorded], Recorded],
        served: Served,
        now: datetime,
    ) -> Told:
        """Puts one fact right, recomputes the score and has decisions made again; a repeat changes nothing.

        Raises:
            Refusal: FACT_NOT_FOUND, REQUEST_ID_REUSED, and what `revise` raises.
        """

        async def work(connection: Any) -> bool:
            if await claim(connection, request, fact_id, now) is not None:
                return False
            before = await self._in_force(connection, renter_id, fact_id)
            if before is None:
                raise fact_not_found()
            await self._lock(connection, [renter_id], now)
            before = await self._in_force(connection, renter_id, fact_id) or before
            await self._revise(connection, before, [revise(before)], now)
            await self._recompute(connection, [renter_id], served, now)
            first = await connection.fetchval(self._sql.first_recorded, bucket_of(renter_id), renter_id, fact_id)
            await self._tell_deposits(connection, renter_id, first)
            return True

        if await self._db.transaction(work):
            self._published()
        return await self._must_read(renter_id, fact_id)

    async def set_statement(
        self, request: Request, renter_id: str, fact_id: str, statement: str, now: datetime
    ) -> Told:
        """The person's words beside a fact, or none. Raises FACT_NOT_FOUND, REQUEST_ID_REUSED."""
        bucket = bucket_of(renter_id)

        async def work(connection: Any) -> None:
            if await claim(connection, request, fact_id, now) is not None:
                return
            if await self._in_force(connection, renter_id, fact_id) is None:
                raise fact_not_found()
            if not statement:
                await connection.execute(self._sql.delete_statement, bucket, renter_id, fact_id)
                return
            sealed = self._vault.seal_texts(renter_id, [statement])
            values = (sealed.wrapped_key, sealed.data, sealed.key_version, now)
            await connection.execute(self._sql.save_statement, bucket, renter_id, fact_id, *values)

        await self._db.transaction(work)
        return await self._must_read(renter_id, fact_id)

    async def _must_read(self, renter_id: str, fact_id: str) -> Told:
        told = await self.read_fact(renter_id, fact_id)
        if told is None:
            raise fact_not_found()
        return told

    def _told(self, row: Any) -> Told:
        statement = ""
        if row["statement_sealed"] is not None:
            said = {
                "wrapped_key": row["statement_wrapped_key"],
                "sealed": row["statement_sealed"],
                "key_version": row["statement_key_version"],
            }
            (statement,) = self._vault.open_texts(row["renter_id"], sealed_of(said))
        return Told(recorded_of(row, self._vault), statement)
