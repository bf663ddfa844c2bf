"""Which news people were told: a row of `requests` each."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.runtime.database import Database
from services.runtime.requests import claim, find
from services.values.requests import Request


class NoticeStore:
    """Implements the `NoticeStore` that operations need."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def was_told(self, request: Request) -> bool:
        """Whether this was told before; raises REQUEST_ID_REUSED."""

        async def work(connection: Any) -> bool:
            return await find(connection, request) is not None

        return await self._db.transaction(work)

    async def remember(self, request: Request, renter_id: str, now: datetime) -> None:
        """It is told now."""

        async def work(connection: Any) -> None:
            await claim(connection, request, renter_id, now)

        await self._db.transaction(work)
