"""The embedded PostgreSQL of a house, one database per service, kept running.

It is started, watched and stopped from one thread of its own: starting blocks, and the kernel ends the server when the
thread that started it ends.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import asyncpg

from services.cli.children import LONGEST_PAUSE_SECONDS, Tell
from services.cli.home import SERVICES, Home
from services.cli.processes import external_dsn
from services.runtime.migrations import migrate
from services.runtime.postgres import EmbeddedPostgres, PostgresError
from services.runtime.postgres.places import places_of

WATCH_SECONDS = 0.2
R = TypeVar("R")


class Databases:
    """Where each service's data is; services with a DSN in the environment bring their own."""

    def __init__(self, home: Home, tell: Tell) -> None:
        self._tell = tell
        self._embedded = [service for service in SERVICES if not external_dsn(service)]
        self._postgres = EmbeddedPostgres(home.path) if self._embedded else None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="postgres")
        self._watcher: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The embedded server's process id while it runs."""
        return None if self._postgres is None else self._postgres.pid

    async def start(self) -> Mapping[str, str]:
        """Starts the server if one is needed, applies what migrations are missing, and gives each service's DSN."""
        dsns = {service: external_dsn(service) for service in SERVICES}
        if self._postgres is not None:
            dsns |= await self._in_thread(self._start_embedded)
            self._watcher = asyncio.create_task(self._watch(), name="watch postgres")
        await asyncio.gather(*(migrate(dsn, f"services.{service}") for service, dsn in dsns.items()))
        return dsns

    async def stop(self) -> None:
        """Stops the server, waiting for what it has begun."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
        if self._postgres is not None:
            await self._in_thread(self._postgres.stop)
        self._thread.shutdown(wait=False)

    def _start_embedded(self) -> dict[str, str]:
        assert self._postgres is not None  # noqa: S101 (called only with one)
        self._postgres.start()
        return {service: self._postgres.create_database(service) for service in self._embedded}

    async def _watch(self) -> None:
        """Starts the server again when it dies, at once the first time, then with growing pauses."""
        assert self._postgres is not None  # noqa: S101 (watched only with one)
        pause, began = WATCH_SECONDS, time.monotonic()
        while True:
            await asyncio.sleep(pause)
            if self._postgres.pid is not None:
                if time.monotonic() - began > LONGEST_PAUSE_SECONDS:
                    pause = WATCH_SECONDS
                continue
            self._tell("postgres ended; starting it again")
            began, pause = time.monotonic(), min(2 * pause, LONGEST_PAUSE_SECONDS)
            try:
                await self._in_thread(self._postgres.ensure_running)
            except PostgresError as error:
                self._tell(f"postgres: {error}")

    async def _in_thread(self, work: Callable[[], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


async def events_waiting(home: Home) -> int:
    """Events that wait in any service's outbox."""
    return sum(await asyncio.gather(*(_waiting(home, service) for service in SERVICES)))


async def _waiting(home: Home, service: str) -> int:
    connection = await asyncpg.connect(external_dsn(service) or EmbeddedPostgres(home.path).dsn(service), timeout=10)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM outbox", timeout=10))
    finally:
        await connection.close()


def remove_home(home: Home) -> None:
    """Removes a throwaway home with its data, also where that had to be put elsewhere. Nothing may run in it."""
    places = places_of(home.path)
    for folder in (places.root, places.sockets, home.path):
        shutil.rmtree(folder, ignore_errors=True)
