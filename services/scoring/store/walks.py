"""Walks over everybody: each batch is scored and marked as done in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.scoring.domain import Model, Served, assess
from services.scoring.store.book import Book, each
from services.scoring.store.rows import buckets

LEASE = timedelta(seconds=15)
SETTLES = timedelta(seconds=3)
"""After which every process follows an appointment: they look twice a second."""
AHEAD = 10
"""How many times a batch is looked ahead at once for people who are not scored yet."""


@dataclass(frozen=True, slots=True)
class _Walk:
    """One that this process is on, until its lease ends."""

    pass_id: str
    model: Model
    shadow: bool
    at: tuple[int, str]
    leased_until: datetime


class Walks(Book):
    """Recomputations of everybody."""

    async def walk(self, served: Served, now: datetime, batch: int, per_second: int = 0) -> tuple[int, bool]:
        """One batch of the oldest walk that nobody is on; at that rate nobody goes on with it before it is time.

        Returns:
            How many people were scored, and whether there was a walk at all.
        """
        walk = await self._lease(served)
        if walk is None:
            return 0, False
        found = await self._db.fetch(
            self._sql.next_people, *walk.at, walk.model.version, walk.shadow, batch, batch * AHEAD
        )
        if not found:
            key = (walk.pass_id, walk.leased_until)
            await self._db.execute(self._sql.end_lap, *key, self._real_now(), SETTLES)
            return 0, True
        waiting, last = [row["renter_id"] for row in found if row["waits"]], found[-1]
        if len(waiting) == batch:
            last = found[batch - 1]
        after, rest = (last["bucket"], last["renter_id"]), len(waiting) / per_second if per_second else 0.0
        done = await self._db.transaction(
            lambda connection: self._step(connection, walk, waiting, after, served, now, timedelta(seconds=rest))
        )
        return done, True

    async def _lease(self, served: Served) -> _Walk | None:
        now, challenger = self._real_now(), served.challenger
        versions = (served.champion.version, challenger.version if challenger else "")
        row = await self._db.fetchrow(self._sql.lease_pass, now, now + LEASE, *versions)
        model = challenger if row is not None and row["shadow"] else served.champion
        if row is None or model is None:
            return None
        return _Walk(row["pass_id"], model, row["shadow"], (row["at_bucket"], row["at_renter"]), now + LEASE)

    async def _step(
        self,
        connection: Any,
        walk: _Walk,
        waiting: Sequence[str],
        after: tuple[int, str],
        served: Served,
        now: datetime,
        rest: timedelta,
    ) -> int:
        """Scores a batch and says how far the walk has come: both, or neither. The lease is free again after a rest."""
        if await connection.fetchval(self._sql.hold_pass, walk.pass_id, walk.leased_until) is None:
            return 0
        done = await self._score(connection, walk, waiting, served, now) if waiting else 0
        await connection.execute(self._sql.advance_pass, walk.pass_id, *after, done, self._real_now() + rest)
        return done

    async def _score(self, connection: Any, walk: _Walk, waiting: Sequence[str], served: Served, now: datetime) -> int:
        version = walk.model.version
        rows = await connection.fetch(self._sql.lock_waiting, buckets(waiting), list(waiting), version, walk.shadow)
        people = [row["renter_id"] for row in rows]
        if not walk.shadow:
            await self._recompute(connection, people, served, now, facts_changed=False)
        elif people:
            behaviours = await self._observe(connection, people, now)
            scores = await each(lambda person: assess(walk.model, behaviours[person]).score, people)
            await connection.execute(self._sql.save_shadows, buckets(people), people, scores, version)
        return len(people)
