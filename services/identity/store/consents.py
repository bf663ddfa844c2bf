"""Agreements. A person's row is locked for each change, so that changes of one person have an order."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from services.identity.domain import (
    Consent,
    RenterState,
    ScoringNews,
    after,
    consent_news,
    consent_not_found,
    partner_not_found,
    renter_not_found,
    renter_not_linked,
    state_not_allowed,
)
from services.identity.store.accounts import lock_person
from services.identity.store.news import News
from services.runtime.database import Database
from services.runtime.queries import Queries, load_queries
from services.runtime.requests import claim
from services.values.ids import bucket_of
from services.values.requests import Request


class ConsentStore:
    """Implements the `ConsentStore` that operations need."""

    def __init__(self, db: Database, news: News) -> None:
        self._db = db
        self._news = news
        self._sql = load_queries("services.identity")

    async def grant(self, request: Request, consent: Consent) -> Consent:
        """The agreement in force; raises PARTNER_NOT_FOUND, RENTER_NOT_LINKED or REQUEST_ID_REUSED."""
        bucket, renter_id, purpose = bucket_of(consent.renter_id), consent.renter_id, consent.purpose

        async def work(connection: Any) -> tuple[Consent, bool]:
            person = await lock_person(connection, self._sql, renter_id, purpose)
            if person is None:
                raise renter_not_found()
            first = await claim(connection, request, consent.consent_id, consent.granted_at)
            if first is not None:
                return await self._read(connection, renter_id, first), False
            if person["erasing_at"] is not None:
                raise state_not_allowed(RenterState.ERASING)
            await self._must_be_linked(connection, renter_id, consent.partner_id)
            key = (bucket, renter_id, consent.partner_id, purpose)
            old = await connection.fetchrow(self._sql.consent_in_force, *key)
            if old is not None and old["text_version"] == consent.text_version:
                return Consent(**old), False
            granted = replace(consent, granted_at=after(person["last_change"], consent.granted_at))
            if old is not None:
                ended = (bucket, renter_id, old["consent_id"], granted.granted_at)
                await connection.execute(self._sql.withdraw_consent, *ended)
            values = (bucket, consent.consent_id, *key[1:], consent.text_version, granted.granted_at)
            await connection.execute(self._sql.insert_consent, *values)
            verified = (person["document_verified_at"], person["phone_verified_at"])
            news = consent_news(renter_id, granted.granted_at, person["created_at"], *verified)
            return granted, await self._news.publish(connection, renter_id, news)

        granted, published = await self._db.transaction(work)
        self._news.tell(published)
        return granted

    async def withdraw(self, request: Request, renter_id: str, partner_id: str, purpose: str, now: datetime) -> Consent:
        """The agreement, ended; raises CONSENT_NOT_FOUND or REQUEST_ID_REUSED."""
        bucket = bucket_of(renter_id)

        async def work(connection: Any) -> tuple[Consent, bool]:
            person = await lock_person(connection, self._sql, renter_id, purpose)
            old = await connection.fetchrow(self._sql.consent_in_force, bucket, renter_id, partner_id, purpose)
            first = await claim(connection, request, old["consent_id"] if old else "", now)
            if first is not None:
                return await self._read(connection, renter_id, first), False
            if old is None or person is None:
                raise consent_not_found()
            moment = after(person["last_change"], now)
            await connection.execute(self._sql.withdraw_consent, bucket, renter_id, old["consent_id"], moment)
            still = await lock_person(connection, self._sql, renter_id, purpose)
            news = [] if still["consenting"] else [ScoringNews("CONSENT_WITHDRAWN", renter_id, moment)]
            published = await self._news.publish(connection, renter_id, news)
            return await self._read(connection, renter_id, old["consent_id"]), published

        withdrawn, published = await self._db.transaction(work)
        self._news.tell(published)
        return withdrawn

    async def withdraw_all(self, request: Request, renter_id: str, purpose: str, now: datetime) -> int:
        """How many agreements ended; a repeat ends none. Raises REQUEST_ID_REUSED."""

        async def work(connection: Any) -> tuple[int, bool]:
            if await lock_person(connection, self._sql, renter_id, purpose) is None:
                raise renter_not_found()
            if await claim(connection, request, renter_id, now) is not None:
                return 0, False
            ended = await end_consents(connection, self._sql, self._news, renter_id, purpose, now)
            return ended, ended > 0

        ended, published = await self._db.transaction(work)
        self._news.tell(published)
        return ended

    async def list_consents(self, renter_id: str, before: str, limit: int) -> list[Consent]:
        """A person's agreements before a key, newest first."""
        rows = await self._db.fetch(self._sql.list_consents, bucket_of(renter_id), renter_id, before, limit)
        return [Consent(**row) for row in rows]

    async def _read(self, connection: Any, renter_id: str, consent_id: str) -> Consent:
        return Consent(**await connection.fetchrow(self._sql.read_consent, bucket_of(renter_id), renter_id, consent_id))

    async def _must_be_linked(self, connection: Any, renter_id: str, partner_id: str) -> None:
        if await connection.fetchrow(self._sql.read_partner, partner_id) is None:
            raise partner_not_found()
        if await connection.fetchval(self._sql.read_link, bucket_of(renter_id), renter_id, partner_id) is None:
            raise renter_not_linked()


async def end_consents(connection: Any, sql: Queries, news: News, renter_id: str, purpose: str, now: datetime) -> int:
    """Ends every agreement of a person whose row is locked, and tells scoring; answers how many there were."""
    bucket = bucket_of(renter_id)
    person = await lock_person(connection, sql, renter_id, purpose)
    moment = after(person["last_change"], now)
    ended = await connection.fetch(sql.withdraw_all_consents, bucket, renter_id, purpose, moment)
    if ended:
        await news.publish(connection, renter_id, [ScoringNews("CONSENT_WITHDRAWN", renter_id, moment)])
    return len(ended)
