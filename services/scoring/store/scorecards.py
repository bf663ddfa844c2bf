"""Appointments of scorecards, and what a challenger was compared on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from services.runtime.requests import claim
from services.scoring.domain.serving import Appointment, Pair, Pass, Role, Shift
from services.scoring.operations.scorecards import already_at_work, not_compared
from services.scoring.store.rows import Part
from services.values.ids import new_id
from services.values.requests import Request

_APPOINTMENTS = 0x63617264
"""The advisory lock under which scorecards are put into service, one at a time."""


class Scorecards(Part):
    """What is at work, and what it was compared with."""

    async def read_appointments(self) -> Mapping[Role, Appointment]:
        """The appointment in force of each role."""
        return await self._in_service(self._db)

    async def appoint(self, request: Request, appointment: Appointment, default: str, compared: int) -> None:
        """Puts a scorecard into service and begins the walk; a repeat changes nothing.

        Args:
            default: the champion while none was appointed.
            compared: on how many decisions it has to have been compared.

        Raises:
            Refusal: STATE_NOT_ALLOWED when it is at work already, SCORECARD_NOT_COMPARED, REQUEST_ID_REUSED.
        """
        version, role, now = appointment.model_version, appointment.role, appointment.appointed_at

        async def work(connection: Any) -> None:
            if await claim(connection, request, appointment.appointment_id, now) is not None:
                return
            await connection.execute(self._sql.lock_appointments, _APPOINTMENTS)
            in_force = await self._in_service(connection)
            champion = in_force[Role.CHAMPION].model_version if Role.CHAMPION in in_force else default
            challenge = in_force.get(Role.CHALLENGER)
            if version and version in (champion, challenge and role is Role.CHALLENGER and challenge.model_version):
                raise already_at_work()
            if await self._compared(connection, challenge, version) < compared:
                raise not_compared()
            await connection.execute(self._sql.insert_appointment, *_columns(appointment))
            if role is Role.CHAMPION and challenge is not None and challenge.model_version:
                await connection.execute(self._sql.insert_appointment, *_columns(_afresh(challenge, appointment)))
            await self._begin_walk(connection, version, shadow=role is Role.CHALLENGER)

        await self._db.transaction(work)

    async def _in_service(self, source: Any) -> dict[Role, Appointment]:
        rows = await source.fetch(self._sql.read_appointments)
        return {Role(row["role"]): Appointment(**{**row, "role": Role(row["role"])}) for row in rows}

    async def _compared(self, connection: Any, challenge: Appointment | None, version: str) -> int:
        """On how many decisions a version was compared with what is in force now."""
        if challenge is None or challenge.model_version != version:
            return 0
        count: int = await connection.fetchval(self._sql.count_compared, challenge.appointment_id)
        return count

    async def _begin_walk(self, connection: Any, version: str, *, shadow: bool) -> None:
        now = self._real_now()
        await connection.execute(self._sql.end_passes, shadow, version, now)
        if version:
            await connection.execute(self._sql.insert_pass, new_id("pas"), version, shadow, now, now)

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

    async def shifts(self, challenger: str, champion: str) -> list[Shift]:
        """How far a challenger's scores lie off."""
        return [Shift(**row) for row in await self._db.fetch(self._sql.shifts, challenger, champion)]


def _afresh(challenge: Appointment, promotion: Appointment) -> Appointment:
    """What becomes of the challenger: once promoted it is none; else it is compared with the new champion afresh."""
    version = "" if challenge.model_version == promotion.model_version else challenge.model_version
    return replace(promotion, appointment_id=new_id("apt"), role=Role.CHALLENGER, model_version=version)


def _columns(appointment: Appointment) -> tuple[Any, ...]:
    return (
        appointment.appointment_id,
        appointment.role,
        appointment.model_version,
        appointment.reason,
        appointment.appointed_by,
        appointment.appointed_at,
    )
