"""What time makes happen: a piece of work that is looked for again and again, and at once while there is more."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import structlog
from opentelemetry import metrics

log = structlog.get_logger(__name__)
_meter = metrics.get_meter("freehold")
_swept = _meter.create_counter("freehold.sweeper.items", unit="{item}", description="Items a sweeper worked on")
_failed = _meter.create_counter("freehold.sweeper.failures", unit="{run}", description="Runs that failed")


class Sweeper:
    """Runs `work` every `every_seconds` (with jitter), and again at once while it finds something."""

    def __init__(self, name: str, work: Callable[[], Awaitable[int]], every_seconds: float) -> None:
        self.name = name
        self._work = work
        self._every = every_seconds
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Asks for a run now instead of at the next tick."""
        self._woken.set()

    async def run(self) -> None:
        """Sweeps until cancelled; a failed run is logged and counted, and the next one comes all the same."""
        while True:
            if not await self._once():
                await self._pause()

    async def _once(self) -> int:
        try:
            found = await self._work()
        except Exception as error:
            _failed.add(1, {"sweeper": self.name})
            log.warning("sweep_failed", sweeper=self.name, error_type=type(error).__name__, exc_info=error)
            return 0
        if found:
            _swept.add(found, {"sweeper": self.name})
        return found

    async def _pause(self) -> None:
        pause = self._every * random.uniform(0.8, 1.2)  # noqa: S311 (jitter, not a secret)
        try:
            await asyncio.wait_for(self._woken.wait(), pause)
        except TimeoutError:
            return
        finally:
            self._woken.clear()
