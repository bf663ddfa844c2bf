"""Metrics always (Prometheus), traces when somebody collects them, and neither ever slows a call or a shutdown.

Sampling is decided before the tracing library is touched: an unsampled call costs a random number.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from opentelemetry import metrics, trace
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags

from services.runtime.settings import ServiceSettings

if TYPE_CHECKING:
    from services.runtime.interceptors.calls import Context

FLUSH_SECONDS = 2.0
_SAMPLED = "-01"


class Tracer:
    """Spans for the sampled share of calls. Without a collector there is nothing to sample."""

    def __init__(self, ratio: float = 0.0) -> None:
        self._ratio = ratio

    @contextmanager
    def server_span(self, method: str, context: Context) -> Iterator[str]:
        """A span for a served call, joined to the caller's trace; gives the traceparent to pass on."""
        if self._ratio == 0.0:
            yield ""
            return
        incoming = _traceparent(context)
        if not (incoming.endswith(_SAMPLED) or (not incoming and random.random() < self._ratio)):  # noqa: S311
            yield incoming
            return
        with _span(method.strip("/"), incoming, SpanKind.SERVER) as traceparent:
            yield traceparent


@contextmanager
def batch_span(name: str, traceparents: Iterable[str]) -> Iterator[None]:
    """A span for a batch, linked to each of its sampled items; nothing when none is sampled."""
    sampled = [t for t in traceparents if t.endswith(_SAMPLED) and is_traceparent(t)]
    if not sampled:
        yield
        return
    with _started(name, links=[trace.Link(_context_of(t)) for t in sampled]):
        yield


@contextmanager
def _span(name: str, parent: str, kind: SpanKind) -> Iterator[str]:
    context = trace.set_span_in_context(trace.NonRecordingSpan(_context_of(parent))) if parent else None
    with _started(name, context=context, kind=kind) as span:
        its = span.get_span_context()
        yield f"00-{its.trace_id:032x}-{its.span_id:016x}{_SAMPLED}"


@contextmanager
def _started(name: str, **options: Any) -> Iterator[trace.Span]:
    """A span that is marked when it fails, without the exception's text: that may quote anything."""
    tracer = trace.get_tracer("freehold")
    with tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False, **options) as span:
        try:
            yield span
        except BaseException as error:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(trace.StatusCode.ERROR)
            raise


def _context_of(traceparent: str) -> SpanContext:
    _, trace_id, span_id, _ = traceparent.split("-")
    return SpanContext(int(trace_id, 16), int(span_id, 16), True, TraceFlags(TraceFlags.SAMPLED))


def _traceparent(context: Context) -> str:
    for key, value in context.invocation_metadata() or ():
        if key == "traceparent" and isinstance(value, str) and is_traceparent(value):
            return value
    return ""


def is_traceparent(text: str) -> bool:
    """Whether `text` is a W3C traceparent of version 00."""
    parts = text.split("-")
    if [len(part) for part in parts] != [2, 32, 16, 2] or parts[0] != "00":
        return False
    with suppress(ValueError):
        return int(parts[1], 16) != 0 and int(parts[2], 16) != 0 and int(parts[3], 16) >= 0
    return False


class Telemetry:
    """The providers and the Prometheus endpoint of one process."""

    def __init__(self, service: str, settings: ServiceSettings) -> None:
        resource = Resource.create({"service.name": f"freehold-{service}"})
        self._meters = MeterProvider(metric_readers=_readers(settings), resource=resource)
        metrics.set_meter_provider(self._meters)
        self._traces: TracerProvider | None = None
        if settings.otlp_endpoint:
            self._traces = TracerProvider(resource=resource)
            self._traces.add_span_processor(BatchSpanProcessor(_span_exporter(settings.otlp_endpoint)))
            trace.set_tracer_provider(self._traces)
        self.tracer = Tracer(settings.trace_sample_ratio if self._traces is not None else 0.0)
        self._lag = _LoopLag()
        self._endpoint = _serve_metrics(settings)

    async def watch_loop(self) -> None:
        """Measures how late the event loop wakes, until cancelled."""
        await self._lag.run()

    def close(self) -> None:
        """Flushes for two seconds at most: a dead collector does not hold up a shutdown."""
        server, thread = self._endpoint
        server.shutdown()
        server.server_close()
        thread.join(1.0)
        flusher = threading.Thread(target=self._flush, daemon=True)
        flusher.start()
        flusher.join(FLUSH_SECONDS)

    def _flush(self) -> None:
        if self._traces is not None:
            self._traces.force_flush(int(FLUSH_SECONDS * 1000))
        self._meters.force_flush(int(FLUSH_SECONDS * 1000))


def _readers(settings: ServiceSettings) -> list[Any]:
    from opentelemetry.exporter.prometheus import PrometheusMetricReader

    readers: list[Any] = [PrometheusMetricReader(disable_target_info=False)]
    if settings.otlp_endpoint:
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

        exporter = OTLPMetricExporter(settings.otlp_endpoint, insecure=True, timeout=2)
        readers.append(
            PeriodicExportingMetricReader(exporter, export_interval_millis=15_000, export_timeout_millis=2000)
        )
    return readers


def _span_exporter(endpoint: str) -> Any:
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(endpoint, insecure=True, timeout=2)


def _serve_metrics(settings: ServiceSettings) -> tuple[Any, threading.Thread]:
    from prometheus_client import start_http_server

    return start_http_server(settings.metrics_port, addr=settings.host)


class _LoopLag:
    """The longest delay of the event loop since the last scrape."""

    EVERY_SECONDS = 0.25

    def __init__(self) -> None:
        self._worst = 0.0
        meter = metrics.get_meter("freehold")
        meter.create_observable_gauge(
            "freehold.loop.lag", [self._observe], unit="s", description="Worst delay of the event loop since last read"
        )

    def _observe(self, _options: CallbackOptions) -> list[Observation]:
        worst, self._worst = self._worst, 0.0
        return [Observation(worst)]

    async def run(self) -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(self.EVERY_SECONDS)
            self._worst = max(self._worst, time.monotonic() - began - self.EVERY_SECONDS)
