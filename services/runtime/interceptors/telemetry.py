"""One measurement and, when sampled, one span per call, by the OpenTelemetry conventions for RPC."""

from __future__ import annotations

import time

import grpc
from opentelemetry import metrics

_meter = metrics.get_meter("freehold")
_duration = _meter.create_histogram(
    "rpc.server.duration",
    unit="s",
    description="Time from request to answer",
    explicit_bucket_boundaries_advisory=[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
)


class Measure:
    """Records the durations of one method; its attributes are made once, so their number is bounded."""

    def __init__(self, method: str) -> None:
        service, _, name = method.strip("/").partition("/")
        self._base = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}
        self._by_code: dict[grpc.StatusCode, dict[str, str | int]] = {}

    def record(self, began: float, code: grpc.StatusCode) -> None:
        """`began` is a reading of `time.perf_counter()`."""
        attributes = self._by_code.get(code)
        if attributes is None:
            attributes = self._by_code[code] = {**self._base, "rpc.grpc.status_code": code.value[0]}
        _duration.record(time.perf_counter() - began, attributes)
