"""Who saw a person's clear data, append-only."""

from __future__ import annotations

from collections.abc import Sequence

from services.identity.domain import Access
from services.runtime.database import Database
from services.runtime.queries import load_queries
from services.values.ids import bucket_of


class AccessStore:
    """Implements the `AccessStore` that operations need."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._sql = load_queries("services.identity")

    async def record(self, accesses: Sequence[Access]) -> None:
        """Writes them in one statement."""
        await self._db.execute(
            self._sql.insert_accesses,
            [bucket_of(access.renter_id) for access in accesses],
            [access.renter_id for access in accesses],
            [access.access_id for access in accesses],
            [access.actor for access in accesses],
            [",".join(access.fields) for access in accesses],
            [access.reason for access in accesses],
            [access.accessed_at for access in accesses],
        )

    async def list_accesses(self, renter_id: str, before: str, limit: int) -> list[Access]:
        """A person's accesses before a key, newest first."""
        rows = await self._db.fetch(self._sql.list_accesses, bucket_of(renter_id), renter_id, before, limit)
        return [Access(**{**row, "fields": tuple(row["fields"])}) for row in rows]
