"""What travels with a call, and what leaves when it fails: deadlines, traces, cancellation, defects."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from runtime_desk import Desk, a_desk, told

from freehold.scoring.v1 import scoring_internal_service_pb2 as internal
from freehold.scoring.v1 import scoring_internal_service_pb2_grpc as internal_rpc
from freehold.scoring.v1 import scoring_service_pb2 as public
from services.runtime import certificates, tls
from services.runtime.channels import MARGIN_SECONDS
from services.runtime.interceptors import current_call
from services.runtime.tasks import Tasks
from services.values.ids import new_renter_id

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest_asyncio.fixture(scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """One server for the file."""
    async with a_desk(tmp_path_factory.mktemp("tls")) as running:
        yield running


@pytest.fixture(scope="module")
def spans() -> InMemorySpanExporter:
    """Every span of this process from now on."""
    exporter = InMemorySpanExporter()
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = TracerProvider()
        trace.set_tracer_provider(provider)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter


def event() -> internal.DeliverRequest:
    """One event."""
    one = internal.ScoringEvent(event_id="e1")
    one.consent_granted.renter_id = new_renter_id("rnt")
    one.consent_granted.occurred_at.GetCurrentTime()
    return internal.DeliverRequest(events=[one])


async def test_a_public_call_without_a_deadline_has_ten_seconds(desk: Desk) -> None:
    left: list[float] = []

    async def look(_request: Any) -> Any:
        left.append(current_call().remaining())
        return public.GetMyScoreResponse()

    desk.handlers.get_my_score = look
    await desk.score(timeout=None)
    await desk.score(timeout=3)
    assert 9 < left[0] <= 10
    assert 2 < left[1] < 4


async def test_ten_seconds_are_kept_also_by_a_handler_that_does_not_look(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.runtime.interceptors.deadlines.PUBLIC_SECONDS", 0.2)

    async def sleep(_request: Any) -> Any:
        await asyncio.sleep(30)

    desk.handlers.get_my_score = sleep
    began = time.monotonic()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await desk.score(timeout=None)
    assert told(caught.value)[:2] == ("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED")
    assert time.monotonic() - began < 10


async def test_an_internal_call_without_a_deadline_is_refused(desk: Desk) -> None:
    credentials = tls.channel_credentials(certificates.internal_pair(desk.tls_dir, "deposits"))
    target = (("grpc.ssl_target_name_override", tls.name_of("scoring")),)
    async with grpc.aio.secure_channel(desk.internal_address, credentials, target) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await internal_rpc.ScoringInternalServiceStub(channel).Deliver(event())
    assert told(caught.value)[:2] == ("INVALID_ARGUMENT", "DEADLINE_REQUIRED")


async def test_the_deadline_and_the_trace_go_on_to_the_next_service(desk: Desk, spans: InMemorySpanExporter) -> None:
    heard: list[tuple[float, str]] = []

    async def deliver(_request: Any) -> Any:
        heard.append((current_call().remaining(), current_call().traceparent))
        return internal.DeliverResponse()

    async with desk.peer("deposits") as channel:
        peer = internal_rpc.ScoringInternalServiceStub(channel)

        async def onward(_request: Any) -> Any:
            await peer.Deliver(event(), timeout=30)
            return public.GetMyScoreResponse()

        desk.handlers.get_my_score, desk.handlers.deliver = onward, deliver
        await desk.score(None, timeout=2, metadata=(("authorization", "Bearer renter"), ("traceparent", TRACEPARENT)))
    (left, traceparent), trace_id = heard[0], TRACEPARENT.split("-")[1]
    assert left < 2 - MARGIN_SECONDS / 2
    assert traceparent.split("-")[1] == trace_id
    mine = [span for span in spans.get_finished_spans() if f"{span.context.trace_id:032x}" == trace_id]
    by_name = {span.name.rpartition("/")[2]: span for span in mine}
    assert set(by_name) == {"GetMyScore", "Deliver"}
    parent = by_name["Deliver"].parent
    assert parent is not None
    assert parent.span_id == by_name["GetMyScore"].context.span_id


async def test_no_time_left_is_told_without_asking_the_next_service(desk: Desk) -> None:
    asked: list[int] = []

    async def deliver(_request: Any) -> Any:
        asked.append(1)
        return internal.DeliverResponse()

    async with desk.peer("deposits") as channel:
        peer = internal_rpc.ScoringInternalServiceStub(channel)

        async def late(_request: Any) -> Any:
            await asyncio.sleep(current_call().remaining() - MARGIN_SECONDS / 2)
            await peer.Deliver(event(), timeout=30)

        desk.handlers.get_my_score, desk.handlers.deliver = late, deliver
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await desk.score(timeout=0.5)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert asked == []


async def test_a_defect_tells_an_id_and_nothing_else(desk: Desk, spans: InMemorySpanExporter) -> None:
    async def defect(_request: Any) -> Any:
        raise RuntimeError("canary 11010519491231002X")

    desk.handlers.get_my_score = defect
    spans.clear()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await desk.score()
    code, reason, metadata, _ = told(caught.value)
    assert (code, reason) == ("INTERNAL", "INTERNAL_ERROR")
    assert len(metadata["error_id"]) == 16
    assert "canary" not in f"{caught.value.details()} {caught.value.trailing_metadata()}"
    (span,) = [span for span in spans.get_finished_spans() if span.name.endswith("GetMyScore")]
    assert "canary" not in span.to_json()
    assert not span.status.is_ok


async def test_a_cancelled_call_does_not_stop_a_detached_step(desk: Desk) -> None:
    tasks, arrived, finished = Tasks(), asyncio.Event(), asyncio.Event()

    async def step() -> None:
        arrived.set()
        await asyncio.sleep(0.2)
        finished.set()

    async def handler(_request: Any) -> Any:
        await asyncio.wait([tasks.spawn(step(), "a step at the processor")])

    desk.handlers.get_my_score = handler
    call = asyncio.create_task(desk.score())
    await arrived.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await asyncio.wait_for(finished.wait(), 5)
