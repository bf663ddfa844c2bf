"""Links to bureaus: handles sealed, reports written as facts together with what they change."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.runtime.requests import claim, find
from services.scoring.domain import Author, Fact, Served, retracted
from services.scoring.domain.bureau_links import Answered, BureauLink, account_taken, already_linked, not_linked
from services.scoring.store.book import Book
from services.scoring.store.rows import sealed_of
from services.values.ids import BUCKETS, bucket_of
from services.values.requests import Request

UNLINKED = "the link to the bureau has ended"
_SEALED = ("wrapped_key", "sealed", "key_version")


class Bureaus(Book):
    """Implements `LinkStore`."""

    async def find_link(self, request: Request) -> BureauLink | None:
        """The link that a request made, None the first time. Raises REQUEST_ID_REUSED, BUREAU_NOT_LINKED (any more)."""
        link_id = await find(self._db, request)
        return None if link_id is None else await self._must_read_link(link_id)

    async def list_links(self, renter_id: str) -> list[BureauLink]:
        """A person's links that stand, in the order of names."""
        rows = await self._db.fetch(self._sql.list_bureau_links, bucket_of(renter_id), renter_id)
        return [_link(row) for row in rows]

    async def save_link(self, request: Request, link: BureauLink, handle: str, account: bytes) -> BureauLink:
        """Keeps a link; a repeat gives the first one.

        Raises:
            Refusal: BUREAU_ALREADY_LINKED, BUREAU_ACCOUNT_TAKEN, REQUEST_ID_REUSED.
        """

        async def work(connection: Any) -> str:
            first = await claim(connection, request, link.link_id, link.linked_at)
            if first is not None:
                return first
            sealed = self._vault.seal_texts(link.link_id, [handle])
            key = (bucket_of(link.link_id), link.link_id, link.renter_id, link.bureau, link.linked_at, link.ask_at)
            secret = (sealed.wrapped_key, sealed.data, sealed.key_version)
            if await connection.fetchval(self._sql.insert_bureau_link, *key, *secret) is None:
                raise already_linked()
            bucket = int.from_bytes(account[:2]) % BUCKETS
            if await connection.fetchval(self._sql.insert_bureau_account, bucket, account, link.link_id) is None:
                raise account_taken()
            return link.link_id

        return await self._must_read_link(await self._db.transaction(work))

    async def _must_read_link(self, link_id: str) -> BureauLink:
        row = await self._db.fetchrow(self._sql.read_bureau_link, bucket_of(link_id), link_id)
        if row is None or row["unlinked_at"] is not None:
            raise not_linked()
        return _link(row)

    async def end_link(
        self, request: Request | None, renter_id: str, bureau: str, served: Served, now: datetime
    ) -> None:
        """Ends a link, takes back what the bureau said and recomputes the score; a repeat changes nothing."""
        whose = (bucket_of(renter_id), renter_id, bureau)

        async def work(connection: Any) -> None:
            if request is not None and await claim(connection, request, bureau, now) is not None:
                return
            await self._lock(connection, [renter_id], now)
            link_id = await connection.fetchval(self._sql.end_bureau_link, *whose, now)
            if link_id is None:
                if request is not None:
                    raise not_linked()
                return
            await connection.execute(self._sql.delete_bureau_account, link_id)
            await self._take_back(connection, whose, now)
            await self._recompute(connection, [renter_id], served, now)

        await self._db.transaction(work)

    async def _take_back(self, connection: Any, whose: tuple[int, str, str], now: datetime) -> None:
        for row in await connection.fetch(self._sql.list_reports, *whose):
            recorded = await self._in_force(connection, whose[1], row["fact_id"])
            if recorded is not None:
                await self._revise(connection, recorded, [retracted(recorded, Author("freehold", UNLINKED, now))], now)

    async def take_due_links(self, now: datetime, until: datetime, limit: int) -> list[tuple[BureauLink, str]]:
        """Links that are due, with their handles; nobody else gets them before `until`."""
        rows = await self._db.fetch(self._sql.take_due_links, now, until, limit)
        return [(_link(row), self._vault.open_texts(row["link_id"], sealed_of(row))[0]) for row in rows]

    async def save_answer(self, link: BureauLink, fact: Fact | None, served: Served, now: datetime) -> None:
        """Keeps what came of asking. A report of a link that has ended, or of sealed facts, leaves no trace."""

        async def work(connection: Any) -> None:
            if fact is None:
                await self._save_answer(connection, link)
                return
            consent = (await self._lock(connection, [link.renter_id], now))[link.renter_id]
            if consent.open and await self._save_answer(connection, link):
                await self._recompute(connection, await self._append(connection, [fact], now), served, now)

        await self._db.transaction(work)

    async def _save_answer(self, connection: Any, link: BureauLink) -> bool:
        key = (bucket_of(link.link_id), link.link_id)
        change = (link.reported_at, link.answered, link.failures, link.ask_at, link.unlinked_at)
        return await connection.fetchval(self._sql.save_bureau_answer, *key, *change) is not None

    async def drop_link(self, link: BureauLink) -> None:
        """Forgets a link that has ended."""

        async def work(connection: Any) -> None:
            await connection.execute(self._sql.delete_bureau_account, link.link_id)
            await connection.execute(self._sql.drop_bureau_link, bucket_of(link.link_id), link.link_id)

        await self._db.transaction(work)


def _link(row: Any) -> BureauLink:
    fields = {name: value for name, value in dict(row).items() if name not in _SEALED}
    return BureauLink(**fields | {"answered": Answered(fields["answered"])})
