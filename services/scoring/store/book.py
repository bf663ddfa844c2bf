"""What every change to people's facts needs, inside one transaction: their rows locked, facts appended or put right,
scores recomputed, events published. A batch is one statement per step."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from services.scoring.domain import (
    Assessment,
    Behaviour,
    Consent,
    Fact,
    FactKind,
    FactState,
    Observed,
    Recorded,
    Served,
    assess,
    summarise,
)
from services.scoring.store.assessments import assessment_text
from services.scoring.store.rows import Part, buckets, fact_row, recorded_of
from services.values.ids import bucket_of, new_id

DEPOSITS, PEOPLE = "deposits", "people"
"""Who is told: the service, and the people themselves, whom identity reaches."""
RECORD_ADDED = "RECORD_ADDED"
AT_A_STRETCH = 25
"""People who are scored before other calls get their turn: a few milliseconds."""

S = TypeVar("S")
T = TypeVar("T")


class Book(Part):
    """Steps of a transaction over `connection`."""

    async def _lock(self, connection: Any, people: Sequence[str], now: datetime) -> dict[str, Consent]:
        """Locks the people's rows in sorted order, making those that are missing."""
        await connection.execute(self._sql.ensure_scores, buckets(people), list(people), now)
        rows = await connection.fetch(self._sql.lock_scores, buckets(people), list(people))
        return {row["renter_id"]: Consent(row["facts_open"], row["consent_changed_at"]) for row in rows}

    async def _append(self, connection: Any, facts: Sequence[Fact], now: datetime) -> list[str]:
        """Appends facts that are not known; gives the people of whom something new is known."""
        if not facts:
            return []
        rows = [fact_row(Recorded(fact, FactState.COUNTED, now), self._vault) for fact in facts]
        found = await connection.fetch(self._sql.insert_facts, rows, now)
        for row in found:
            if row["kind"] == FactKind.NEGATIVE_RECORD:
                await self._tell_person(connection, row["renter_id"], RECORD_ADDED)
        return sorted({row["renter_id"] for row in found})

    async def _in_force(self, connection: Any, renter_id: str, fact_id: str) -> Recorded | None:
        """The revision of a fact that is in force."""
        row = await connection.fetchrow(self._sql.read_fact, bucket_of(renter_id), renter_id, fact_id)
        return None if row is None else recorded_of(row, self._vault)

    async def _revise(self, connection: Any, before: Recorded, after: Sequence[Recorded], now: datetime) -> None:
        """Closes the revision in force and appends those that follow it; only the last of them is in force."""
        key = (bucket_of(before.fact.renter_id), before.fact.renter_id, before.fact.fact_id)
        for one in after:
            await connection.execute(self._sql.close_revision, *key, now)
            await connection.fetch(self._sql.insert_facts, [fact_row(one, self._vault)], now)

    async def _observe(self, connection: Any, people: Sequence[str], now: datetime) -> dict[str, Behaviour]:
        """What the facts in force at that moment amount to."""
        rows = await connection.fetch(self._sql.observe_facts, buckets(people), list(people), now)
        observed: dict[str, list[Observed]] = {person: [] for person in people}
        for row in rows:
            renter_id, kind, *rest = row
            observed[renter_id].append(Observed(FactKind(kind), *rest))
        summaries = await each(lambda found: summarise(found, now), list(observed.values()))
        return dict(zip(people, summaries, strict=True))

    async def _recompute(
        self, connection: Any, people: Sequence[str], served: Served, now: datetime, *, facts_changed: bool = True
    ) -> Mapping[str, Assessment]:
        """Writes the scores of people whose rows are locked, as they are at that moment."""
        if not people:
            return {}
        observed = await self._observe(connection, people, now)
        behaviours, shadow = [observed[person] for person in people], served.challenger
        assessments = await each(lambda behaviour: assess(served.champion, behaviour), behaviours)
        await connection.execute(
            self._sql.save_scores,
            buckets(people),
            list(people),
            [a.score for a in assessments],
            await each(assessment_text, assessments),
            [a.facts for a in assessments],
            [a.alone_score for a in assessments],
            [behaviour.changes_at for behaviour in behaviours],
            [",".join(reason.code for reason in a.reasons) for a in assessments],
            [shadow and assess(shadow, behaviour).score for behaviour in behaviours],
            shadow.version if shadow else "",
            served.champion.version,
            now,
            int(facts_changed),
            [behaviour.bad_record_at for behaviour in behaviours],
        )
        return dict(zip(people, assessments, strict=True))

    async def _tell_person(self, connection: Any, renter_id: str, news: str) -> None:
        """The person has something to read; identity knows where to reach them."""
        key = (bucket_of(renter_id), new_id("evt"), PEOPLE, news, renter_id)
        await connection.execute(self._sql.insert_event, *key, {}, self._real_now())

    async def _tell_deposits(self, connection: Any, renter_id: str, since: datetime) -> None:
        """What was decided on this person's facts since then is decided again."""
        payload = {"since": since.isoformat()}
        values = (bucket_of(renter_id), new_id("evt"), DEPOSITS, "FACTS_PUT_RIGHT", renter_id, payload)
        await connection.execute(self._sql.insert_event, *values, self._real_now())


async def each(work: Callable[[S], T], items: Sequence[S]) -> list[T]:
    """The work for each of many, with a breath for other calls now and then."""
    made = []
    for number, item in enumerate(items, 1):
        made.append(work(item))
        if number % AT_A_STRETCH == 0:
            await asyncio.sleep(0)
    return made
