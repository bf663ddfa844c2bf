"""Batch while busy: an idle item goes at once; what arrives while a flush is in flight goes together after it.

There is no timer, so an idle system's latency is unchanged, and a busy one's batches grow with its load. Two items
with the same key are never in flight together and keep their order: the second sees what the first did.

A flush serves many callers, so it runs in a context of its own: no caller's deadline or trace rules over the others.
"""

from __future__ import annotations

import asyncio
import contextvars
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

import structlog
from opentelemetry import metrics

from services.values.errors import Category, Refusal

I = TypeVar("I")  # noqa: E741 (item)
O = TypeVar("O")  # noqa: E741 (outcome)

Flush = Callable[[list[I]], Awaitable[Sequence[O | Refusal]]]

log = structlog.get_logger(__name__)
_meter = metrics.get_meter("freehold")
_sizes = _meter.create_histogram(
    "freehold.batch.size",
    unit="{item}",
    description="Items per flush",
    explicit_bucket_boundaries_advisory=[1, 2, 4, 8, 16, 32, 64, 128, 256],
)
_OF_THE_WHOLE_BATCH = frozenset({Category.UNAVAILABLE, Category.DEADLINE_EXCEEDED, Category.RESOURCE_EXHAUSTED})


class WrongNumberOfOutcomes(Exception):
    """A flush broke its contract; what it did is done, so it is not run again."""


class _Entry(Generic[I, O]):
    __slots__ = ("answer", "item", "key")

    def __init__(self, item: I, key: Hashable, answer: asyncio.Future[O | Exception]) -> None:
        self.item = item
        self.key = key
        self.answer = answer


class Batcher(Generic[I, O]):
    """Collects items into flushes.

    Args:
        name: for the metric of batch sizes.
        flush: takes the items, gives one outcome per item in order; a Refusal is that item's answer. When it raises,
            nothing may have happened: it is run again with halves of the items until the bad item is alone. What it
            raises about the batch as a whole (UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED; an unclear commit
            is UNAVAILABLE) goes to all items, and nothing is run again.
        key: items with equal keys go one after the other.
        cap: most items in one flush.
        flights: most flushes at a time.
        share: what waits when several flights are free is shared among them, in batches no smaller than this, so that
            one is decided while another is written. Without, the first takes all.
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
        share: int | None = None,
        queue: int = 4096,
    ) -> None:
        self._name = name
        self._attributes = {"batch": name}
        self._flush = flush
        self._key = key
        self._cap = cap
        self._flights = flights
        self._share = cap if share is None else share
        self._queue = queue
        self._waiting = 0
        self._ready: deque[_Entry[I, O]] = deque()
        self._behind: dict[Hashable, deque[_Entry[I, O]] | None] = {}
        self._boarding = False
        self._running: set[asyncio.Task[None]] = set()

    async def submit(self, item: I) -> O:
        """The item's outcome; raises its Refusal. Cancelling the caller does not cancel the flush."""
        outcome = await self._enqueue(item)
        if isinstance(outcome, Exception):
            raise outcome.with_traceback(None)
        return outcome

    async def submit_many(self, items: Sequence[I]) -> list[O | Refusal]:
        """One outcome per item, in order; refusals are given, not raised, and an unforeseen error is one too."""
        answers = [self._enqueue(item) for item in items]
        try:
            return [self._told(await answer) for answer in answers]
        finally:
            for answer in answers:
                answer.cancel()

    async def drain(self) -> None:
        """Waits until nothing waits and nothing is in flight."""
        while self._running:
            await asyncio.wait(set(self._running))

    def _enqueue(self, item: I) -> asyncio.Future[O | Exception]:
        answer: asyncio.Future[O | Exception] = asyncio.get_running_loop().create_future()
        if self._waiting >= self._queue:
            answer.set_result(Refusal(Category.RESOURCE_EXHAUSTED, "OVERLOADED", "the queue is full; retry later"))
            return answer
        entry = _Entry(item, self._key(item), answer)
        self._waiting += 1
        if entry.key not in self._behind:
            self._behind[entry.key] = None
            self._ready.append(entry)
            self._launch()
        elif (line := self._behind[entry.key]) is not None:
            line.append(entry)
        else:
            self._behind[entry.key] = deque((entry,))
        return answer

    def _launch(self) -> None:
        """Starts a flight; it boards when the loop gets to it, so that what is submitted in one step goes together."""
        if self._ready and not self._boarding and len(self._running) < self._flights:
            self._boarding = True
            task = asyncio.get_running_loop().create_task(self._fly(), context=contextvars.Context())
            self._running.add(task)
            task.add_done_callback(self._landed)

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._launch()

    async def _fly(self) -> None:
        batch = self._board()
        self._boarding = False
        self._launch()
        try:
            if batch:
                _sizes.record(len(batch), self._attributes)
                await self._answer(batch)
        finally:
            for entry in batch:
                entry.answer.cancel()
                self._free(entry.key)

    def _board(self) -> list[_Entry[I, O]]:
        batch: list[_Entry[I, O]] = []
        free = self._flights - len(self._running) + 1
        most = min(self._cap, max(self._share, -(-len(self._ready) // free)))
        while self._ready and len(batch) < most:
            entry = self._ready.popleft()
            self._waiting -= 1
            if entry.answer.done():
                self._free(entry.key)
            else:
                batch.append(entry)
        return batch

    def _free(self, key: Hashable) -> None:
        line = self._behind[key]
        if line:
            self._ready.append(line.popleft())
        else:
            del self._behind[key]

    async def _answer(self, batch: list[_Entry[I, O]]) -> None:
        try:
            outcomes: Sequence[O | Exception] = await self._flush([entry.item for entry in batch])
        except Exception as error:
            whole = isinstance(error, Refusal) and error.category in _OF_THE_WHOLE_BATCH
            if len(batch) > 1 and not whole:
                middle = len(batch) // 2
                await self._answer(batch[:middle])
                await self._answer(batch[middle:])
                return
            outcomes = [error] * len(batch)
        if len(outcomes) != len(batch):
            outcomes = [WrongNumberOfOutcomes(f"{len(batch)} items gave {len(outcomes)} outcomes")] * len(batch)
        for entry, outcome in zip(batch, outcomes, strict=True):
            if not entry.answer.done():
                entry.answer.set_result(outcome)

    def _told(self, outcome: O | Exception) -> O | Refusal:
        if not isinstance(outcome, Exception) or isinstance(outcome, Refusal):
            return outcome
        error_id = secrets.token_hex(8)
        log.error("item_failed", batch=self._name, error_id=error_id, exc_info=outcome)
        return Refusal(Category.INTERNAL, "INTERNAL_ERROR", "a defect of ours", metadata={"error_id": error_id})
