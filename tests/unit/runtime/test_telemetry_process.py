"""Telemetry in a process of its own: metrics always, and a dead collector holds nobody up."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

PROCESS = """
import sys, time
from pathlib import Path
from pydantic import SecretStr
from services.runtime.settings import ServiceSettings
from services.runtime.telemetry import Telemetry, batch_span
from services.runtime.interceptors.telemetry import Measure
import grpc

port, endpoint = int(sys.argv[1]), sys.argv[2]
settings = ServiceSettings(
    dsn=SecretStr(""), tls_dir=Path("."), public_port=0, internal_port=0, health_port=0, metrics_port=port,
    otlp_endpoint=endpoint, trace_sample_ratio=1.0,
)
telemetry = Telemetry("test", settings)
Measure("/freehold.test.v1.TestService/Try").record(time.perf_counter(), grpc.StatusCode.OK)
with batch_span("work", ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "", "nonsense-01"]):
    pass
print("ready", flush=True)
sys.stdin.readline()
began = time.monotonic()
telemetry.close()
print(f"{time.monotonic() - began:.3f}", flush=True)
"""


@contextmanager
def process(endpoint: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process with telemetry, once it is ready; its metrics port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    arguments = [sys.executable, "-c", PROCESS, str(port), endpoint]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(arguments, text=True, env=dict(os.environ), **pipes) as running:  # type: ignore[call-overload]
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        yield running, port
        running.kill()


def test_metrics_are_there_without_a_collector() -> None:
    with process("") as (_, port), urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
        text = page.read().decode()
    assert 'rpc_method="Try"' in text
    assert "rpc_server_duration_seconds_bucket" in text
    assert "freehold_loop_lag_seconds" in text
    assert 'service_name="freehold-test"' in text


def test_a_dead_collector_does_not_hold_up_the_end() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with process(f"http://127.0.0.1:{silent.getsockname()[1]}") as (running, _):
            assert running.stdin is not None
            assert running.stdout is not None
            began = time.monotonic()
            running.stdin.write("\n")
            running.stdin.flush()
            took = float(running.stdout.readline())
            assert running.wait(20) == 0
    assert took < 5
    assert time.monotonic() - began < 15
