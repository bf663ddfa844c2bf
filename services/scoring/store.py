"""Facts and scores in PostgreSQL; the only user of the database here. A batch is one statement per step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from services.runtime.database import Database
from services.runtime.queries import load_queries
from services.scoring.domain import ConsentChange, Fact, FactKind, Model, Observed, assess, summarise
from services.scoring.operations import Stored
from services.values.ids import bucket_of


class Store:
    """Implements the `Store` that operations need."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._sql = load_queries("services.scoring")

    async def read_scores(self, renter_ids: Sequence[str]) -> list[Stored | None]:
        """The score in force per person, in order; None for people nothing is known of."""
        rows = await self._db.fetch(self._sql.read_scores, _buckets(renter_ids), list(renter_ids))
        return [
            Stored(row["score"], tuple(row["reason_codes"]), row["model_version"])
            if row["reason_codes"] is not None
            else None
            for row in rows
        ]

    async def read_assessment(self, renter_id: str) -> tuple[bool, dict[str, Any], datetime] | None:
        """Whether the facts are open (not sealed), the stored assessment, and when it was made."""
        row = await self._db.fetchrow(self._sql.read_assessment, bucket_of(renter_id), renter_id)
        return None if row is None else (row["consented"], row["assessment"], row["computed_at"])

    async def find_facts(self, facts: Sequence[Fact]) -> dict[tuple[str, str], tuple[FactKind, datetime]]:
        """What is recorded under the (renter_id, fact_id) of these facts."""
        renters = [f.renter_id for f in facts]
        rows = await self._db.fetch(self._sql.find_facts, _buckets(renters), renters, [f.fact_id for f in facts])
        return {(r["renter_id"], r["fact_id"]): (FactKind(r["kind"]), r["occurred_at"]) for r in rows}

    async def apply(self, facts: Sequence[Fact], changes: Sequence[ConsentChange], model: Model, now: datetime) -> None:
        """Appends facts, applies changes of consent and recomputes the scores they touch, in one transaction."""
        people = sorted({f.renter_id for f in facts} | {c.renter_id for c in changes}, key=lambda p: (bucket_of(p), p))

        async def work(connection: Any) -> None:
            buckets = _buckets(people)
            await connection.execute(self._sql.ensure_scores, buckets, people, now)
            await connection.fetch(self._sql.lock_scores, buckets, people)
            touched = await self._append(connection, facts, now)
            await self._change(connection, changes)
            await self._recompute(connection, touched, model, now)

        await self._db.transaction(work)

    async def _append(self, connection: Any, facts: Sequence[Fact], now: datetime) -> list[str]:
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

    async def _change(self, connection: Any, changes: Iterable[ConsentChange]) -> None:
        latest = {c.renter_id: c for c in sorted(changes, key=lambda c: c.occurred_at)}
        if latest:
            people = list(latest)
            await connection.execute(
                self._sql.change_consent,
                _buckets(people),
                people,
                [c.granted for c in latest.values()],
                [c.occurred_at for c in latest.values()],
            )

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
