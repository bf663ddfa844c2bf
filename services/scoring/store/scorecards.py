"""Appointments of scorecards, walks over everybody, and what a challenger was compared on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from services.runtime.requests import claim
from services.scoring.domain import Served, assess
from services.scoring.domain.serving import Appointment, Pair, Pass, Role, Shift
from services.scoring.operations.scorecards import already_at_work, not_compared
from services.scoring.store.book import Book
from services.values.ids import bucket_of, new_id
from services.values.requests import Request

LEASE = timedelta(seconds=15)
_BEGINNING = (-1, "")


class Scorecards(Book):
    """What is at work, and how far everybody is recomputed."""

    async def read_appointments(self) -> Mapping[Role, Appointment]:
        """The appointment in force of each role."""
        rows = await self._db.fetch(self._sql.read_appointments)
        return {Role(row["role"]): Appointment(**{**row, "role": Role(row["role"])}) for row in rows}

    async def appoint(self, request: Request, appointment: Appointment, default: str, compared: int) -> None:
        """Puts a scorecard into service and begins the walk; a repeat changes nothing.

        Args:
            default: the champion while none was appointed.
            compared: on how many decisions it has to have been compared.

        Raises:
            Refusal: STATE_NOT_ALLOWED when it is at work already, SCORECARD_NOT_COMPARED, REQUEST_ID_REUSED.
        """
        version, shadow = appointment.model_version, appointment.role is Role.CHALLENGER

        async def work(connection: Any) -> None:
            if await claim(connection, request, appointment.appointment_id, appointment.appointed_at) is not None:
                return
            rows = await connection.fetch(self._sql.read_appointments)
            in_force = {Role.CHAMPION: default} | {Role(row["role"]): row["model_version"] for row in rows}
            if version and version in (in_force.get(appointment.role), in_force[Role.CHAMPION]):
                raise already_at_work()
            if await connection.fetchval(self._sql.count_compared, version) < compared:
                raise not_compared()
            await connection.execute(self._sql.insert_appointment, *_columns(appointment))
            await connection.execute(self._sql.end_passes, shadow, version, self._real_now())
            if version:
                now = self._real_now()
                await connection.execute(self._sql.insert_pass, new_id("pas"), version, shadow, now, now)

        await self._db.transaction(work)

    async def list_passes(self, limit: int) -> list[Pass]:
        """Walks, the latest first."""
        return [Pass(**row) for row in await self._db.fetch(self._sql.list_passes, limit)]

    async def add_comparisons(self, challenge_id: str, pairs: Mapping[tuple[str, str], int]) -> None:
        """Adds counts."""
        champions, challengers = zip(*pairs, strict=True)
        values = (list(champions), list(challengers), list(pairs.values()))
        await self._db.execute(self._sql.add_comparisons, challenge_id, *values)

    async def compare(self, challenge_id: str) -> list[Pair]:
        """The decisions of one challenge, by pair."""
        return [Pair(**row) for row in await self._db.fetch(self._sql.compare, challenge_id)]

    async def shifts(self, model_version: str) -> list[Shift]:
        """How far a challenger's scores lie off."""
        return [Shift(**row) for row in await self._db.fetch(self._sql.shifts, model_version)]

    async def walk(self, served: Served, now: datetime, batch: int) -> tuple[int, bool]:
        """One batch of the oldest walk that nobody is on.

        Returns:
            How many people were scored, and whether there was a walk at all.
        """
        real = self._real_now()
        shadowing = served.challenger.version if served.challenger else ""
        row = await self._db.fetchrow(self._sql.lease_pass, real, real + LEASE, served.champion.version, shadowing)
        if row is None:
            return 0, False
        model = served.challenger if row["shadow"] else served.champion
        if model is None:
            return 0, False
        at = (row["at_bucket"], row["at_renter"])
        found = await self._db.fetch(self._sql.next_people, *at, model.version, row["shadow"], batch)
        if not found and at == _BEGINNING:
            await self._db.execute(self._sql.finish_pass, row["pass_id"], real)
            return 0, True
        people = [one["renter_id"] for one in found]
        after = (found[-1]["bucket"], found[-1]["renter_id"]) if found else _BEGINNING
        lease = (row["pass_id"], real + LEASE)
        await self._db.transaction(lambda c: self._step(c, lease, after, people, served, now, shadow=row["shadow"]))
        return len(people), True

    async def _step(
        self,
        connection: Any,
        lease: tuple[str, datetime],
        after: tuple[int, str],
        people: list[str],
        served: Served,
        now: datetime,
        *,
        shadow: bool,
    ) -> None:
        """Scores a batch and says how far the walk has come: both, or neither. The lease is free again then."""
        held = await connection.fetchval(self._sql.advance_pass, *lease, *after, len(people), self._real_now())
        if held is None or not people:
            return
        await connection.fetch(self._sql.lock_scores, [bucket_of(one) for one in people], people)
        if shadow:
            await self._shadow(connection, people, served, now)
        else:
            await self._recompute(connection, people, served, now)

    async def _shadow(self, connection: Any, people: list[str], served: Served, now: datetime) -> None:
        if served.challenger is None:
            return
        behaviours = await self._observe(connection, people, now)
        scores = [assess(served.challenger, behaviours[one]).score for one in people]
        buckets = [bucket_of(one) for one in people]
        await connection.execute(self._sql.save_shadows, buckets, people, scores, served.challenger.version)


def _columns(appointment: Appointment) -> tuple[Any, ...]:
    return (
        appointment.appointment_id,
        appointment.role,
        appointment.model_version,
        appointment.reason,
        appointment.appointed_by,
        appointment.appointed_at,
    )
