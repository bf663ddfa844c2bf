"""The batcher's promises: idle items go at once, busy ones together, order per key, one bad item fails alone."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.runtime.batching import Batcher
from services.runtime.database import CommitUnknown
from services.values.errors import Category, Refusal

Item = tuple[str, int]


def refused() -> Refusal:
    return Refusal(Category.NOT_FOUND, "ASSET_NOT_FOUND", "no such asset")


class Gate:
    """A flush that waits for its turn and remembers what it was given."""

    def __init__(self) -> None:
        self.batches: list[list[Item]] = []
        self.open = asyncio.Event()

    async def flush(self, items: list[Item]) -> Sequence[Item | Refusal]:
        self.batches.append(items)
        await self.open.wait()
        return items


def by_name(item: Item) -> str:
    return item[0]


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_an_idle_item_goes_at_once_and_the_rest_go_together() -> None:
    gate = Gate()
    batcher = Batcher("test", gate.flush, key=by_name, flights=1)
    first = asyncio.create_task(batcher.submit(("first", 0)))
    await settle()
    rest = [asyncio.create_task(batcher.submit((f"r{n}", n))) for n in range(5)]
    await settle()
    assert gate.batches == [[("first", 0)]]
    gate.open.set()
    await asyncio.gather(first, *rest)
    assert gate.batches[1:] == [[(f"r{n}", n) for n in range(5)]]


async def test_no_more_flights_than_allowed_and_no_more_items_than_the_cap() -> None:
    gate = Gate()
    batcher = Batcher("test", gate.flush, key=by_name, flights=2, cap=3)
    answers = asyncio.create_task(batcher.submit_many([(str(n), n) for n in range(8)]))
    await settle()
    assert [len(batch) for batch in gate.batches] == [3, 3]
    gate.open.set()
    assert await answers == [(str(n), n) for n in range(8)]
    assert [len(batch) for batch in gate.batches] == [3, 3, 2]


async def test_a_full_queue_refuses_at_once_and_the_queued_items_are_answered() -> None:
    gate = Gate()
    batcher = Batcher("test", gate.flush, key=by_name, flights=1, queue=2)
    flying = asyncio.create_task(batcher.submit(("first", 0)))
    await settle()
    queued = [asyncio.create_task(batcher.submit((f"q{n}", n))) for n in range(2)]
    await settle()
    with pytest.raises(Refusal) as told:
        await batcher.submit(("late", 9))
    assert (told.value.category, told.value.reason) == (Category.RESOURCE_EXHAUSTED, "OVERLOADED")
    gate.open.set()
    assert await asyncio.gather(flying, *queued) == [("first", 0), ("q0", 0), ("q1", 1)]


async def test_a_cancelled_submitter_does_not_cancel_the_flight_of_the_others() -> None:
    gate = Gate()
    batcher = Batcher("test", gate.flush, key=by_name, flights=1)
    both = [asyncio.create_task(batcher.submit((name, 0))) for name in ("goes", "waits")]
    await settle()
    both[0].cancel()
    await settle()
    gate.open.set()
    assert await both[1] == ("waits", 0)
    assert ("waits", 0) in [item for batch in gate.batches for item in batch]


async def test_what_was_cancelled_while_it_waited_is_never_flushed() -> None:
    gate = Gate()
    batcher = Batcher("test", gate.flush, key=by_name, flights=1)
    flying = asyncio.create_task(batcher.submit(("first", 0)))
    await settle()
    many = asyncio.create_task(batcher.submit_many([("a", 1), ("b", 2)]))
    await settle()
    many.cancel()
    await settle()
    gate.open.set()
    await flying
    await batcher.drain()
    assert gate.batches == [[("first", 0)]]


async def test_drain_waits_for_what_is_queued_too() -> None:
    gate = Gate()
    batcher = Batcher("test", gate.flush, key=by_name, flights=1)
    submitted = [asyncio.create_task(batcher.submit((str(n), n))) for n in range(3)]
    await settle()
    drained = asyncio.create_task(batcher.drain())
    await settle()
    assert not drained.done()
    gate.open.set()
    await drained
    await settle()
    assert all(task.done() for task in submitted)


deadline_of_call = contextvars.ContextVar("deadline_of_call", default="none")


async def test_a_flush_does_not_run_in_the_context_of_the_caller_who_set_it_off() -> None:
    """A batch serves many callers: neither the deadline nor the trace of one of them may rule over the others."""
    seen: list[str] = []

    async def flush(items: list[Item]) -> Sequence[Item | Refusal]:
        seen.append(deadline_of_call.get())
        return items

    deadline_of_call.set("of the first caller")
    await Batcher("test", flush, key=by_name).submit(("a", 1))
    assert seen == ["none"]


async def test_submit_many_gives_an_outcome_for_each_item_when_one_is_bad() -> None:
    async def flush(items: list[Item]) -> Sequence[Item | Refusal]:
        if ("bad", 1) in items:
            raise ZeroDivisionError
        return [refused() if name == "refused" else (name, n) for name, n in items]

    batcher = Batcher("test", flush, key=by_name)
    good, bad, no = await batcher.submit_many([("good", 0), ("bad", 1), ("refused", 2)])
    assert good == ("good", 0)
    assert isinstance(bad, Refusal)
    assert (bad.category, bad.reason) == (Category.INTERNAL, "INTERNAL_ERROR")
    assert isinstance(no, Refusal)
    assert no.reason == "ASSET_NOT_FOUND"
    with pytest.raises(ZeroDivisionError):
        await batcher.submit(("bad", 1))


@pytest.mark.parametrize(
    "error",
    [CommitUnknown(), Refusal(Category.UNAVAILABLE, "DATABASE_UNAVAILABLE", "down")],
    ids=["commit unknown", "unavailable"],
)
async def test_what_concerns_the_whole_batch_is_not_tried_again_in_halves(error: Exception) -> None:
    """After an unclear commit a repeat may do everything twice; a database that is down stays down for each half."""
    calls = 0

    async def flush(items: list[Item]) -> Sequence[Item | Refusal]:
        nonlocal calls
        calls += 1
        raise error

    batcher = Batcher("test", flush, key=by_name)
    outcomes = await asyncio.gather(
        *(batcher.submit_many([(str(n), n) for n in range(16)]) for _ in range(1)), return_exceptions=True
    )
    assert calls == 1
    assert isinstance(outcomes[0], list)
    assert {(o.category, o.reason) for o in outcomes[0] if isinstance(o, Refusal)} == {
        (Category.UNAVAILABLE, "DATABASE_UNAVAILABLE")
    }


async def test_a_wrong_number_of_outcomes_is_an_error_of_all_and_nothing_runs_again() -> None:
    calls = 0

    async def flush(items: list[Item]) -> Sequence[Item | Refusal]:
        nonlocal calls
        calls += 1
        return items[1:]

    outcomes = await Batcher("test", flush, key=by_name).submit_many([("a", 1), ("b", 2)])
    assert calls == 1
    assert all(isinstance(outcome, Refusal) for outcome in outcomes)


async def test_waiters_are_released_when_a_flight_is_cancelled() -> None:
    started: list[asyncio.Task[None] | None] = []

    async def flush(items: list[Item]) -> Sequence[Item | Refusal]:
        started.append(asyncio.current_task())
        await asyncio.Event().wait()
        return items

    waiter = asyncio.create_task(Batcher("test", flush, key=by_name).submit(("a", 1)))
    await settle()
    assert started[0] is not None
    started[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(waiter, 1)


items_of_a_run = st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 3)), max_size=60)


@settings(max_examples=60, deadline=None)
@given(names=items_of_a_run, cap=st.integers(1, 8), flights=st.integers(1, 3), bad=st.sets(st.integers(0, 59)))
def test_every_item_is_answered_once_in_order_per_key_and_only_bad_ones_fail(
    names: list[tuple[str, int]], cap: int, flights: int, bad: set[int]
) -> None:
    done: list[Item] = []
    in_flight: set[str] = set()

    async def flush(items: list[Item]) -> Sequence[Item | Refusal]:
        keys = [name for name, _ in items]
        assert len(set(keys)) == len(keys) <= cap
        if any(n in bad for _, n in items):
            raise ZeroDivisionError
        assert not in_flight.intersection(keys)
        in_flight.update(keys)
        await asyncio.sleep(0)
        in_flight.difference_update(keys)
        done.extend(items)
        return [(name, -n) for name, n in items]

    async def run() -> list[object]:
        batcher = Batcher("test", flush, key=by_name, cap=cap, flights=flights)
        tasks = []
        for number, (name, pause) in enumerate(names):
            tasks.append(asyncio.create_task(batcher.submit((name, number))))
            for _ in range(pause):
                await asyncio.sleep(0)
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    outcomes = asyncio.run(run())
    for number, (name, _) in enumerate(names):
        outcome = outcomes[number]
        assert isinstance(outcome, ZeroDivisionError) if number in bad else outcome == (name, -number)
    assert sorted(n for _, n in done) == [n for n in range(len(names)) if n not in bad]
    for key in "abcde":
        of_key = [n for name, n in done if name == key]
        assert of_key == sorted(of_key)
