"""Accounts: read, locked and written whole; every change by somebody leaves a note."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.identity.domain import (
    SCORING,
    Account,
    RenterState,
    ScoringNews,
    renter_not_found,
    verified_news,
)
from services.identity.operations.ports import Apply, Note
from services.identity.store.news import News
from services.runtime.database import Database
from services.runtime.queries import Queries, load_queries
from services.runtime.requests import claim, find
from services.values.ids import bucket_of, new_id
from services.values.requests import Request
from services.values.sealed import Sealed


class AccountStore:
    """Implements the `AccountStore` that operations need."""

    def __init__(self, db: Database, news: News) -> None:
        self._db = db
        self._news = news
        self._sql = load_queries("services.identity")

    async def change(self, request: Request, renter_id: str, note: Note, apply: Apply, beside: str = "") -> Account:
        """The account after the change, or as it is when the request was carried out before.

        Raises:
            Refusal: what `apply` raises, RENTER_NOT_FOUND, REQUEST_ID_REUSED.
        """
        bucket, change_id = bucket_of(renter_id), new_id("chg")

        async def work(connection: Any) -> tuple[Account, bool]:
            locked = await _lock(connection, self._sql, [renter_id, beside] if beside else [renter_id])
            if renter_id not in locked:
                raise renter_not_found()
            before, consenting = locked[renter_id]
            if await claim(connection, request, change_id, note.changed_at) is not None:
                return before, False
            after = apply(before, locked[beside][0] if beside in locked else None)
            values = (bucket, renter_id, change_id, note.kind, note.actor, note.reason, note.changed_at)
            await connection.execute(self._sql.insert_account_change, *values)
            return after, await save_account(connection, self._sql, self._news, before, after, consenting)

        account, published = await self._db.transaction(work)
        self._news.tell(published)
        return account

    async def find_changed(self, request: Request, renter_id: str) -> Account | None:
        """The account, when the request was carried out before; raises REQUEST_ID_REUSED."""

        async def work(connection: Any) -> Account | None:
            if await find(connection, request) is None:
                return None
            return (await lock_account(connection, self._sql, renter_id))[0]

        return await self._db.transaction(work)


class WrapStore:
    """Implements the `WrapStore` that operations need."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._sql = load_queries("services.identity")

    async def find_old_wraps(self, active: int, limit: int) -> list[tuple[str, Sealed]]:
        """Renters and staff whose data key is wrapped by an older key than the active one."""
        rows = await self._db.fetch(self._sql.find_old_wraps, active, limit)
        return [(row["owner_id"], sealed_of(row)) for row in rows]

    async def save_wraps(self, wraps: Sequence[tuple[str, Sealed, Sealed]]) -> None:
        """Writes (owner's id, before, after), where nothing else has changed the key meanwhile."""
        renters = [wrap for wrap in wraps if wrap[0].startswith("rnt_")]
        staff = [wrap for wrap in wraps if not wrap[0].startswith("rnt_")]
        if renters:
            buckets = [bucket_of(renter_id) for renter_id, _, _ in renters]
            await self._db.execute(self._sql.save_wraps, buckets, *_columns(renters))
        if staff:
            await self._db.execute(self._sql.save_staff_wraps, *_columns(staff))


def _columns(wraps: Sequence[tuple[str, Sealed, Sealed]]) -> tuple[list[str], list[bytes], list[bytes], int]:
    owners = [owner_id for owner_id, _, _ in wraps]
    before, after = [old.wrapped_key for _, old, _ in wraps], [fresh.wrapped_key for _, _, fresh in wraps]
    return owners, before, after, wraps[0][2].key_version


async def lock_account(connection: Any, sql: Queries, renter_id: str) -> tuple[Account, bool]:
    """The account, locked, and whether its person consents to scoring; raises RENTER_NOT_FOUND."""
    locked = await _lock(connection, sql, [renter_id])
    if renter_id not in locked:
        raise renter_not_found()
    return locked[renter_id]


async def lock_person(connection: Any, sql: Queries, renter_id: str, purpose: str) -> Any:
    """What is verified of a person, locked, and consented by them; None when there is no such person."""
    bucket = bucket_of(renter_id)
    await connection.execute(sql.hold_renters, [bucket], [renter_id])
    return await connection.fetchrow(sql.read_held_renter, bucket, renter_id, purpose)


async def save_account(
    connection: Any, sql: Queries, news: News, before: Account, after: Account, consenting: bool
) -> bool:
    """Writes a locked account and tells scoring what is newly verified; answers whether it told anything."""
    if after == before:
        return False
    await connection.execute(
        sql.save_account,
        bucket_of(after.renter_id),
        after.renter_id,
        after.state.value,
        after.sealed.wrapped_key,
        after.sealed.data,
        after.verify_after,
        after.document_verified_at,
        after.phone_verified_at,
        after.verified_until,
        after.face_checked_at,
        after.frozen_at,
        after.merged_into,
        after.verify_round,
        after.sealed.key_version,
    )
    if after.sealed != before.sealed:  # another phone: what was sent to the old one ends, and so do its sessions
        await connection.execute(sql.end_codes, bucket_of(after.renter_id), after.renter_id)
        await connection.execute(sql.end_sessions, bucket_of(after.renter_id), after.renter_id, news.real_now())
    return await news.publish(connection, after.renter_id, _news_of(before, after, consenting))


def _news_of(before: Account, after: Account, consenting: bool) -> list[ScoringNews]:
    if after.document_verified_at is None or after.document_verified_at == before.document_verified_at:
        return []
    return verified_news("DOCUMENT_VERIFIED", after.renter_id, after.document_verified_at, consenting=consenting)


async def _lock(connection: Any, sql: Queries, renter_ids: list[str]) -> dict[str, tuple[Account, bool]]:
    buckets = [bucket_of(renter_id) for renter_id in renter_ids]
    await connection.execute(sql.hold_renters, buckets, renter_ids)
    rows = await connection.fetch(sql.read_held_accounts, buckets, renter_ids, SCORING)
    return {row["renter_id"]: (account_of(row), row["consenting"]) for row in rows}


def account_of(row: Any) -> Account:
    """A row of `renters`."""
    return Account(
        row["renter_id"],
        RenterState(row["state"]),
        sealed_of(row),
        row["created_at"],
        row["verify_after"],
        row["document_verified_at"],
        row["phone_verified_at"],
        row["verified_until"],
        row["face_checked_at"],
        row["frozen_at"],
        row["merged_into"],
        row["verify_round"],
        row["erasing_at"],
        row["erased_at"],
    )


def sealed_of(row: Any) -> Sealed:
    """A person's sealed data."""
    return Sealed(row["wrapped_key"], row["sealed"], row["key_version"])
