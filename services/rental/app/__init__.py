"""Where rental's objects meet: the use cases in `rooms`, what they are reached by in `doors`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from freehold.identity.v1 import identity_internal_service_pb2_grpc as identity_rpc
from services.rental.app.doors import INTERNAL_CALLERS, open_doors
from services.rental.app.rooms import Queues, Rooms
from services.rental.app.settings import SERVICE, Settings
from services.rental.sweeper import (
    fact_relay,
    follow_up_sweeper,
    passing_sweeper,
    reservation_sweeper,
    silence_sweeper,
)
from services.runtime import migrations, service
from services.runtime.authenticators import RemoteCredentials
from services.runtime.channels import open_channel
from services.runtime.database import Database
from services.runtime.personal_data import DataHolder
from services.runtime.queries import load_queries
from services.runtime.server import Server
from services.runtime.tasks import Tasks
from services.runtime.telemetry import Tracer

__all__ = ["CALLS", "INTERNAL_CALLERS", "PUBLISHES_TO", "SERVICE", "Settings", "build", "main"]

CALLS = frozenset({"identity", "deposits"})
PUBLISHES_TO = frozenset({"scoring", "identity"})

_PACKAGE = "services.rental"
_PROBE_SECONDS = 1.0


@asynccontextmanager
async def build(settings: Settings, tracer: Tracer) -> AsyncIterator[Server]:
    """The service, joined and with its background work running, until the context ends.

    Raises:
        MigrationError: the database's schema is not this code's.
    """
    dsn = settings.dsn.get_secret_value()
    await migrations.verify(dsn, _PACKAGE)
    async with AsyncExitStack() as stack:
        db = await Database.connect(dsn, pool_size=settings.pool_size)
        stack.push_async_callback(db.close)
        channels = {
            peer: await stack.enter_async_context(open_channel(address, peer, settings.tls_dir, SERVICE))
            for peer, address in _addresses(settings).items()
        }
        answers = Tasks()
        rooms = Rooms(settings, db, channels, lambda *late: answers.spawn(queues.answers.submit(late), "late answer"))
        queues = Queues(rooms)
        stack.push_async_callback(rooms.close)
        stack.push_async_callback(queues.drain)
        stack.push_async_callback(answers.drain, settings.drain_seconds)
        credentials = RemoteCredentials(identity_rpc.IdentityInternalServiceStub(channels["identity"]))
        holder = DataHolder(db, load_queries(_PACKAGE), channels["identity"])
        server = open_doors(settings, tracer, rooms, queues, credentials, holder)
        background = Tasks()
        stack.push_async_callback(background.drain, 0)
        background.spawn(credentials.watch(), "credentials")
        background.spawn(_follow_database(db, server), "readiness")
        background.spawn(holder.relay.run(), "relay to identity")
        background.spawn(fact_relay(db, rooms.telling).run(), "fact relay")
        background.spawn(follow_up_sweeper(rooms.following_up, settings.sweep_seconds).run(), "follow-ups")
        background.spawn(silence_sweeper(rooms.sightings, settings.sweep_seconds).run(), "silent assets")
        background.spawn(passing_sweeper(rooms.passing, settings.sweep_seconds).run(), "passing time")
        background.spawn(reservation_sweeper(rooms.reserving, settings.sweep_seconds).run(), "reservations")
        yield server


def main() -> int:
    """Runs the service until it is told to stop; answers the exit code."""
    return service.run(SERVICE, Settings, build)


def _addresses(settings: Settings) -> dict[str, str]:
    return {
        "identity": settings.identity_address,
        "deposits": settings.deposits_address,
        "scoring": settings.scoring_address,
    }


async def _follow_database(db: Database, server: Server) -> None:
    """Readiness follows the service's own database, and nothing else."""
    was_ready = True
    while True:
        await asyncio.sleep(_PROBE_SECONDS)
        try:
            is_ready = await db.fetchval("SELECT true", timeout=_PROBE_SECONDS)
        except Exception:
            is_ready = False
        if is_ready is not was_ready:
            await server.ready(is_ready)
            was_ready = is_ready
