"""People, partners, consent and codes in PostgreSQL; the only user of the database here."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.identity.domain import SCORING, Consent, Renter, RenterState, ScoringNews, consent_news, verified_news
from services.identity.operations.access import CODES_WINDOW, MOST_CODES, MOST_TRIES, code_invalid, tries_exceeded
from services.identity.operations.ports import (
    ApiKey,
    CheckedRow,
    FoundRenter,
    NewRenter,
    Partner,
    Unverified,
    partner_not_found,
    renter_not_found,
)
from services.identity.vault import Sealed
from services.runtime.database import Database
from services.runtime.queries import load_queries
from services.runtime.requests import claim
from services.values.errors import Category, Refusal
from services.values.ids import bucket_of, new_id
from services.values.requests import Request, already_shown


class Store:
    """Implements the `Store` that operations need; each change is one transaction with its request and its events.

    Args:
        real_now: real time, for the outbox.
        published: called after a commit that wrote events.
    """

    def __init__(self, db: Database, real_now: Any, published: Any) -> None:
        self._db = db
        self._sql = load_queries("services.identity")
        self._real_now = real_now
        self._published = published

    async def create_partner(self, request: Request, partner: Partner) -> Partner:
        async def work(connection: Any) -> Partner:
            first = await claim(connection, request, partner.partner_id, partner.created_at)
            if first is None:
                await connection.execute(
                    self._sql.insert_partner, partner.partner_id, partner.display_name, partner.created_at
                )
            return Partner(**await connection.fetchrow(self._sql.read_partner, first or partner.partner_id))

        return await self._db.transaction(work)

    async def create_api_key(self, request: Request, key: ApiKey, key_hash: bytes) -> None:
        async def work(connection: Any) -> None:
            if await claim(connection, request, key.api_key_id, key.created_at) is not None:
                raise already_shown()
            values = (key.api_key_id, key.partner_id, key_hash, key.display_name, key.created_at)
            if await connection.fetchval(self._sql.insert_api_key, *values) is None:
                raise partner_not_found()

        await self._db.transaction(work)

    async def revoke_api_key(self, request: Request, api_key_id: str, now: datetime, real_now: datetime) -> ApiKey:
        async def work(connection: Any) -> ApiKey:
            if await claim(connection, request, api_key_id, now) is None:
                revoked = await connection.fetchval(self._sql.revoke_api_key, api_key_id, now, real_now)
                if revoked is None:
                    raise Refusal(Category.NOT_FOUND, "API_KEY_NOT_FOUND", "no such API key")
            return ApiKey(**await connection.fetchrow(self._sql.read_api_key, api_key_id))

        return await self._db.transaction(work)

    async def resolve_api_keys(self, key_hashes: Sequence[bytes]) -> list[tuple[str, str] | None]:
        rows = await self._db.fetch(self._sql.resolve_api_keys, list(key_hashes))
        return [(row["api_key_id"], row["partner_id"]) if row["api_key_id"] else None for row in rows]

    async def revoked_since(self, moment: datetime) -> list[str]:
        return [row["api_key_id"] for row in await self._db.fetch(self._sql.revoked_since, moment)]

    async def register(self, request: Request, renter: NewRenter, now: datetime, verify_after: datetime) -> str:
        bucket, renter_id = bucket_of(renter.renter_id), renter.renter_id

        async def work(connection: Any) -> str:
            first = await claim(connection, request, renter_id, now)
            if first is not None:
                return first
            if await connection.fetchval(self._sql.insert_document, renter.document_index, renter_id) is None:
                raise Refusal(
                    Category.ALREADY_EXISTS, "DOCUMENT_ALREADY_REGISTERED", "a renter with this document exists"
                )
            sealed: Sealed = renter.sealed
            values = (bucket, renter_id, renter.adult, sealed.wrapped_key, sealed.data, now, verify_after)
            await connection.execute(self._sql.insert_renter, *values)
            await connection.fetchval(self._sql.insert_link, bucket, renter_id, renter.partner_id, now)
            return renter_id

        return await self._db.transaction(work)

    async def find_renter(self, renter_id: str, partner_id: str = "") -> FoundRenter | None:
        row = await self._db.fetchrow(self._sql.read_renter, bucket_of(renter_id), renter_id, partner_id)
        if row is None:
            return None
        renter = Renter(renter_id, RenterState(row["state"]), row["phone_verified_at"] is not None, row["created_at"])
        return FoundRenter(renter, Sealed(row["wrapped_key"], row["sealed"]), row["linked"])

    async def lease_unverified(self, now: datetime, until: datetime, limit: int) -> list[Unverified]:
        rows = await self._db.fetch(self._sql.lease_unverified, now, until, limit)
        return [
            Unverified(row["renter_id"], Sealed(row["wrapped_key"], row["sealed"]), row["verify_attempts"])
            for row in rows
        ]

    async def finish_verification(self, renter_id: str, state: RenterState, now: datetime) -> None:
        bucket = bucket_of(renter_id)

        async def work(connection: Any) -> bool:
            person = await connection.fetchrow(self._sql.lock_renter, bucket, renter_id, SCORING)
            done = await connection.fetchval(self._sql.finish_verification, bucket, renter_id, state.value, now)
            news: list[ScoringNews] = []
            if done is not None and state is RenterState.VERIFIED:
                news = verified_news("DOCUMENT_VERIFIED", renter_id, now, consenting=person["consenting"])
            return await self._publish(connection, renter_id, news)

        self._tell(await self._db.transaction(work))

    async def link(self, request: Request, renter_id: str, partner_id: str, now: datetime) -> datetime:
        bucket = bucket_of(renter_id)

        async def work(connection: Any) -> datetime:
            await claim(connection, request, partner_id, now)
            linked: datetime | None = await connection.fetchval(
                self._sql.insert_link, bucket, renter_id, partner_id, now
            )
            if linked is None:
                raise partner_not_found()
            return linked

        return await self._db.transaction(work)

    async def send_code(
        self, request: Request, renter_id: str, code_hash: bytes, now: datetime, expires_at: datetime
    ) -> tuple[datetime, bool]:
        """When the code ends, and whether it is new (a repeat sends nothing)."""
        bucket, code_id = bucket_of(renter_id), new_id("cod")

        async def work(connection: Any) -> tuple[datetime, bool]:
            first = await claim(connection, request, code_id, now)
            if first is not None:
                return await connection.fetchval(self._sql.read_code, bucket, renter_id, first), False
            if await connection.fetchval(self._sql.count_codes, bucket, renter_id, now - CODES_WINDOW) >= MOST_CODES:
                raise tries_exceeded()
            await connection.execute(self._sql.insert_code, bucket, renter_id, code_id, code_hash, now, expires_at)
            return expires_at, True

        return await self._db.transaction(work)

    async def use_code(
        self, request: Request, renter_id: str, code_hash: bytes, now: datetime, business_now: datetime
    ) -> None:
        """Uses the code up and marks the phone verified; a wrong try is counted, and that is kept."""
        bucket = bucket_of(renter_id)

        async def work(connection: Any) -> tuple[Refusal | None, bool]:
            person = await connection.fetchrow(self._sql.lock_renter, bucket, renter_id, SCORING)
            code = await connection.fetchrow(self._sql.lock_code, bucket, renter_id, now)
            refusal = await self._try_code(connection, request, renter_id, code, code_hash, now)
            if refusal is not None:
                return refusal, False
            fresh = await connection.fetchval(self._sql.verify_phone, bucket, renter_id, business_now)
            consenting = fresh is not None and person["consenting"]
            news = verified_news("PHONE_VERIFIED", renter_id, business_now, consenting=consenting)
            return None, await self._publish(connection, renter_id, news)

        refusal, published = await self._db.transaction(work)
        self._tell(published)
        if refusal is not None:
            raise refusal

    async def _try_code(
        self, connection: Any, request: Request, renter_id: str, code: Any, code_hash: bytes, now: datetime
    ) -> Refusal | None:
        """None when the code is right and now used; wrong tries leave the request's id free for another try."""
        bucket = bucket_of(renter_id)
        if code is None:
            first = await claim(connection, request, "", now)
            return already_shown() if first else code_invalid()
        if code["tries"] >= MOST_TRIES:
            return tries_exceeded()
        if not hmac.compare_digest(code["code_hash"], code_hash):
            await connection.execute(self._sql.count_try, bucket, renter_id, code["code_id"])
            return code_invalid()
        if await claim(connection, request, code["code_id"], now) is not None:
            return already_shown()
        await connection.execute(self._sql.use_code, bucket, renter_id, code["code_id"], now)
        return None

    async def grant(self, request: Request, consent: Consent) -> Consent:
        renter_id, now = consent.renter_id, consent.granted_at
        bucket = bucket_of(renter_id)

        async def work(connection: Any) -> tuple[Consent, bool]:
            first = await claim(connection, request, consent.consent_id, now)
            if first is not None:
                return await self._consent(connection, renter_id, first), False
            person = await self._linked(connection, renter_id, consent.partner_id)
            key = (bucket, renter_id, consent.partner_id, consent.purpose)
            old = await connection.fetchrow(self._sql.consent_in_force, *key)
            if old is not None and old["text_version"] == consent.text_version:
                return Consent(**old), False
            if old is not None:
                await connection.execute(self._sql.withdraw_consent, bucket, renter_id, old["consent_id"], now)
            await connection.execute(
                self._sql.insert_consent, bucket, consent.consent_id, *key[1:], consent.text_version, now
            )
            verified = (person["document_verified_at"], person["phone_verified_at"])
            news = consent_news(renter_id, now, person["created_at"], *verified)
            return consent, await self._publish(connection, renter_id, news)

        granted, published = await self._db.transaction(work)
        self._tell(published)
        return granted

    async def withdraw(self, request: Request, renter_id: str, partner_id: str, purpose: str, now: datetime) -> Consent:
        bucket = bucket_of(renter_id)

        async def work(connection: Any) -> tuple[Consent, bool]:
            await connection.fetchrow(self._sql.lock_renter, bucket, renter_id, purpose)
            old = await connection.fetchrow(self._sql.consent_in_force, bucket, renter_id, partner_id, purpose)
            first = await claim(connection, request, old["consent_id"] if old else "", now)
            if first is not None:
                return await self._consent(connection, renter_id, first), False
            if old is None:
                raise Refusal(Category.NOT_FOUND, "CONSENT_NOT_FOUND", "no such consent is in force")
            await connection.execute(self._sql.withdraw_consent, bucket, renter_id, old["consent_id"], now)
            person = await connection.fetchrow(self._sql.lock_renter, bucket, renter_id, purpose)
            news = [] if person["consenting"] else [ScoringNews("CONSENT_WITHDRAWN", renter_id, now)]
            published = await self._publish(connection, renter_id, news)
            return await self._consent(connection, renter_id, old["consent_id"]), published

        withdrawn, published = await self._db.transaction(work)
        self._tell(published)
        return withdrawn

    async def list_consents(self, renter_id: str, before: str, limit: int) -> list[Consent]:
        rows = await self._db.fetch(self._sql.list_consents, bucket_of(renter_id), renter_id, before, limit)
        return [Consent(**row) for row in rows]

    async def check(self, people: Sequence[tuple[str, str]]) -> list[CheckedRow | None]:
        renters = [renter_id for renter_id, _ in people]
        buckets = [bucket_of(renter_id) for renter_id in renters]
        rows = await self._db.fetch(
            self._sql.check_renters, buckets, renters, [partner_id for _, partner_id in people], SCORING
        )
        return [_checked(row) for row in rows]

    async def _consent(self, connection: Any, renter_id: str, consent_id: str) -> Consent:
        return Consent(**await connection.fetchrow(self._sql.read_consent, bucket_of(renter_id), renter_id, consent_id))

    async def _linked(self, connection: Any, renter_id: str, partner_id: str) -> Any:
        """Locks the person; raises RENTER_NOT_FOUND, PARTNER_NOT_FOUND or RENTER_NOT_LINKED."""
        bucket = bucket_of(renter_id)
        person = await connection.fetchrow(self._sql.lock_renter, bucket, renter_id, SCORING)
        if person is None:
            raise renter_not_found()
        if await connection.fetchrow(self._sql.read_partner, partner_id) is None:
            raise partner_not_found()
        if await connection.fetchval(self._sql.read_link, bucket, renter_id, partner_id) is None:
            raise Refusal(
                Category.FAILED_PRECONDITION, "RENTER_NOT_LINKED", "no link to this partner; LinkPartner first"
            )
        return person

    async def _publish(self, connection: Any, renter_id: str, news: Sequence[ScoringNews]) -> bool:
        if news:
            await connection.execute(
                self._sql.insert_news,
                bucket_of(renter_id),
                renter_id,
                [new_id("evt") for _ in news],
                [item.kind for item in news],
                [{"fact_id": item.fact_id, "occurred_at": item.occurred_at.isoformat()} for item in news],
                self._real_now(),
            )
        return bool(news)

    def _tell(self, published: bool) -> None:
        if published:
            self._published()


def _checked(row: Any) -> CheckedRow | None:
    if row["state"] is None:
        return None
    sealed = None if row["adult"] else Sealed(row["wrapped_key"], row["sealed"])
    return CheckedRow(RenterState(row["state"]), row["adult"], sealed, row["linked"], row["consenting"])
