"""The house: a database server, four stand-ins, four services; started in order, kept running, drained in reverse."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any

from services.cli.children import Child, Tell
from services.cli.clocks import HouseClock
from services.cli.databases import Databases
from services.cli.home import SERVICES, STAND_INS, Home, Ports
from services.cli.processes import service_spec, stand_in_spec
from services.runtime.certificates import PUBLIC_AUTHORITY


class House:
    """One copy of everything.

    Raises (from `start`):
        HomeError, PostgresError, MigrationError, ChildError: what could not start, and what to do.
    """

    def __init__(self, home: Home, ports: Ports, clock: HouseClock, tell: Tell, *, public_tls: bool = False) -> None:
        self.home, self.ports, self.clock = home, ports, clock
        self.public_authority = home.public_tls / PUBLIC_AUTHORITY if public_tls else None
        self._databases = Databases(home, tell)
        self._children: list[Child] = []
        self._tell = tell

    async def start(self) -> None:
        """Starts everything; returns when all of it is ready."""
        self._children = [
            Child(stand_in_spec(name, self.home, self.ports, self.clock), self._tell) for name in STAND_INS
        ]
        await _all(child.start() for child in self._children)
        dsns = await self._databases.start()
        services = [self._service(name, dsns[name]) for name in SERVICES]
        self._children += services
        await _all(child.start() for child in services)
        await _all(child.wait_until_ready() for child in self._children)

    def _service(self, name: str, dsn: str) -> Child:
        public_tls = self.public_authority is not None
        return Child(service_spec(name, self.home, self.ports, self.clock, dsn, public_tls=public_tls), self._tell)

    async def stop(self) -> None:
        """Drains the services, callers before the called, then the stand-ins, then the database server."""
        for child in reversed(self._children[len(STAND_INS) :]):
            await child.stop()
        await _all(child.stop() for child in self._children[: len(STAND_INS)])
        await self._databases.stop()

    def addresses(self) -> dict[str, dict[str, str]]:
        """Each service's doors, as "host:port"."""
        return {service: self.ports.doors(service).addresses() for service in SERVICES}

    def pids(self) -> Mapping[str, int | None]:
        """Each process's id right now; a restart changes it."""
        children = {child.spec.name: child.pid for child in self._children}
        return {"supervisor": os.getpid(), "postgres": self._databases.pid, **children}


async def _all(steps: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Everything at once; the first failure cancels the rest and is the one that is told."""
    try:
        async with asyncio.TaskGroup() as group:
            for step in steps:
                group.create_task(step)
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
