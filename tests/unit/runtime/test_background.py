"""What runs beside the calls: sweepers that never end, detached tasks that are waited for."""

from __future__ import annotations

import asyncio

import pytest

from services.runtime.sweeper import Sweeper
from services.runtime.tasks import Tasks


async def test_a_sweep_repeats_at_once_while_it_finds_something_and_survives_failures() -> None:
    results: list[int | Exception] = [2, OSError(), 1, 0]
    ended = asyncio.Event()

    async def work() -> int:
        result = results.pop(0)
        if not results:
            ended.set()
            results.append(0)
        if isinstance(result, Exception):
            raise result
        return result

    sweeper = asyncio.create_task(Sweeper("test", work, 0.01).run())
    await asyncio.wait_for(ended.wait(), 2)
    sweeper.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sweeper


async def test_a_wake_during_a_sweep_brings_another_one() -> None:
    runs = 0
    sweeper: Sweeper

    async def work() -> int:
        nonlocal runs
        runs += 1
        if runs < 3:
            sweeper.wake()
        return 0

    sweeper = Sweeper("test", work, 60)
    running = asyncio.create_task(sweeper.run())
    await asyncio.sleep(0.05)
    running.cancel()
    assert runs == 3


async def test_a_detached_task_outlives_the_cancelled_caller_and_is_waited_for() -> None:
    tasks, done = Tasks(), []

    async def charge() -> None:
        await asyncio.sleep(0.02)
        done.append("charged")

    async def handler() -> None:
        await asyncio.shield(tasks.spawn(charge(), "charge"))

    call = asyncio.create_task(handler())
    await asyncio.sleep(0)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    assert await tasks.drain(1) == 0
    assert done == ["charged"]


async def test_a_drain_waits_for_what_is_spawned_meanwhile_and_cancels_what_is_too_slow() -> None:
    tasks, done = Tasks(), []

    async def second() -> None:
        await asyncio.sleep(0.02)
        done.append("second")

    async def first() -> None:
        await asyncio.sleep(0.02)
        tasks.spawn(second(), "second")

    tasks.spawn(first(), "first")
    assert await tasks.drain(1) == 0
    assert done == ["second"]
    tasks.spawn(asyncio.sleep(60), "slow")
    assert await tasks.drain(0.01) == 1


async def test_a_failed_task_hurts_nobody() -> None:
    tasks = Tasks()

    async def fails() -> None:
        raise ZeroDivisionError

    tasks.spawn(fails(), "fails")
    assert await tasks.drain(1) == 0
