"""Batch while busy: order, no loss, one bad item alone, bounded queues."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.runtime.batching import Batcher
from services.values.errors import Category, Refusal


class Recorder:
    """A flush that doubles its items, remembers its batches, and can be held up."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, items: list[int]) -> Sequence[int | Refusal]:
        self.batches.append(items)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await self.gate.wait()
        await asyncio.sleep(0)
        self.in_flight -= 1
        if 13 in items:
            raise ValueError("thirteen")
        return [Refusal(Category.NOT_FOUND, "SEVEN", "no") if item == 7 else item * 2 for item in items]


async def test_a_lone_item_goes_at_once_and_alone() -> None:
    flush = Recorder()
    assert await Batcher("test", flush, key=lambda item: item).submit(4) == 8
    assert flush.batches == [[4]]


async def test_what_arrives_while_busy_goes_together() -> None:
    flush = Recorder()
    batcher = Batcher("test", flush, key=lambda item: item, flights=1)
    flush.gate.clear()
    first = asyncio.create_task(batcher.submit(1))
    await asyncio.sleep(0)
    rest = [asyncio.create_task(batcher.submit(n)) for n in range(2, 6)]
    await asyncio.sleep(0)
    flush.gate.set()
    assert await asyncio.gather(first, *rest) == [2, 4, 6, 8, 10]
    assert flush.batches == [[1], [2, 3, 4, 5]]


async def test_at_most_so_many_flights_and_so_many_items() -> None:
    flush = Recorder()
    batcher = Batcher("test", flush, key=lambda item: item, flights=2, cap=3)
    await asyncio.gather(*(batcher.submit(n + 100) for n in range(20)))
    assert flush.most_in_flight == 2
    assert max(map(len, flush.batches)) == 3


async def test_items_of_one_key_follow_each_other_in_different_batches() -> None:
    flush = Recorder()
    batcher = Batcher("test", flush, key=lambda item: item % 10, flights=2)
    await asyncio.gather(*(batcher.submit(n) for n in (20, 30, 40, 21, 31)))
    assert all(len({n % 10 for n in batch}) == len(batch) for batch in flush.batches)
    order = [n for batch in flush.batches for n in batch if n % 10 == 0]
    assert order == [20, 30, 40]


async def test_a_refusal_is_raised_for_its_item_only() -> None:
    batcher = Batcher("test", Recorder(), key=lambda item: item)
    outcomes = await batcher.submit_many([6, 7, 8])
    assert outcomes[0] == 12
    assert outcomes[2] == 16
    assert isinstance(outcomes[1], Refusal)
    with pytest.raises(Refusal):
        await batcher.submit(7)


async def test_one_bad_item_fails_alone() -> None:
    batcher = Batcher("test", Recorder(), key=lambda item: item)
    tasks = [asyncio.create_task(batcher.submit(n)) for n in (11, 12, 13, 14, 15)]
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [a for a in answers if not isinstance(a, ValueError)] == [22, 24, 28, 30]
    assert isinstance(answers[2], ValueError)


async def test_a_full_queue_refuses_at_once() -> None:
    flush = Recorder()
    batcher = Batcher("test", flush, key=lambda item: item, flights=1, queue=2)
    flush.gate.clear()
    under_way = asyncio.create_task(batcher.submit(1))
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(batcher.submit(n)) for n in (2, 3)]
    await asyncio.sleep(0)
    with pytest.raises(Refusal) as refused:
        await batcher.submit(4)
    assert refused.value.reason == "OVERLOADED"
    flush.gate.set()
    assert await asyncio.gather(under_way, *waiting) == [2, 4, 6]


async def test_a_cancelled_caller_does_not_cancel_the_flush() -> None:
    flush = Recorder()
    batcher = Batcher("test", flush, key=lambda item: item)
    flush.gate.clear()
    caller = asyncio.create_task(batcher.submit(1))
    await asyncio.sleep(0.01)
    caller.cancel()
    flush.gate.set()
    await batcher.drain()
    assert flush.in_flight == 0
    assert await batcher.submit(2) == 4


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(min_value=0, max_value=40), max_size=60), st.integers(1, 8), st.integers(1, 3))
def test_nothing_is_lost_or_done_twice(items: list[int], cap: int, flights: int) -> None:
    async def scenario() -> None:
        flush = Recorder()
        batcher = Batcher("test", flush, key=lambda item: item, cap=cap, flights=flights)
        numbered = [n for n in items if n != 13]
        outcomes = await batcher.submit_many(numbered)
        assert [o if isinstance(o, int) else None for o in outcomes] == [None if n == 7 else n * 2 for n in numbered]
        assert sorted(n for batch in flush.batches for n in batch) == sorted(numbered)

    asyncio.run(scenario())
