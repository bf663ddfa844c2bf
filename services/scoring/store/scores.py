"""Scores: read for decisions, and recomputed with the facts that change them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from services.scoring.domain import (
    Behaviour,
    Consent,
    Event,
    Fact,
    Model,
    Served,
    Standing,
    assess,
    sift,
)
from services.scoring.operations.ports import FactKey, Past, PastScore, Stored
from services.scoring.store.assessments import assessment_of
from services.scoring.store.book import Book
from services.scoring.store.rows import buckets, fact_of
from services.values.ids import bucket_of


class Scores(Book):
    """Standings, assessments, their history, and events applied."""

    async def read_standings(self, renter_ids: Sequence[str]) -> list[Standing | None]:
        """The score in force per person, in order; None for people nothing is known of."""
        rows = await self._db.fetch(self._sql.read_standings, buckets(renter_ids), list(renter_ids))
        return [_standing(row) for row in rows]

    async def standings_at(self, renter_ids: Sequence[str], served: Served, now: datetime) -> list[Standing]:
        """Standings as they are at that moment, for people of whom a record has run out; nothing is written."""
        behaviours = await self._observe(self._db, renter_ids, now)
        found = await self.read_standings(renter_ids)
        return [_computed(served.champion, behaviours[r], was) for r, was in zip(renter_ids, found, strict=True)]

    async def read_assessment(self, renter_id: str) -> Stored | None:
        """What is kept of a person, in full."""
        row = await self._db.fetchrow(self._sql.read_assessment, bucket_of(renter_id), renter_id)
        if row is None:
            return None
        return Stored(not row["facts_open"], assessment_of(row["assessment"]), row["computed_at"], row["facts_version"])

    async def list_history(self, renter_id: str, before: Past, limit: int) -> list[PastScore]:
        """A person's scores before a place in their history, newest first."""
        rows = await self._db.fetch(self._sql.list_history, bucket_of(renter_id), renter_id, *before, limit)
        return [PastScore(**row) for row in rows]

    async def find_facts(self, facts: Sequence[Fact]) -> Mapping[FactKey, Fact]:
        """The facts as they were first told under the ids of these."""
        renters = [f.renter_id for f in facts]
        rows = await self._db.fetch(self._sql.find_facts, buckets(renters), renters, [f.fact_id for f in facts])
        return {(row["renter_id"], row["fact_id"]): fact_of(row, self._vault) for row in rows}

    async def apply(self, events: Sequence[Event], served: Served, now: datetime) -> None:
        """Applies changes of consent, appends facts and recomputes the scores they touch, in one transaction."""
        by_person: dict[str, list[Event]] = {}
        for event in events:
            by_person.setdefault(event.renter_id, []).append(event)
        people = sorted(by_person, key=lambda person: (bucket_of(person), person))

        async def work(connection: Any) -> None:
            before = await self._lock(connection, people, now)
            sifted = {person: sift(before[person], by_person[person]) for person in people}
            changed = {person: consent for person, (consent, _) in sifted.items() if consent != before[person]}
            await self._save_consents(connection, changed)
            touched = await self._append(connection, [fact for _, facts in sifted.values() for fact in facts], now)
            await self._recompute(connection, touched, served, now)

        await self._db.transaction(work)

    async def recompute_changed(self, served: Served, now: datetime, limit: int) -> int:
        """Recomputes people of whom a record has run out; gives how many there were, at most `limit`."""
        due = [row["renter_id"] for row in await self._db.fetch(self._sql.find_changed, now, limit)]
        if due:
            people = sorted(due, key=lambda person: (bucket_of(person), person))

            async def work(connection: Any) -> None:
                await self._lock(connection, people, now)
                still = {row["renter_id"] for row in await connection.fetch(self._sql.find_changed, now, limit)}
                await self._recompute(connection, [one for one in people if one in still], served, now)

            await self._db.transaction(work)
        return len(due)

    async def _save_consents(self, connection: Any, changed: Mapping[str, Consent]) -> None:
        if changed:
            await connection.execute(
                self._sql.save_consents,
                buckets(changed),
                list(changed),
                [consent.open for consent in changed.values()],
                [consent.changed_at for consent in changed.values()],
            )


def _standing(row: Any) -> Standing | None:
    if row["facts_open"] is None:
        return None
    return Standing(
        row["score"],
        not row["facts_open"],
        tuple(row["reason_codes"]),
        row["model_version"],
        row["facts_version"],
        row["changes_at"],
        row["shadow_score"],
        row["shadow_version"],
        row["bad_record_at"],
    )


def _computed(model: Model, behaviour: Behaviour, was: Standing | None) -> Standing:
    made = assess(model, behaviour)
    codes = tuple(reason.code for reason in made.reasons)
    sealed, version = (was.sealed, was.facts_version) if was else (False, 0)
    bad = behaviour.bad_record_at
    return Standing(made.score, sealed, codes, model.version, version, behaviour.changes_at, bad_record_at=bad)
