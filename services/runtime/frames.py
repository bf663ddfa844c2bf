"""Frames: batches of items on a long-lived bidirectional stream, answered per item in any order.

The client puts whatever waits into one frame, has one writer (concurrent writes on one stream lose replies), and after
a broken stream asks again for what is outstanding: items are idempotent. A result for an item that was answered before
is a *late* result (a hold that came through) and goes to whoever listens for those.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any, Generic, Protocol, TypeVar

import grpc
import structlog

from services.runtime.interceptors.calls import call_or_none
from services.runtime.statuses import upstream_unavailable
from services.runtime.telemetry import batch_span
from services.values.errors import Refusal

log = structlog.get_logger(__name__)
FRAME_ITEMS = 512
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0


class Identified(Protocol):
    """An item or a result of a frame."""

    item_id: str


Item = TypeVar("Item", bound=Identified)
Result = TypeVar("Result", bound=Identified)

OpenStream = Callable[[], Any]
Late = Callable[[Any], None]


class FrameClient(Generic[Item, Result]):
    """One stream to one peer, opened at the first question and reopened whenever it breaks.

    Args:
        open_stream: the stub's method, called without arguments.
        frame: makes a request of items.
        results: the results in a response.
        late: takes results for items that were answered before, or that nobody waits for any more.
    """

    def __init__(
        self,
        open_stream: OpenStream,
        frame: Callable[[Sequence[Item]], Any],
        results: Callable[[Any], Iterable[Result]],
        late: Late | None = None,
    ) -> None:
        self._open_stream = open_stream
        self._frame = frame
        self._results = results
        self._late = late
        self._waiting: dict[str, tuple[Item, asyncio.Future[Result | Refusal]]] = {}
        self._unsent: list[Item] = []
        self._asked = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None

    async def ask(self, items: Sequence[Item], timeout: float) -> list[Result | Refusal]:
        """One result per item, in order; UPSTREAM_UNAVAILABLE for those not answered within `timeout` seconds."""
        loop = asyncio.get_running_loop()
        answers = [loop.create_future() for _ in items]
        for item, answer in zip(items, answers, strict=True):
            self._waiting[item.item_id] = (item, answer)
        self._unsent.extend(items)
        self._asked.set()
        if self._runner is None:
            self._runner = asyncio.create_task(self._run(), name="frame client")
        try:
            await asyncio.wait(answers, timeout=timeout)
            return [answer.result() if answer.done() else upstream_unavailable() for answer in answers]
        finally:
            for item in items:
                self._waiting.pop(item.item_id, None)

    async def close(self) -> None:
        """Ends the stream; whoever still waits runs into the timeout."""
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.gather(self._runner, return_exceptions=True)
            self._runner = None

    async def _run(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            stream = self._open_stream()
            try:
                if await self._converse(stream):
                    pause = _FIRST_PAUSE
            except grpc.aio.AioRpcError as error:
                log.info("frames_broken", status=error.code().name)
            except asyncio.CancelledError:
                if is_cancelled():
                    raise
                log.info("frames_broken", status="CHANNEL_CLOSED")
            finally:
                stream.cancel()
            self._unsent = [item for item, _ in self._waiting.values()]
            self._asked.set()
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _converse(self, stream: Any) -> bool:
        """Writes and reads until the stream ends; answers whether anything was heard."""
        writer = asyncio.create_task(self._write(stream), name="frame writer")
        heard = False
        try:
            while (response := await stream.read()) is not grpc.aio.EOF:
                heard = True
                self._hear(response)
            await _raise_status(stream)
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        return heard

    async def _write(self, stream: Any) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            unsent, self._unsent = self._unsent, []
            for start in range(0, len(unsent), FRAME_ITEMS):
                await stream.write(self._frame(unsent[start : start + FRAME_ITEMS]))

    def _hear(self, response: Any) -> None:
        for result in self._results(response):
            _, answer = self._waiting.get(result.item_id, (None, None))
            if answer is not None and not answer.done():
                answer.set_result(result)
            elif self._late is not None:
                self._late(result)


def is_cancelled() -> bool:
    """Whether this task is to end: grpc raises the same error when a channel is closed under a stream."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


async def _raise_status(stream: Any) -> None:
    code = await stream.code()
    if code is not grpc.StatusCode.OK:
        raise grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata())


Push = Callable[[Any], None]
Handle = Callable[[Sequence[Any], Push], Awaitable[Sequence[Any]]]


async def serve_frames(
    requests: AsyncIterator[Any], handle: Handle, response: Callable[[Sequence[Any]], Any]
) -> AsyncIterator[Any]:
    """Serves one stream: each frame in a task of its own, all answers by one writer.

    Args:
        handle: takes a frame's items (each with `item_id` and `traceparent`), gives their results (one each; a failure
            is a result too). It may keep `push` and call it later with a late result; once the stream is gone that
            does nothing.
        response: makes a response of results.
    """
    answers: asyncio.Queue[Sequence[Any] | Exception | None] = asyncio.Queue()

    call = call_or_none()
    name = "frame" if call is None else call.method.strip("/")

    async def work(items: Sequence[Any]) -> None:
        try:
            with batch_span(name, (item.traceparent for item in items)):
                answers.put_nowait(await handle(items, lambda result: answers.put_nowait([result])))
        except Exception as error:
            answers.put_nowait(error)

    async def read() -> None:
        async with asyncio.TaskGroup() as frames:
            async for request in requests:
                frames.create_task(work(list(request.items)))
        answers.put_nowait(None)

    reader = asyncio.create_task(_reporting(read, answers), name="frame reader")
    try:
        while (answer := await answers.get()) is not None:
            if isinstance(answer, Exception):
                raise answer
            yield response(answer)
    finally:
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)


async def _reporting(read: Callable[[], Awaitable[None]], answers: asyncio.Queue[Any]) -> None:
    try:
        await read()
    except Exception as error:
        answers.put_nowait(error)
