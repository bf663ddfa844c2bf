"""Where identity's objects meet: the use cases in `rooms`, what they are reached by in `doors`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from services.identity.app.doors import INTERNAL_CALLERS, PRIVACY_CALLERS, open_doors
from services.identity.app.rooms import Rooms
from services.identity.app.settings import SERVICE, Settings
from services.identity.clients import Asks, HttpCarrier, HttpRegistry, ScoringEvents
from services.identity.keys import load_keys
from services.runtime.channels import open_channel
from services.runtime.database import Database
from services.runtime.migrations import verify
from services.runtime.outbox import Relay
from services.runtime.server import Server
from services.runtime.service import run
from services.runtime.telemetry import Tracer

__all__ = ["CALLS", "INTERNAL_CALLERS", "PRIVACY_CALLERS", "PUBLISHES_TO", "SERVICE", "Settings", "build", "main"]

CALLS: frozenset[str] = frozenset()
PUBLISHES_TO = frozenset({"scoring", "deposits", "rental"})
ASKS_POLL_SECONDS = 2.0


@asynccontextmanager
async def build(settings: Settings, tracer: Tracer) -> AsyncIterator[Server]:
    """An identity server that is ready to start; what it opened is closed at the end."""
    dsn = settings.dsn.get_secret_value()
    keys = load_keys(settings.keys_dir)
    await verify(dsn, "services.identity")
    db = await Database.connect(dsn, pool_size=settings.pool_size)
    channels = {
        peer: open_channel(address, peer, settings.tls_dir, SERVICE)
        for peer, address in (
            ("scoring", settings.scoring_address),
            ("deposits", settings.deposits_address),
            ("rental", settings.rental_address),
        )
    }
    relays = [
        Relay(db, "scoring", ScoringEvents(channels["scoring"]).deliver),
        Relay(db, "deposits", Asks(channels["deposits"]).deliver, poll_seconds=ASKS_POLL_SECONDS),
        Relay(db, "rental", Asks(channels["rental"]).deliver, poll_seconds=ASKS_POLL_SECONDS),
    ]

    def wake() -> None:
        for relay in relays:
            relay.wake()

    async with aiohttp.ClientSession() as session:
        registry = HttpRegistry(session, settings.registry_url, settings.registry_secret.get_secret_value())
        carrier = HttpCarrier(session, settings.carrier_url, settings.carrier_secret.get_secret_value())
        rooms = Rooms(settings, keys, db, registry, carrier, wake)
        running = [*(relay.run() for relay in relays), *(sweeper.run() for sweeper in rooms.sweepers)]
        background = [asyncio.create_task(work) for work in running]
        try:
            yield open_doors(settings, tracer, keys, rooms)
        finally:
            await rooms.tasks.drain(settings.drain_seconds)
            rooms.passwords.close()
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await asyncio.gather(*(channel.close() for channel in channels.values()))
            await db.close()


def main() -> int:
    """`freehold serve identity`."""
    return run(SERVICE, Settings, build)
