"""Frames over real sockets: any order, late results, broken streams, many callers and one writer."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
from runtime_desk import Desk, Handlers, a_desk, server_of

from freehold.scoring.v1 import scoring_internal_service_pb2 as internal
from freehold.scoring.v1.scoring_internal_service_pb2_grpc import ScoringInternalServiceStub
from services.runtime.frames import FrameClient, Push
from services.values.errors import Refusal
from services.values.ids import new_renter_id

_numbers = itertools.count()


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A server of its own for each test."""
    async with a_desk(tmp_path) as running:
        yield running


def item(threshold: int = 600) -> internal.AdmitItem:
    """A question; the default handler answers its threshold as the score."""
    return internal.AdmitItem(item_id=f"i{next(_numbers)}", renter_id=new_renter_id("rnt"), threshold=threshold)


class Client:
    """A frame client of deposits."""

    def __init__(self, desk: Desk, late: Any = None) -> None:
        self._channel = desk.peer("deposits")
        self.frames: FrameClient[internal.AdmitItem, internal.AdmitResult] = FrameClient(
            ScoringInternalServiceStub(self._channel).Admit,
            lambda items: internal.AdmitRequest(items=items),
            lambda response: response.results,
            late,
        )

    async def __aenter__(self) -> FrameClient[internal.AdmitItem, internal.AdmitResult]:
        return self.frames

    async def __aexit__(self, *_: object) -> None:
        await self.frames.close()
        await self._channel.close()


def scores(answers: list[Any]) -> list[int | str]:
    """The score per answer, or why not."""
    return [answer.reason if isinstance(answer, Refusal) else answer.score for answer in answers]


async def test_many_callers_lose_no_answer_and_share_frames(desk: Desk) -> None:
    async with Client(desk) as frames:
        thresholds = [350 + n % 600 for n in range(900)]
        asked = [frames.ask([item(threshold)], 5) for threshold in thresholds]
        answers = await asyncio.gather(*asked)
        assert [scores(answer) for answer in answers] == [[threshold] for threshold in thresholds]
    assert sum(desk.handlers.frames) == 900
    assert len(desk.handlers.frames) < 450


async def test_a_slow_frame_delays_nobody_else(desk: Desk) -> None:
    release = asyncio.Event()

    async def admit(items: Any, _push: Push) -> list[Any]:
        if items[0].threshold == 900:
            await release.wait()
        return [internal.AdmitResult(item_id=one.item_id, score=one.threshold) for one in items]

    desk.handlers.admit = admit
    async with Client(desk) as frames:
        slow = asyncio.create_task(frames.ask([item(900)], 5))
        await asyncio.sleep(0.05)
        assert scores(await frames.ask([item(601)], 5)) == [601]
        assert not slow.done()
        release.set()
        assert scores(await slow) == [900]


async def test_a_second_result_goes_to_who_listens_for_late_ones(desk: Desk) -> None:
    async def admit(items: Any, push: Push) -> list[Any]:
        loop = asyncio.get_running_loop()
        for one in items:
            loop.call_later(0.05, push, internal.AdmitResult(item_id=one.item_id, score=777))
        return [internal.AdmitResult(item_id=one.item_id, score=one.threshold) for one in items]

    desk.handlers.admit = admit
    late: asyncio.Queue[Any] = asyncio.Queue()
    async with Client(desk, late.put_nowait) as frames:
        one = item(600)
        assert scores(await frames.ask([one], 5)) == [600]
        second = await asyncio.wait_for(late.get(), 5)
        assert (second.item_id, second.score) == (one.item_id, 777)


async def test_what_is_not_answered_in_time_is_unavailable_and_the_rest_is_answered(desk: Desk) -> None:
    async def admit(items: Any, _push: Push) -> list[Any]:
        return [internal.AdmitResult(item_id=one.item_id, score=1) for one in items if one.threshold != 900]

    desk.handlers.admit = admit
    async with Client(desk) as frames:
        assert scores(await frames.ask([item(600), item(900), item(601)], 0.3)) == [1, "UPSTREAM_UNAVAILABLE", 1]


async def test_a_broken_stream_is_asked_again(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as first:
        arrived = asyncio.Event()

        async def never(_items: Any, _push: Push) -> list[Any]:
            arrived.set()
            await asyncio.Event().wait()
            return []

        first.handlers.admit = never
        port = first.server.ports.internal
        async with Client(first) as frames:
            asking = asyncio.create_task(frames.ask([item(650)], 20))
            await arrived.wait()
            await first.server.drain()
            second = server_of(Handlers(), tmp_path, internal_port=port)
            await second.start()
            try:
                assert scores(await asking) == [650], "the question outlives the server that it was put to"
            finally:
                await second.drain()


async def test_a_frame_that_breaks_a_rule_ends_the_stream_not_the_service(desk: Desk) -> None:
    async with Client(desk) as frames:
        assert scores(await frames.ask([item(100)], 0.3)) == ["UPSTREAM_UNAVAILABLE"]
        assert scores(await frames.ask([item(600)], 5)) == [600]


async def test_a_defect_in_a_frame_leaves_no_task_behind(desk: Desk) -> None:
    async def defect(_items: Any, _push: Push) -> list[Any]:
        raise RuntimeError("canary")

    async with Client(desk) as frames:
        await frames.ask([item()], 5)
        desk.handlers.admit = defect
        assert scores(await frames.ask([item()], 0.3)) == ["UPSTREAM_UNAVAILABLE"]
    await asyncio.sleep(0.1)
    names = [task.get_name() for task in asyncio.all_tasks()]
    assert [name for name in names if name.startswith("frame")] == []


async def test_closing_ends_the_stream_and_its_tasks(desk: Desk) -> None:
    async with Client(desk) as frames:
        await frames.ask([item() for _ in range(3)], 5)
    await asyncio.sleep(0.1)
    assert [task for task in asyncio.all_tasks() if task.get_name().startswith("frame")] == []
