"""Carrying out processor operations: detached, outside any transaction, under one key however often they are tried.

A timeout is UNKNOWN: ask the processor what happened, then decide. Whoever launches an operation holds its lease; when
the process dies, the sweeper finds the lease run out and goes on with the same key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from services.deposits.domain import Change, Operation, OperationState, Result, finish
from services.deposits.operations.ports import NOT_DONE, Leased, Processor, Store, Transition
from services.deposits.operations.securing import LEASE
from services.values.clock import Clock
from services.values.errors import Refusal
from services.values.ids import new_id_of

CONCURRENCY = 32
BATCH = 256
GIVE_UP = timedelta(seconds=90)
"""So long after it was wanted, an abandoned operation without a trace at the processor is not on its way any more."""
_LONGEST_PAUSE_SECONDS = 30.0


Apply = Callable[[str, Result], Awaitable[Change]]
"""Writes the result of an operation of a deposit."""


class Processing:
    """Performs operations and applies their results; at most 32 at a time."""

    def __init__(self, store: Store, processor: Processor, clock: Clock, real: Clock) -> None:
        self._store = store
        self._processor = processor
        self._clock = clock
        self._real = real
        self._places = asyncio.Semaphore(CONCURRENCY)

    async def carry_out(self, leased: Leased, apply: Apply) -> Change | None:
        """Brings one operation to its end; what changed then, None while the outcome is unclear."""
        async with self._places:
            if self._real.now() >= leased.until:
                return None  # the lease ran out while this waited for a place: somebody else has it, or will
            result = await self._outcome(leased)
        if result is None:
            pause = min(_LONGEST_PAUSE_SECONDS, 0.5 * 2 ** min(leased.operation.attempts, 10))
            until = self._real.now() + timedelta(seconds=pause)
            await self._store.postpone_operation(leased.operation.operation_id, until)
            return None
        return await apply(leased.operation.deposit_id, result)

    async def _outcome(self, leased: Leased) -> Result | None:
        operation = leased.operation
        if not leased.abandoned:
            result = await self._processor.perform(operation)
            if result is not None:
                return result
        asked = await self._processor.query(operation)
        if asked is None or asked.result_ref != NOT_DONE:
            return asked
        given_up = leased.abandoned and self._real.now() - leased.since > GIVE_UP
        return Result(operation.operation_id, OperationState.CANCELLED) if given_up else None

    async def finish_all(self, results: list[tuple[str, Result]]) -> list[Change | Refusal]:
        """Writes results of operations, each once: (deposit_id, result)."""
        now = self._clock.now()
        transitions = [(deposit_id, _finishing(result, now)) for deposit_id, result in results]
        return await self._store.change(transitions, now, self._real.now() + LEASE)

    async def lease_due(self) -> list[Leased]:
        """Operations whose lease has run out, now ours."""
        now = self._real.now()
        return await self._store.lease_operations(now, now + LEASE, BATCH)

    def fresh(self, operations: Sequence[Operation]) -> list[Leased]:
        """Operations just written, whose lease is ours."""
        now = self._real.now()
        return [Leased(operation, False, now, now + LEASE) for operation in operations]


def _finishing(result: Result, now: datetime) -> Transition:
    return lambda deposit, operations: finish(deposit, operations, result, now, new_id_of)
