"""Partners and their keys, by the keyed hash of the secret."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from services.identity.domain import ApiKey, ApiKeyScope, Partner, api_key_not_found, partner_not_found
from services.runtime.database import Database
from services.runtime.queries import load_queries
from services.runtime.requests import claim
from services.values.requests import Request, already_shown

USE_NOTED_EVERY = timedelta(minutes=1)


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
            what = (key.api_key_id, key.partner_id, key_hash, key.display_name)
            values = (*what, key.created_at, list(key.scopes), key.expires_at)
            if await connection.fetchval(self._sql.insert_api_key, *values) is None:
                raise partner_not_found()

        await self._db.transaction(work)

    async def revoke_api_key(
        self, request: Request, api_key_id: str, partner_id: str, now: datetime, real_now: datetime
    ) -> ApiKey:
        """Ends a key of a partner ("" for any), once; raises API_KEY_NOT_FOUND or REQUEST_ID_REUSED."""

        async def work(connection: Any) -> ApiKey:
            if await claim(connection, request, api_key_id, now) is None:
                revoked = await connection.fetchval(self._sql.revoke_api_key, api_key_id, now, real_now, partner_id)
                if revoked is None:
                    raise api_key_not_found()
            return _api_key(await connection.fetchrow(self._sql.read_api_key, api_key_id))

        return await self._db.transaction(work)

    async def rotate_api_key(
        self,
        request: Request,
        api_key_id: str,
        partner_id: str,
        successor: ApiKey,
        key_hash: bytes,
        ends_at: datetime,
    ) -> ApiKey:
        """The successor of a partner's key ("" for any).

        Raises:
            Refusal: API_KEY_NOT_FOUND, SECRET_ALREADY_SHOWN, REQUEST_ID_REUSED.
        """

        async def work(connection: Any) -> ApiKey:
            if await claim(connection, request, successor.api_key_id, successor.created_at) is not None:
                raise already_shown()
            values = (api_key_id, successor.api_key_id, key_hash, successor.created_at, partner_id)
            if await connection.fetchval(self._sql.succeed_api_key, *values) is None:
                raise api_key_not_found()
            await connection.execute(self._sql.end_api_key, api_key_id, ends_at)
            return _api_key(await connection.fetchrow(self._sql.read_api_key, successor.api_key_id))

        return await self._db.transaction(work)

    async def list_api_keys(self, partner_id: str, before: str, limit: int) -> list[ApiKey]:
        """A partner's keys before a given one, newest first."""
        return [_api_key(row) for row in await self._db.fetch(self._sql.list_api_keys, partner_id, before, limit)]

    async def resolve_api_keys(self, key_hashes: Sequence[bytes], now: datetime) -> list[ApiKey | None]:
        """The key per hash, in order; None for what is unknown, revoked or expired. Notes their use, once a minute."""
        rows = await self._db.fetch(self._sql.resolve_api_keys, list(key_hashes), now)
        keys = [_api_key(row) if row["api_key_id"] else None for row in rows]
        used = {key.api_key_id for key in keys if key is not None and _is_stale(key.last_used_at, now)}
        if used:
            await self._db.execute(self._sql.note_api_keys, sorted(used), now)
        return keys

    async def revoked_since(self, moment: datetime) -> list[str]:
        """Ids of the keys revoked since a moment of real time."""
        return [row["api_key_id"] for row in await self._db.fetch(self._sql.revoked_since, moment)]


def _is_stale(last_used_at: datetime | None, now: datetime) -> bool:
    return last_used_at is None or now - last_used_at > USE_NOTED_EVERY


def _api_key(row: Any) -> ApiKey:
    return ApiKey(
        row["api_key_id"],
        row["partner_id"],
        row["display_name"],
        row["created_at"],
        row["revoked_at"],
        tuple(ApiKeyScope(scope) for scope in row["scopes"]),
        row["expires_at"],
        row["last_used_at"],
    )
