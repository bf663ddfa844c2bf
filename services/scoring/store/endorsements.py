"""Endorsements: given and ended together with the fact that counts for the person who is endorsed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.runtime.requests import claim, find
from services.scoring.domain import (
    Author,
    Endorsement,
    Endorser,
    EndReason,
    Fact,
    FactKind,
    FactState,
    Served,
    retracted,
)
from services.scoring.domain.endorsements import (
    LONGEST_CHAIN,
    check_endorser,
    circular,
    code_invalid,
    endorsement_not_found,
)
from services.scoring.store.book import Book
from services.values.ids import BUCKETS, bucket_of, new_id_of
from services.values.requests import Request, already_shown

_CIRCLES = 0x63697263
"""The advisory lock under which words are given, one at a time, so that no circle closes from two sides at once."""


class Endorsements(Book):
    """Endorsements and their codes."""

    async def save_code(self, request: Request, renter_id: str, digest: bytes, until: datetime, now: datetime) -> None:
        """Keeps a code by its hash. Raises SECRET_ALREADY_SHOWN, REQUEST_ID_REUSED."""

        async def work(connection: Any) -> None:
            if await claim(connection, request, "", now) is not None:
                raise already_shown()
            await connection.execute(self._sql.insert_code, _bucket(digest), digest, renter_id, until)

        await self._db.transaction(work)

    async def endorse(
        self, request: Request, endorser_id: str, digest: bytes, served: Served, now: datetime
    ) -> Endorsement:
        """The endorsement. A repeat gives the first one as it stands."""

        async def work(connection: Any) -> str:
            first = await find(connection, request)
            if first is not None:
                return first
            await connection.execute(self._sql.lock_circles, _CIRCLES)
            renter_id = await connection.fetchval(self._sql.take_code, _bucket(digest), digest, now)
            if renter_id is None or renter_id == endorser_id:
                raise code_invalid()
            given = Endorsement(new_id_of("end", renter_id), renter_id, endorser_id, now)
            first = await claim(connection, request, given.endorsement_id, now)
            if first is None:
                await self._give(connection, given, served)
            return first or given.endorsement_id

        return await self._must_read_word(await self._db.transaction(work))

    async def _give(self, connection: Any, given: Endorsement, served: Served) -> None:
        people = sorted((given.renter_id, given.endorser_id), key=lambda one: (bucket_of(one), one))
        now = given.given_at
        await self._lock(connection, people, now)
        check_endorser(await self._endorser(connection, given.endorser_id, now), given.renter_id, now)
        if await connection.fetchval(self._sql.closes_circle, given.renter_id, given.endorser_id, LONGEST_CHAIN):
            raise circular()
        key = (bucket_of(given.renter_id), given.endorsement_id, given.renter_id, given.endorser_id, now)
        await connection.execute(self._sql.insert_endorsement, *key)
        fact = Fact(given.endorsement_id, given.renter_id, FactKind.ENDORSED, now, subject=given.endorsement_id)
        await self._append(connection, [fact], now)
        await self._recompute(connection, [given.renter_id], served, now)

    async def _endorser(self, connection: Any, renter_id: str, now: datetime) -> Endorser:
        """How somebody stands at that moment whose row is locked."""
        alone = await connection.fetchval(self._sql.read_alone_score, bucket_of(renter_id), renter_id)
        behaviour = (await self._observe(connection, [renter_id], now))[renter_id]
        rows = await connection.fetch(self._sql.list_given, renter_id)
        return Endorser(alone, behaviour.values["tenure_days"], [_endorsement(row) for row in rows])

    async def end_endorsement(
        self, request: Request | None, endorsement_id: str, who: str, why: EndReason, served: Served, now: datetime
    ) -> Endorsement:
        """The endorsement once it has ended; ending it again changes nothing. `who` gave or received it."""

        async def work(connection: Any) -> None:
            row = await connection.fetchrow(self._sql.read_endorsement, bucket_of(endorsement_id), endorsement_id)
            if row is None or who not in (row["renter_id"], row["endorser_id"]):
                raise endorsement_not_found()
            if request is not None and await claim(connection, request, endorsement_id, now) is not None:
                return
            await self._end_word(connection, _endorsement(row), why, served, now)

        await self._db.transaction(work)
        return await self._must_read_word(endorsement_id)

    async def _end_word(
        self, connection: Any, given: Endorsement, why: EndReason, served: Served, now: datetime
    ) -> None:
        whose = given.renter_id
        await self._lock(connection, [whose], now)
        key = (bucket_of(whose), given.endorsement_id)
        if (await connection.execute(self._sql.end_endorsement, *key, now, why)).endswith(" 0"):
            return
        recorded = await self._in_force(connection, whose, given.endorsement_id)
        if recorded is not None and recorded.state is FactState.COUNTED:
            await self._revise(connection, recorded, [retracted(recorded, Author("freehold", why, now))], now)
        await self._recompute(connection, [whose], served, now)

    async def list_endorsements(self, renter_id: str) -> list[Endorsement]:
        """Those that a person gave or received, newest first, at most 200."""
        rows = await self._db.fetch(self._sql.list_endorsements, bucket_of(renter_id), renter_id)
        return [_endorsement(row) for row in rows]

    async def find_fallen(self, above: int, limit: int) -> list[Endorsement]:
        """Endorsements that count although who gave them does not stand above that any more."""
        return [_endorsement(row) for row in await self._db.fetch(self._sql.find_fallen, above, limit)]

    async def _must_read_word(self, endorsement_id: str) -> Endorsement:
        row = await self._db.fetchrow(self._sql.read_endorsement, bucket_of(endorsement_id), endorsement_id)
        if row is None:
            raise endorsement_not_found()
        return _endorsement(row)


def _endorsement(row: Any) -> Endorsement:
    fields = dict(row)
    fields["end_reason"] = None if fields["end_reason"] is None else EndReason(fields["end_reason"])
    return Endorsement(**fields)


def _bucket(digest: bytes) -> int:
    return int.from_bytes(digest[:2]) % BUCKETS
