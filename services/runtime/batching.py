"""Batch while busy: an idle item goes at once; what arrives while a flush is in flight goes together after it.

There is no timer, so an idle system's latency is unchanged, and a busy one's batches grow with its load. Two items
with the same key are never in flight together and keep their order: the second sees what the first did.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

from opentelemetry import metrics

from services.values.errors import Category, Refusal

I = TypeVar("I")  # noqa: E741 (item)
O = TypeVar("O")  # noqa: E741 (outcome)

Flush = Callable[[list[I]], Awaitable[Sequence[O | Refusal]]]

_meter = metrics.get_meter("freehold")
_sizes = _meter.create_histogram(
    "freehold.batch.size",
    unit="{item}",
    description="Items per flush",
    explicit_bucket_boundaries_advisory=[1, 2, 4, 8, 16, 32, 64, 128, 256],
)


class _Entry(Generic[I, O]):
    __slots__ = ("answer", "item", "key")

    def __init__(self, item: I, key: Hashable, answer: asyncio.Future[O | Refusal]) -> None:
        self.item = item
        self.key = key
        self.answer = answer


class Batcher(Generic[I, O]):
    """Collects items into flushes.

    Args:
        name: for the metric of batch sizes.
        flush: takes the items, gives one outcome per item in order; a Refusal is that item's answer.
        key: items with equal keys go one after the other.
        cap: most items in one flush.
        flights: most flushes at a time.
        queue: most items that wait; above it an item is refused with OVERLOADED.
    """

    def __init__(
        self,
        name: str,
        flush: Flush[I, O],
        *,
        key: Callable[[I], Hashable],
        cap: int = 256,
        flights: int = 2,
        queue: int = 4096,
    ) -> None:
        self._attributes = {"batch": name}
        self._flush = flush
        self._key = key
        self._cap = cap
        self._flights = flights
        self._queue = queue
        self._waiting: deque[_Entry[I, O]] = deque()
        self._busy: set[Hashable] = set()
        self._running: set[asyncio.Task[None]] = set()

    async def submit(self, item: I) -> O:
        """The item's outcome; raises its Refusal. Cancelling the caller does not cancel the flush."""
        outcome = await self._enqueue(item)
        if isinstance(outcome, Refusal):
            raise outcome
        return outcome

    async def submit_many(self, items: Sequence[I]) -> list[O | Refusal]:
        """One outcome per item, in order; refusals are given, not raised."""
        answers = [self._place(item) for item in items]
        self._launch()
        return [await answer for answer in answers]

    async def drain(self) -> None:
        """Waits until nothing waits and nothing is in flight."""
        while self._running:
            await asyncio.wait(set(self._running))

    def _enqueue(self, item: I) -> asyncio.Future[O | Refusal]:
        answer = self._place(item)
        self._launch()
        return answer

    def _place(self, item: I) -> asyncio.Future[O | Refusal]:
        answer: asyncio.Future[O | Refusal] = asyncio.get_running_loop().create_future()
        if len(self._waiting) >= self._queue:
            answer.set_result(Refusal(Category.RESOURCE_EXHAUSTED, "OVERLOADED", "the queue is full; retry later"))
        else:
            self._waiting.append(_Entry(item, self._key(item), answer))
        return answer

    def _launch(self) -> None:
        while self._waiting and len(self._running) < self._flights:
            batch = self._next()
            if not batch:
                return
            task = asyncio.create_task(self._fly(batch))
            self._running.add(task)
            task.add_done_callback(self._landed)

    def _next(self) -> list[_Entry[I, O]]:
        batch: list[_Entry[I, O]] = []
        passed: list[_Entry[I, O]] = []
        busy = self._busy
        while self._waiting and len(batch) < self._cap:
            entry = self._waiting.popleft()
            if entry.answer.cancelled():
                continue
            if entry.key in busy:
                passed.append(entry)
            else:
                busy.add(entry.key)
                batch.append(entry)
        self._waiting.extendleft(reversed(passed))
        return batch

    async def _fly(self, batch: list[_Entry[I, O]]) -> None:
        _sizes.record(len(batch), self._attributes)
        try:
            await self._answer(batch)
        finally:
            for entry in batch:
                self._busy.discard(entry.key)

    async def _answer(self, batch: list[_Entry[I, O]]) -> None:
        try:
            outcomes = await self._flush([entry.item for entry in batch])
            if len(outcomes) != len(batch):
                raise RuntimeError(f"{len(batch)} items gave {len(outcomes)} outcomes")
        except Exception as error:
            await self._split(batch, error)
            return
        for entry, outcome in zip(batch, outcomes, strict=True):
            if not entry.answer.done():
                entry.answer.set_result(outcome)

    async def _split(self, batch: list[_Entry[I, O]], error: Exception) -> None:
        """One bad item never fails its batch: halves are tried until the bad one is alone."""
        if len(batch) == 1 or (isinstance(error, Refusal) and error.category is Category.UNAVAILABLE):
            for entry in batch:
                if not entry.answer.done():
                    entry.answer.set_exception(error)
            return
        middle = len(batch) // 2
        await self._answer(batch[:middle])
        await self._answer(batch[middle:])

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
        self._launch()
