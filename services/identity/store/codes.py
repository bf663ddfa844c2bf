"""One-time codes, by their keyed hash; each partner's codes for a person are their own."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.identity.domain import (
    CODES_WINDOW,
    MOST_CODES,
    MOST_TRIES,
    SCORING,
    CodeInForce,
    refusal_of_try,
    tries_exceeded,
    verified_news,
)
from services.identity.operations.ports import NewCode, NewRefresh, ShownCode
from services.identity.store.accounts import lock_person
from services.identity.store.news import News
from services.identity.store.sessions import insert_refresh
from services.runtime.database import Database
from services.runtime.queries import load_queries
from services.runtime.requests import claim, find
from services.values.errors import Refusal
from services.values.ids import bucket_of, new_id
from services.values.requests import Request, already_shown


class CodeStore:
    """Implements the `CodeStore` that operations need."""

    def __init__(self, db: Database, news: News) -> None:
        self._db = db
        self._news = news
        self._sql = load_queries("services.identity")

    async def send_code(self, request: Request, code: NewCode) -> tuple[datetime, bool]:
        """When the code ends, and whether it is new; raises CODE_TRIES_EXCEEDED or REQUEST_ID_REUSED."""
        whose = (bucket_of(code.renter_id), code.renter_id, code.partner_id)
        code_id = new_id("cod")

        async def work(connection: Any) -> tuple[datetime, bool]:
            first = await claim(connection, request, code_id, code.sent_at)
            if first is not None:
                return await connection.fetchval(self._sql.read_code, *whose, first), False
            sent = await connection.fetchval(self._sql.count_codes, *whose, code.sent_at - CODES_WINDOW)
            if sent >= MOST_CODES:
                raise tries_exceeded()
            values = (code_id, code.code_hash, code.sent_at, code.expires_at)
            await connection.execute(self._sql.insert_code, *whose, *values)
            return code.expires_at, True

        return await self._db.transaction(work)

    async def use_code(self, request: Request, shown: ShownCode, refresh: NewRefresh) -> None:
        """Uses the code up, marks the phone verified and begins a session with `refresh`.

        A wrong try is counted and leaves the request_id free.

        Raises:
            Refusal: CODE_INVALID, CODE_TRIES_EXCEEDED, SECRET_ALREADY_SHOWN, REQUEST_ID_REUSED.
        """
        bucket, renter_id = bucket_of(shown.renter_id), shown.renter_id

        async def work(connection: Any) -> tuple[Refusal | None, bool]:
            person = await lock_person(connection, self._sql, renter_id, SCORING)
            refusal = await self._try(connection, request, shown)
            if refusal is not None:
                return refusal, False
            await insert_refresh(connection, self._sql, refresh)
            fresh = await connection.fetchval(self._sql.verify_phone, bucket, renter_id, shown.verified_at)
            consenting = fresh is not None and person["consenting"]
            news = verified_news("PHONE_VERIFIED", renter_id, shown.verified_at, consenting=consenting)
            return None, await self._news.publish(connection, renter_id, news)

        refusal, published = await self._db.transaction(work)
        self._news.tell(published)
        if refusal is not None:
            raise refusal

    async def _try(self, connection: Any, request: Request, shown: ShownCode) -> Refusal | None:
        """None when the code is right and now used; what is given back, unlike what is raised, keeps the count."""
        whose = (bucket_of(shown.renter_id), shown.renter_id, shown.partner_id)
        row = await connection.fetchrow(self._sql.lock_code, *whose, shown.now)
        if await find(connection, request) is not None:
            return already_shown()
        code = None if row is None else CodeInForce(**row)
        refusal = refusal_of_try(code, shown.code_hash)
        if code is None or refusal is not None:
            if code is not None and code.tries < MOST_TRIES:
                await connection.execute(self._sql.count_try, *whose, code.code_id)
            return refusal
        await claim(connection, request, code.code_id, shown.now)
        await connection.execute(self._sql.use_code, *whose, code.code_id, shown.now)
        return None
