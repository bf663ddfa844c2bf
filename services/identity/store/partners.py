"""Partners and their keys, by the keyed hash of the secret."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.identity.domain import ApiKey, Partner, api_key_not_found, partner_not_found
from services.runtime.database import Database
from services.runtime.queries import load_queries
from services.runtime.requests import claim
from services.values.requests import Request, already_shown


class PartnerStore:
    """Implements the `PartnerStore` that operations need."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._sql = load_queries("services.identity")

    async def create_partner(self, request: Request, partner: Partner) -> Partner:
        """The partner that the request made, now or the first time; raises REQUEST_ID_REUSED."""

        async def work(connection: Any) -> Partner:
            first = await claim(connection, request, partner.partner_id, partner.created_at)
            if first is None:
                await connection.execute(
                    self._sql.insert_partner, partner.partner_id, partner.display_name, partner.created_at
                )
            return Partner(**await connection.fetchrow(self._sql.read_partner, first or partner.partner_id))

        return await self._db.transaction(work)

    async def create_api_key(self, request: Request, key: ApiKey, key_hash: bytes) -> None:
        """Keeps a new key; raises PARTNER_NOT_FOUND, SECRET_ALREADY_SHOWN or REQUEST_ID_REUSED."""

        async def work(connection: Any) -> None:
            if await claim(connection, request, key.api_key_id, key.created_at) is not None:
                raise already_shown()
            values = (key.api_key_id, key.partner_id, key_hash, key.display_name, key.created_at)
            if await connection.fetchval(self._sql.insert_api_key, *values) is None:
                raise partner_not_found()

        await self._db.transaction(work)

    async def revoke_api_key(self, request: Request, api_key_id: str, now: datetime, real_now: datetime) -> ApiKey:
        """Ends a key, once; raises API_KEY_NOT_FOUND or REQUEST_ID_REUSED."""

        async def work(connection: Any) -> ApiKey:
            if await claim(connection, request, api_key_id, now) is None:
                revoked = await connection.fetchval(self._sql.revoke_api_key, api_key_id, now, real_now)
                if revoked is None:
                    raise api_key_not_found()
            return ApiKey(**await connection.fetchrow(self._sql.read_api_key, api_key_id))

        return await self._db.transaction(work)

    async def resolve_api_keys(self, key_hashes: Sequence[bytes]) -> list[tuple[str, str] | None]:
        """(api_key_id, partner_id) per hash, in order; None for what is unknown or revoked."""
        rows = await self._db.fetch(self._sql.resolve_api_keys, list(key_hashes))
        return [(row["api_key_id"], row["partner_id"]) if row["api_key_id"] else None for row in rows]

    async def revoked_since(self, moment: datetime) -> list[str]:
        """Ids of the keys revoked since a moment of real time."""
        return [row["api_key_id"] for row in await self._db.fetch(self._sql.revoked_since, moment)]
