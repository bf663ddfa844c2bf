"""Facts and scores in PostgreSQL; the only user of the database here. A batch is one statement per step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from services.runtime.database import Database
from services.runtime.queries import load_queries
from services.scoring.domain import (
    Assessment,
    Consent,
    Event,
    Fact,
    FactKind,
    Line,
    Model,
    Observed,
    Reason,
    Standing,
    UnscoredReason,
    assess,
    sift,
    summarise,
)
from services.scoring.operations import FactKey, PastScore, Stored
from services.values.ids import bucket_of


class Store:
    """Implements the `Store` that operations need."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._sql = load_queries("services.scoring")

    async def read_standings(self, renter_ids: Sequence[str]) -> list[Standing | None]:
        """The score in force per person, in order; None for people nothing is known of."""
        rows = await self._db.fetch(self._sql.read_standings, _buckets(renter_ids), list(renter_ids))
        return [_standing(row) for row in rows]

    async def read_assessment(self, renter_id: str) -> Stored | None:
        """What is kept of a person, in full."""
        row = await self._db.fetchrow(self._sql.read_assessment, bucket_of(renter_id), renter_id)
        if row is None:
            return None
        return Stored(not row["facts_open"], _assessment(row["assessment"]), row["computed_at"])

    async def list_history(self, renter_id: str, before: int, limit: int) -> list[PastScore]:
        """A person's scores from fewer facts than `before` (0: all), newest first."""
        rows = await self._db.fetch(self._sql.list_history, bucket_of(renter_id), renter_id, before, limit)
        return [PastScore(**row) for row in rows]

    async def find_facts(self, facts: Sequence[Fact]) -> Mapping[FactKey, Fact]:
        """The facts that are recorded under the ids of these."""
        renters = [f.renter_id for f in facts]
        rows = await self._db.fetch(self._sql.find_facts, _buckets(renters), renters, [f.fact_id for f in facts])
        recorded = [Fact(r["fact_id"], r["renter_id"], FactKind(r["kind"]), r["occurred_at"]) for r in rows]
        return {(fact.renter_id, fact.fact_id): fact for fact in recorded}

    async def apply(self, events: Sequence[Event], model: Model, now: datetime) -> None:
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
            await self._recompute(connection, touched, model, now)

        await self._db.transaction(work)

    async def _lock(self, connection: Any, people: Sequence[str], now: datetime) -> dict[str, Consent]:
        await connection.execute(self._sql.ensure_scores, _buckets(people), list(people), now)
        rows = await connection.fetch(self._sql.lock_scores, _buckets(people), list(people))
        return {row["renter_id"]: Consent(row["facts_open"], row["consent_changed_at"]) for row in rows}

    async def _save_consents(self, connection: Any, changed: Mapping[str, Consent]) -> None:
        if changed:
            await connection.execute(
                self._sql.save_consents,
                _buckets(list(changed)),
                list(changed),
                [consent.open for consent in changed.values()],
                [consent.changed_at for consent in changed.values()],
            )

    async def _append(self, connection: Any, facts: Sequence[Fact], now: datetime) -> list[str]:
        """Gives the people of whom something new is known."""
        if not facts:
            return []
        renters = [f.renter_id for f in facts]
        rows = await connection.fetch(
            self._sql.insert_facts,
            _buckets(renters),
            [f.fact_id for f in facts],
            renters,
            [f.kind.value for f in facts],
            [f.occurred_at for f in facts],
            now,
        )
        return sorted({row["renter_id"] for row in rows})

    async def _recompute(self, connection: Any, people: Sequence[str], model: Model, now: datetime) -> None:
        if not people:
            return
        rows = await connection.fetch(self._sql.summarise_facts, _buckets(people), list(people))
        observed: dict[str, list[Observed]] = {person: [] for person in people}
        for row in rows:
            kind = FactKind(row["kind"])
            observed[row["renter_id"]].append(Observed(kind, row["count"], row["first_at"], row["last_at"]))
        assessments = [assess(model, summarise(observed[person])) for person in people]
        await connection.execute(
            self._sql.save_scores,
            _buckets(people),
            list(people),
            [a.score for a in assessments],
            [asdict(a) for a in assessments],
            [a.facts for a in assessments],
            model.version,
            now,
        )


def _buckets(renter_ids: Sequence[str]) -> list[int]:
    return [bucket_of(renter_id) for renter_id in renter_ids]


def _standing(row: Any) -> Standing | None:
    if row["facts_open"] is None:
        return None
    return Standing(row["score"], not row["facts_open"], tuple(row["reason_codes"]), row["model_version"])


def _assessment(stored: dict[str, Any]) -> Assessment | None:
    if not stored:
        return None
    unscored = stored["unscored"]
    return Assessment(
        stored["score"],
        None if unscored is None else UnscoredReason(unscored),
        stored["base_points"],
        tuple(Line(**line) for line in stored["lines"]),
        tuple(Reason(**reason) for reason in stored["reasons"]),
        stored["model_version"],
        stored["facts"],
    )
