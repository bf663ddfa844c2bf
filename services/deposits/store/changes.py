"""Changes: lock n deposits, ask the domain what happens to each, write everything in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.deposits.domain import Change, Deposit, Hold, Notice, Operation
from services.deposits.domain.policies import deposit_not_found
from services.deposits.operations.ports import Leased, Transition
from services.deposits.store.rows import Part, buckets, deposit_of, operation_of
from services.deposits.store.written import columns_of
from services.runtime.requests import claim, find
from services.values.errors import Refusal
from services.values.ids import bucket_of
from services.values.requests import Request

class Changes(Part):
    """Applies transitions to deposits, and leases what they want of the processor."""

    async def change(
        self, transitions: Sequence[tuple[str, Transition]], now: datetime, lease_until: datetime
    ) -> list[Change | Refusal]:
        """One change per (deposit_id, transition), in order, all in one transaction.

        A transition is a pure function of the locked deposit and its operations, so the whole can be retried.
        """
        ids = [deposit_id for deposit_id, _ in transitions]

        async def work(connection: Any) -> list[Change | Refusal]:
            locked = await self._locked(connection, ids)
            outcomes = [transition(*locked[i]) if i in locked else deposit_not_found() for i, transition in transitions]
            before = {deposit_id: deposit for deposit_id, (deposit, _) in locked.items()}
            await self._write(connection, before, outcomes, now, lease_until)
            return outcomes

        outcomes = await self._db.transaction(work)
        if any(isinstance(outcome, Change) and outcome.announced for outcome in outcomes):
            self._published()
        return outcomes

    async def _locked(self, connection: Any, ids: Sequence[str]) -> dict[str, tuple[Deposit, list[Operation]]]:
        """Deposits, locked in sorted order, with all that was ever asked of the processor for them."""
        where = (buckets(ids), list(ids))
        deposits = [deposit_of(row) for row in await connection.fetch(self._sql.lock_deposits, *where)]
        operations: dict[str, list[Operation]] = {deposit_id: [] for deposit_id in ids}
        for row in await connection.fetch(self._sql.operations_of, *where):
            operations[row["deposit_id"]].append(operation_of(row))
        holds = await self._holds(connection, deposits)
        return {
            deposit.deposit_id: (deposit.but(holds=tuple(holds[deposit.deposit_id])), operations[deposit.deposit_id])
            for deposit in deposits
        }

    async def _holds(self, connection: Any, deposits: Sequence[Deposit]) -> dict[str, list[Hold]]:
        """The holds of each, oldest first; asked for only where something was ever held."""
        holds: dict[str, list[Hold]] = {deposit.deposit_id: [] for deposit in deposits}
        held = [deposit.deposit_id for deposit in deposits if deposit.authorized_minor]
        if held:
            for row in await connection.fetch(self._sql.holds_of, buckets(held), held):
                holds[row["deposit_id"]].append(Hold(**row))
        return holds

    async def _write(
        self,
        connection: Any,
        before: dict[str, Deposit],
        outcomes: Sequence[Change | Refusal],
        now: datetime,
        lease_until: datetime,
    ) -> None:
        changes = [c for c in outcomes if isinstance(c, Change) and c != Change(before[c.deposit.deposit_id])]
        if not changes:
            return
        times = (self._real_now(), lease_until, now)
        await connection.execute(self._sql.write_changes, *times, *columns_of(changes, before, now))

    async def lease_operations(self, now: datetime, until: datetime, limit: int) -> list[Leased]:
        rows = await self._db.fetch(self._sql.lease_operations, now, until, limit)
        return [Leased(operation_of(row), row["abandoned"], row["created_at"], until) for row in rows]

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
