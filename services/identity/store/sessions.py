"""Refresh tokens, by their keyed hash."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from services.identity.domain import RenterState, refresh_token_invalid
from services.identity.domain.sessions import Exchange, ShownRefresh, exchange
from services.identity.operations.ports import NewRefresh
from services.identity.store.accounts import account_of
from services.runtime.database import Database
from services.runtime.queries import Queries, load_queries
from services.runtime.requests import claim, find
from services.values.errors import Refusal
from services.values.ids import bucket_of
from services.values.requests import Request, already_shown

log = structlog.get_logger(__name__)
_STOPPED = (RenterState.FROZEN, RenterState.MERGED)


class SessionStore:
    """Implements the `SessionStore` that operations need."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._sql = load_queries("services.identity")

    async def exchange(self, request: Request, shown_hash: bytes, fresh: NewRefresh) -> None:
        """Puts a fresh token in the place of the one that is shown; one that was used ends its session.

        Raises:
            Refusal: REFRESH_TOKEN_INVALID, SECRET_ALREADY_SHOWN, REQUEST_ID_REUSED.
        """
        whose, now = (bucket_of(fresh.renter_id), fresh.renter_id), fresh.issued_at

        async def work(connection: Any) -> Refusal | None:
            row = await connection.fetchrow(self._sql.lock_refresh_token, *whose, shown_hash, fresh.partner_id)
            if await find(connection, request) is not None:
                return already_shown()
            shown = None if row is None else ShownRefresh(**row)
            outcome = exchange(shown, now)
            if shown is not None and outcome is Exchange.COPIED:
                await connection.execute(self._sql.end_session, *whose, shown.session_id, now)
                log.warning("refresh_token_copied", renter_id=fresh.renter_id)
            account = await connection.fetchrow(self._sql.read_account, *whose, fresh.partner_id)
            if shown is None or outcome is not Exchange.FRESH or account_of(account).shown(now) in _STOPPED:
                return refresh_token_invalid()
            await claim(connection, request, shown.session_id, now)
            await connection.execute(self._sql.use_refresh_token, *whose, shown_hash, now)
            await insert_refresh(connection, self._sql, replace(fresh, session_id=shown.session_id))
            return None

        refusal = await self._db.transaction(work)
        if refusal is not None:
            raise refusal

    async def end_sessions(self, request: Request, renter_id: str, now: datetime) -> int:
        """How many sessions ended; a repeat ends none. Raises REQUEST_ID_REUSED."""

        async def work(connection: Any) -> int:
            if await claim(connection, request, renter_id, now) is not None:
                return 0
            ended = await connection.fetchval(self._sql.end_sessions, bucket_of(renter_id), renter_id, now)
            return int(ended)

        return await self._db.transaction(work)


async def insert_refresh(connection: Any, sql: Queries, fresh: NewRefresh) -> None:
    """Keeps a token that is about to be given out."""
    values = (fresh.token_hash, fresh.session_id, fresh.partner_id, fresh.issued_at, fresh.expires_at)
    await connection.execute(sql.insert_refresh_token, bucket_of(fresh.renter_id), fresh.renter_id, *values)
