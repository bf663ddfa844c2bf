"""Changes: read n deposits, ask the domain what happens to each, write everything in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from services.deposits.domain import Change, Deposit, Notice
from services.deposits.domain.policies import deposit_not_found
from services.deposits.operations.ports import Leased, Transition
from services.deposits.store.rows import Part, Standing, buckets, operation_of, standings_of
from services.deposits.store.written import rows_of
from services.runtime.requests import claim, find
from services.values.errors import Refusal
from services.values.ids import bucket_of
from services.values.requests import Request

MovedOn = asyncpg.DivisionByZeroError
"""What `write_changes` fails with when a deposit has moved on since it was read."""


class Changes(Part):
    """Applies transitions to deposits, and leases what they want of the processor."""

    async def change(
        self, transitions: Sequence[tuple[str, Transition]], now: datetime, lease_until: datetime
    ) -> list[Change | Refusal]:
        """One change per (deposit_id, transition), in order, all of them or none; each deposit once.

        A transition is a pure function of the deposit and its operations, so the whole can be done again: first without
        locks, and with them when somebody else changed one of the deposits meanwhile.
        """

        async def work(connection: Any) -> list[Change | Refusal]:
            return await self._apply(connection, await self._locked(connection, ids), transitions, now, lease_until)

        ids = [deposit_id for deposit_id, _ in transitions]
        try:
            outcomes = await self._apply(self._db, await self._standing(self._db, ids), transitions, now, lease_until)
        except MovedOn:
            outcomes = await self._db.transaction(work)
        if any(isinstance(outcome, Change) and outcome.announced for outcome in outcomes):
            self._published()
        return outcomes

    async def _apply(
        self,
        connection: Any,
        found: dict[str, Standing],
        transitions: Sequence[tuple[str, Transition]],
        now: datetime,
        lease_until: datetime,
    ) -> list[Change | Refusal]:
        outcomes = [transition(*found[i]) if i in found else deposit_not_found() for i, transition in transitions]
        before = {deposit_id: deposit for deposit_id, (deposit, _) in found.items()}
        await self._write(connection, before, outcomes, now, lease_until)
        return outcomes

    async def _locked(self, connection: Any, ids: Sequence[str]) -> dict[str, Standing]:
        """Deposits, locked in sorted order, as they stand then."""
        await connection.fetch(self._sql.lock_deposits, buckets(ids), list(ids))
        return await self._standing(connection, ids)

    async def _standing(self, connection: Any, ids: Sequence[str]) -> dict[str, Standing]:
        """Deposits with their holds, and all that was ever asked of processors for them."""
        return standings_of(await connection.fetch(self._sql.read_changing, buckets(ids), list(ids)))

    async def _write(
        self,
        connection: Any,
        before: dict[str, Deposit],
        outcomes: Sequence[Change | Refusal],
        now: datetime,
        lease_until: datetime,
    ) -> None:
        """Raises MovedOn when a deposit is not as it was before; nothing is written then."""
        changes = [c for c in outcomes if isinstance(c, Change) and c.changes(before[c.deposit.deposit_id])]
        if not changes:
            return
        times = (self._real_now(), lease_until, now)
        await connection.execute(self._sql.write_changes, *times, *rows_of(changes, before, now))

    async def lease_operations(self, now: datetime, until: datetime, limit: int) -> list[Leased]:
        rows = await self._db.fetch(self._sql.lease_operations, now, until, limit)
        return [Leased(operation_of(row[:15]), row["abandoned"], row["created_at"], until) for row in rows]

    async def change_once(
        self, request: Request, deposit_id: str, transition: Transition, now: datetime, lease_until: datetime
    ) -> Change | Refusal:
        """One transition, once per request; a repeat changes nothing and gives the deposit as it stands.

        Raises REQUEST_ID_REUSED. A refusal is not stored.
        """

        async def work(connection: Any) -> Change | Refusal:
            locked = await self._locked(connection, [deposit_id])
            if deposit_id not in locked:
                return deposit_not_found()
            deposit, operations = locked[deposit_id]
            outcome = transition(deposit, operations)
            first = await find(connection, request)
            if first is not None:
                return Change(deposit)
            if isinstance(outcome, Change):
                await claim(connection, request, deposit_id, now)
                await self._write(connection, {deposit_id: deposit}, [outcome], now, lease_until)
            return outcome

        outcome = await self._db.transaction(work)
        if isinstance(outcome, Change) and outcome.announced:
            self._published()
        return outcome

    async def hasten(self, processor: str, notice: Notice, real_now: datetime, now: datetime) -> None:
        """What a notice is about is due now: operations by real time, a look at a hold by business time."""
        if notice.operation_id:
            key = (bucket_of(notice.operation_id), notice.operation_id)
            await self._db.execute(self._sql.hasten_operation, *key, real_now)
        if notice.reference:
            await self._db.execute(self._sql.hasten_payment, processor, notice.reference, real_now, now)

    async def postpone_operation(self, operation_id: str, until: datetime) -> None:
        await self._db.execute(self._sql.postpone_operation, bucket_of(operation_id), operation_id, until)
