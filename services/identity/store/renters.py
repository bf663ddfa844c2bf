"""People, sealed, and their links to partners."""

from __future__ import annotations

import hmac
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
from services.identity.operations.ports import CheckedRow, Enrolment, FoundRenter, NewRenter, Unverified
from services.identity.store.accounts import account_of, lock_account, lock_person, save_account, sealed_of
from services.identity.store.news import News
from services.runtime.database import Database
from services.runtime.queries import load_queries
from services.runtime.requests import claim
from services.values.errors import Refusal
from services.values.ids import bucket_of
from services.values.requests import Request, reused


class RenterStore:
    """Implements the `RenterStore` that operations need."""

    def __init__(self, db: Database, news: News) -> None:
        self._db = db
        self._news = news
        self._sql = load_queries("services.identity")

    async def register(self, enrolments: Sequence[Enrolment]) -> list[str | Refusal]:
        """The id of the person that each request made, or why not: DOCUMENT_ALREADY_REGISTERED, REQUEST_ID_REUSED.

        One transaction for all of them. No two may have the same document.
        """

        async def work(connection: Any) -> list[str | Refusal]:
            fresh = await self._claimed(connection, enrolments)
            await self._insert(connection, [one.renter for one in enrolments if one.renter.renter_id in fresh])
            others = [one for one in enrolments if one.renter.renter_id not in fresh]
            known = dict(zip(_ids(others), await self._known(connection, others), strict=True))
            return [known.get(renter_id, renter_id) for renter_id in _ids(enrolments)]

        return await self._db.transaction(work)

    async def _claimed(self, connection: Any, enrolments: Sequence[Enrolment]) -> set[str]:
        """The renters that are made now: those whose document and whose request_id nobody had."""
        indexes = {one.renter.renter_id: one.renter.document_index for one in enrolments}
        rows = await connection.fetch(self._sql.insert_documents, list(indexes.values()), list(indexes))
        took = {row["renter_id"] for row in rows}
        asked = [one for one in enrolments if one.renter.renter_id in took]
        rows = await connection.fetch(
            self._sql.claim_registrations,
            [one.request.caller for one in asked],
            [one.request.request_id for one in asked],
            [one.request.fingerprint for one in asked],
            _ids(asked),
            [one.renter.created_at for one in asked],
        )
        fresh = {row["subject_id"] for row in rows}
        if took - fresh:
            await connection.execute(self._sql.give_back_documents, [indexes[renter_id] for renter_id in took - fresh])
        return fresh

    async def _insert(self, connection: Any, renters: Sequence[NewRenter]) -> None:
        if renters:
            await connection.execute(
                self._sql.insert_renters,
                [bucket_of(renter.renter_id) for renter in renters],
                [renter.renter_id for renter in renters],
                [renter.partner_id for renter in renters],
                [renter.adult for renter in renters],
                [renter.sealed.wrapped_key for renter in renters],
                [renter.sealed.data for renter in renters],
                [renter.sealed.key_version for renter in renters],
                [renter.verify_after for renter in renters],
                [renter.created_at for renter in renters],
            )

    async def _known(self, connection: Any, enrolments: Sequence[Enrolment]) -> list[str | Refusal]:
        """What requests made that came before; a document without such a request is somebody's."""
        if not enrolments:
            return []
        callers = [one.request.caller for one in enrolments]
        request_ids = [one.request.request_id for one in enrolments]
        rows = await connection.fetch(self._sql.find_registrations, callers, request_ids)
        return [_before(one.request, row) for one, row in zip(enrolments, rows, strict=True)]

    async def find_renters(self, people: Sequence[tuple[str, str]]) -> list[FoundRenter | Refusal]:
        """Accounts per (renter_id, partner_id), in order, each with whether it is linked to the partner."""
        renters = [renter_id for renter_id, _ in people]
        buckets = [bucket_of(renter_id) for renter_id in renters]
        rows = await self._db.fetch(self._sql.read_accounts, buckets, renters, [partner for _, partner in people])
        return [_found(row) for row in rows]

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
            person = await lock_person(connection, self._sql, renter_id, SCORING)
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
    grounds = (row["verified"], row["document_checked"], row["face_checked"])
    return CheckedRow(*grounds, row["adult"], sealed, row["linked"], row["consenting"])


def _ids(enrolments: Sequence[Enrolment]) -> list[str]:
    return [one.renter.renter_id for one in enrolments]


def _before(request: Request, row: Any) -> str | Refusal:
    if row["fingerprint"] is None:
        return document_already_registered()
    same = hmac.compare_digest(row["fingerprint"], request.fingerprint)
    return str(row["subject_id"]) if same else reused()


def _found(row: Any) -> FoundRenter | Refusal:
    return renter_not_found() if row["renter_id"] is None else FoundRenter(account_of(row), row["linked"])
