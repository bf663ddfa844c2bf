"""Carrying out processor operations: detached, outside any transaction, under one key however often they are tried.

A timeout is UNKNOWN: ask the processor what happened, then decide. Whoever launches an operation holds its lease; when
the process dies, the sweeper finds the lease run out and goes on with the same key. A processor that does not answer is
left alone for a while, and an authorization goes to the partner's next one meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from services.deposits.domain import (
    Change,
    Means,
    Moment,
    Operation,
    OperationKind,
    OperationState,
    Result,
    fall_back,
    finish,
    wait_for_renter,
)
from services.deposits.operations.changing import LEASE, Changing
from services.deposits.operations.ports import NOT_DONE, Breaker, Leased, Processor, Transition
from services.values.errors import Refusal

CONCURRENCY = 32
BATCH = 256
GIVE_UP = timedelta(seconds=90)
"""So long after it was wanted, an abandoned operation without a trace at the processor is not on its way any more."""
FALL_BACK_AFTER = 2
"""An authorization that stayed unclear so often is asked for elsewhere."""
_LONGEST_PAUSE_SECONDS = 30.0
_WAITING_SECONDS, _LONGEST_WAIT_SECONDS = 2.0, 60.0


Apply = Callable[[str, Result], Awaitable[Change]]
"""Writes the result of an operation of a deposit."""


class Processing:
    """Performs operations and applies their results; at most 32 at a time.

    Args:
        breakers: per processor, whether it may be asked at all.
    """

    def __init__(
        self, changing: Changing, processors: Mapping[str, Processor], breakers: Mapping[str, Breaker]
    ) -> None:
        self._changing = changing
        self._store = changing.store
        self._processors = processors
        self._breakers = breakers
        self._places = asyncio.Semaphore(CONCURRENCY)

    async def carry_out(self, leased: Leased, apply: Apply) -> Change | None:
        """Brings one operation to its end; what changed then, None while the outcome is unclear."""
        operation = leased.operation
        async with self._places:
            if self._changing.real.now() >= leased.until:
                return None  # the lease ran out while this waited for a place: somebody else has it, or will
            result = await self._outcome(leased)
        if result is not None and result.state is not OperationState.WANTED:
            return await apply(operation.deposit_id, result)
        elsewhere = await self._elsewhere(leased) if result is None else None
        if elsewhere is not None:
            return await self._fall_back(operation, elsewhere)
        if result is not None:
            await self._store.change(
                [(operation.deposit_id, _waiting(result))], self._changing.clock.now(), leased.until
            )
        await self._postpone(leased, waiting=result is not None)
        return None

    async def _postpone(self, leased: Leased, *, waiting: bool) -> None:
        """What waits for a renter is looked at every two seconds at first, and less often the longer it takes."""
        now, operation = self._changing.real.now(), leased.operation
        pause = min(_LONGEST_PAUSE_SECONDS, 0.5 * 2 ** min(operation.attempts, 10))
        if waiting:
            age = (now - leased.since).total_seconds()
            pause = min(_LONGEST_WAIT_SECONDS, max(_WAITING_SECONDS, age / 10))
        await self._store.postpone_operation(operation.operation_id, now + timedelta(seconds=pause))

    async def _outcome(self, leased: Leased) -> Result | None:
        """What became of it: asked for when it is fresh, asked about when it is not."""
        operation = replace(leased.operation, given_up=True) if leased.abandoned else leased.operation
        processor = self._processors.get(operation.processor)
        breaker = self._breakers.get(operation.processor)
        if processor is None or breaker is None or not breaker.allows():
            return None
        tried = operation.attempts > 0
        result = await (processor.query(operation) if tried else processor.perform(operation))
        breaker.heard(result is not None)
        if result is None and not tried:
            result = await processor.query(operation)
            breaker.heard(result is not None)
        if result is None or result.result_ref != NOT_DONE:
            return result
        return await self._not_done(leased, processor) if tried else None

    async def _not_done(self, leased: Leased, processor: Processor) -> Result | None:
        """Nothing has happened so far: ask again under the same key, unless it is not wanted any more."""
        if not leased.abandoned:
            return await processor.perform(leased.operation)
        given_up = self._changing.real.now() - leased.since > GIVE_UP
        return Result(leased.operation.operation_id, OperationState.CANCELLED) if given_up else None

    async def _elsewhere(self, leased: Leased) -> Means | None:
        """The means of payment at another processor for an authorization that this one does not answer."""
        operation = leased.operation
        if operation.kind is not OperationKind.AUTHORIZE or leased.abandoned or operation.given_up:
            return None
        breaker = self._breakers.get(operation.processor)
        shut = breaker is not None and not breaker.allows()
        if operation.attempts < FALL_BACK_AFTER and not shut:
            return None
        return await self._store.other_means(operation.deposit_id)

    async def _fall_back(self, operation: Operation, means: Means) -> Change | None:
        moment = self._changing.moment()
        (outcome,) = await self._changing.change([(operation.deposit_id, _elsewhere(operation, means, moment))], moment)
        return outcome if isinstance(outcome, Change) else None

    async def finish_all(self, results: list[tuple[str, Result]]) -> list[Change | Refusal]:
        """Writes results of operations, each once: (deposit_id, result)."""
        moment = self._changing.moment()
        transitions = [(deposit_id, _finishing(result, moment)) for deposit_id, result in results]
        return await self._changing.change(transitions, moment)

    async def lease_due(self) -> list[Leased]:
        """Operations whose lease has run out, now ours."""
        now = self._changing.real.now()
        return await self._store.lease_operations(now, now + LEASE, BATCH)

    def fresh(self, operations: Sequence[Operation]) -> list[Leased]:
        """Operations just written, whose lease is ours."""
        now = self._changing.real.now()
        return [Leased(operation, False, now, now + LEASE) for operation in operations]


def _finishing(result: Result, moment: Moment) -> Transition:
    return lambda deposit, operations: finish(deposit, operations, result, moment)


def _waiting(result: Result) -> Transition:
    return lambda deposit, operations: wait_for_renter(deposit, operations, result)


def _elsewhere(operation: Operation, means: Means, moment: Moment) -> Transition:
    return lambda deposit, operations: fall_back(
        deposit, operations, operation.operation_id, means.processor, means.payment_ref, moment
    )
