"""The life of a service process: settings, logs, telemetry, serve, drain. Every `freehold serve` goes through here."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

import structlog
import uvloop

from services.runtime import logs
from services.runtime.certificates import CertificateError
from services.runtime.migrations import MigrationError
from services.runtime.server import Server
from services.runtime.settings import ServiceSettings, SettingsError, load
from services.runtime.telemetry import Telemetry, Tracer

log = structlog.get_logger(__name__)

S = TypeVar("S", bound=ServiceSettings)
Build = Callable[[S, Tracer], AbstractAsyncContextManager[Server]]

BAD_SETTINGS, CANNOT_START = 2, 3


class CannotStart(Exception):
    """Something that a service needs is not as it should be; the message says what, for whoever starts it."""


def run(service: str, settings_class: type[S], build: Build[S]) -> int:
    """Runs a service until SIGTERM or SIGINT; answers the exit code (0 drained, 2 bad settings, 3 cannot start)."""
    try:
        settings = load(settings_class)
    except SettingsError as error:
        print(f"freehold {service}: the environment does not describe this service:\n{error}", file=sys.stderr)  # noqa: T201
        return BAD_SETTINGS
    logs.configure(service, settings.log_level)
    try:
        return uvloop.run(_serve(service, settings, build))
    except (MigrationError, CertificateError, CannotStart, RuntimeError, OSError) as error:
        log.error("cannot_start", exc_info=error)
        if isinstance(error, MigrationError | CertificateError | CannotStart):
            print(f"freehold {service}: {error}", file=sys.stderr)  # noqa: T201
        return CANNOT_START


def calm_collector() -> None:
    """What is there now stays; what batches leave behind is mostly freed without being looked for: look less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


async def _serve(service: str, settings: S, build: Build[S]) -> int:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sent in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sent, stopped.set)
    telemetry = Telemetry(service, settings)
    watcher = asyncio.create_task(telemetry.watch_loop(), name="loop lag")
    try:
        async with build(settings, telemetry.tracer) as server:
            await server.start()
            calm_collector()
            log.info("serving", port=server.ports.public)
            await stopped.wait()
            log.info("draining")
            await server.drain()
    finally:
        watcher.cancel()
        await asyncio.to_thread(telemetry.close)
    log.info("stopped")
    return 0
