"""Holds that come to their end, and money that is to go back."""

from __future__ import annotations

from datetime import datetime

from services.deposits.domain import Hold
from services.deposits.operations.ports import RefundQueue
from services.deposits.store.rows import Part
from services.values.ids import bucket_of


class Lapsing(Part):
    """What the clock makes due."""

    async def lapsing_holds(self, soon: datetime, now: datetime, limit: int) -> list[Hold]:
        return [Hold(**row) for row in await self._db.fetch(self._sql.lapsing_holds, soon, now, limit)]

    async def looked_at(self, hold_id: str, again: datetime | None) -> None:
        await self._db.execute(self._sql.looked_at, bucket_of(hold_id), hold_id, again)

    async def refund_queue(self) -> RefundQueue:
        row = await self._db.fetchrow(self._sql.refund_queue)
        assert row is not None  # noqa: S101 (an aggregate has one row)
        return RefundQueue(row["waiting"], row["oldest"])
