"""People, sealed, and their links to partners."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from services.identity.domain import (
    SCORING,
    RenterState,
    Verdict,
    after_verdict,
    document_already_registered,
    partner_not_found,
    renter_not_found,
    state_not_allowed,
)
from services.identity.operations.ports import CheckedRow, FoundRenter, NewRenter, Unverified
from services.identity.store.accounts import account_of, lock_account, save_account, sealed_of
from services.identity.store.news import News
from services.runtime.database import Database
from services.runtime.queries import load_queries
from services.runtime.requests import claim
from services.values.ids import bucket_of
from services.values.requests import Request


class RenterStore:
    """Implements the `RenterStore` that operations need."""

    def __init__(self, db: Database, news: News) -> None:
        self._db = db
        self._news = news
        self._sql = load_queries("services.identity")

    async def register(self, request: Request, renter: NewRenter) -> str:
        """The id of the person that the request made; raises DOCUMENT_ALREADY_REGISTERED or REQUEST_ID_REUSED."""
        bucket, renter_id = bucket_of(renter.renter_id), renter.renter_id

        async def work(connection: Any) -> str:
            first = await claim(connection, request, renter_id, renter.created_at)
            if first is not None:
                return first
            if await connection.fetchval(self._sql.insert_document, renter.document_index, renter_id) is None:
                raise document_already_registered()
            sealed, made = renter.sealed, renter.created_at
            values = (bucket, renter_id, renter.adult, sealed.wrapped_key, sealed.data, sealed.key_version)
            await connection.execute(self._sql.insert_renter, *values, made, renter.verify_after)
            await connection.fetchval(self._sql.insert_link, bucket, renter_id, renter.partner_id, made)
            return renter_id

        return await self._db.transaction(work)

    async def find_renter(self, renter_id: str, partner_id: str = "") -> FoundRenter | None:
        """An account, and whether it is linked to the partner."""
        row = await self._db.fetchrow(self._sql.read_account, bucket_of(renter_id), renter_id, partner_id)
        return None if row is None else FoundRenter(account_of(row), row["linked"])

    async def lease_unverified(
        self, now: datetime, lease: timedelta, longest: timedelta, limit: int
    ) -> list[Unverified]:
        """Takes people whose verification is due; each is due again after `lease`, doubled with every try."""
        rows = await self._db.fetch(self._sql.lease_unverified, now, lease, longest, limit)
        return [Unverified(row["renter_id"], sealed_of(row), row["verify_round"]) for row in rows]

    async def finish_verification(
        self, renter_id: str, verify_round: int, verdict: Verdict, until: datetime, now: datetime
    ) -> None:
        """Records the verdict of a round, once, and tells scoring if the person consents."""

        async def work(connection: Any) -> bool:
            before, consenting = await lock_account(connection, self._sql, renter_id)
            if before.verify_round != verify_round:
                return False
            after = after_verdict(before, verdict, until, now)
            return await save_account(connection, self._sql, self._news, before, after, consenting)

        self._news.tell(await self._db.transaction(work))

    async def link(self, request: Request, renter_id: str, partner_id: str, now: datetime) -> datetime:
        """When the two were linked first; raises PARTNER_NOT_FOUND, STATE_NOT_ALLOWED or REQUEST_ID_REUSED."""
        bucket = bucket_of(renter_id)

        async def work(connection: Any) -> datetime:
            person = await connection.fetchrow(self._sql.lock_renter, bucket, renter_id, SCORING)
            if person is None:
                raise renter_not_found()
            if person["erasing_at"] is not None:
                raise state_not_allowed(RenterState.ERASING)
            await claim(connection, request, partner_id, now)
            linked: datetime | None = await connection.fetchval(
                self._sql.insert_link, bucket, renter_id, partner_id, now
            )
            if linked is None:
                raise partner_not_found()
            return linked

        return await self._db.transaction(work)

    async def check(self, people: Sequence[tuple[str, str]], now: datetime) -> list[CheckedRow | None]:
        """Standing, link and consent per (renter_id, partner_id), in order; None for whom nobody knows."""
        renters = [renter_id for renter_id, _ in people]
        buckets = [bucket_of(renter_id) for renter_id in renters]
        partners = [partner_id for _, partner_id in people]
        rows = await self._db.fetch(self._sql.check_renters, buckets, renters, partners, SCORING, now)
        return [_checked(row) for row in rows]


def _checked(row: Any) -> CheckedRow | None:
    if row["adult"] is None:
        return None
    sealed = None if row["adult"] else sealed_of(row)
    return CheckedRow(row["verified"], row["adult"], sealed, row["linked"], row["consenting"])
