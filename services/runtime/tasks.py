"""Detached work that outlives its request: tracked, so that it is neither collected nor lost at shutdown.

A client's cancel cancels its handler; a step that must finish (a processor call) runs here instead.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.get_logger(__name__)


class Tasks:
    """A set of detached tasks. A failed one is logged; nothing is awaited by anybody else."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Starts `work` detached from the caller's cancellation."""
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task_failed", task=task.get_name(), error_type=type(error).__name__, exc_info=error)

    async def drain(self, timeout: float) -> int:
        """Waits up to `timeout` seconds for what runs and what that starts, then cancels the rest; answers how many."""
        ends = time.monotonic() + timeout
        while self._running and (left := ends - time.monotonic()) > 0:
            await asyncio.wait(set(self._running), timeout=left)
        late = set(self._running)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        return len(late)
