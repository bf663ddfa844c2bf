"""Where deposits' objects meet: the use cases in `rooms`, what they are reached by in `doors`, who holds the money in
`processors`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.deposits.app.doors import INTERNAL_CALLERS, open_doors
from services.deposits.app.processors import open_processors
from services.deposits.app.rooms import Rooms
from services.deposits.app.settings import SERVICE, Settings
from services.runtime.channels import open_channel
from services.runtime.database import Database
from services.runtime.migrations import verify
from services.runtime.server import Server
from services.runtime.service import run
from services.runtime.telemetry import Tracer

__all__ = ["CALLS", "INTERNAL_CALLERS", "PUBLISHES_TO", "SERVICE", "Settings", "build", "main"]

CALLS = frozenset({"identity", "scoring"})
PUBLISHES_TO = frozenset({"rental", "scoring", "identity"})


@asynccontextmanager
async def build(settings: Settings, tracer: Tracer) -> AsyncIterator[Server]:
    """A deposits server that is ready to start; what it opened is closed at the end."""
    dsn = settings.dsn.get_secret_value()
    await verify(dsn, "services.deposits")
    db = await Database.connect(dsn, pool_size=settings.pool_size)
    channels = {
        peer: open_channel(address, peer, settings.tls_dir, SERVICE)
        for peer, address in (
            ("identity", settings.identity_address),
            ("scoring", settings.scoring_address),
            ("rental", settings.rental_address),
        )
    }
    async with open_processors(settings) as processors:
        rooms = Rooms(settings, db, channels, processors)
        if settings.notices_port:
            await rooms.notices.open(settings.host, settings.notices_port)
        background = [asyncio.create_task(work, name=name) for name, work in rooms.background()]
        try:
            yield open_doors(settings, tracer, rooms)
        finally:
            await rooms.notices.close()
            await rooms.close(settings.drain_seconds)
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await asyncio.gather(*(channel.close() for channel in channels.values()))
            await db.close()


def main() -> int:
    """`freehold serve deposits`."""
    return run(SERVICE, Settings, build)
