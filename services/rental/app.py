"""The composition root of rental: the only place where its objects meet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import grpc
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from freehold.identity.v1 import identity_internal_service_pb2_grpc as identity_rpc
from freehold.rental.v1 import rental_internal_service_pb2, rental_service_pb2
from freehold.rental.v1 import rental_internal_service_pb2_grpc as internal_rpc
from freehold.rental.v1 import rental_service_pb2_grpc as public_rpc
from services.rental.clients import DepositsClient, IdentityClient, ScoringClient
from services.rental.domain import CancelRental, EndRental, Rental, RentalId, Security, Timing
from services.rental.operations import (
    Arrivals,
    Catalogue,
    Changing,
    ClosingRentals,
    FollowingUp,
    Reading,
    StartAsk,
    Started,
    Starting,
    Telling,
)
from services.rental.servicer import ACCESS, RentalInternalServicer, RentalServicer
from services.rental.store import PostgresCatalogue, PostgresRentals
from services.rental.sweeper import fact_relay, follow_up_sweeper
from services.runtime import migrations, service
from services.runtime.authenticators import RemoteCredentials
from services.runtime.batching import Batcher
from services.runtime.channels import open_channel
from services.runtime.clock import SystemClock, clock_of
from services.runtime.database import Database
from services.runtime.server import InternalService, PublicService, Server
from services.runtime.settings import ServiceSettings
from services.runtime.tasks import Tasks
from services.runtime.telemetry import Tracer
from services.values.clock import Clock
from services.values.errors import Refusal

SERVICE = "rental"
CALLS = frozenset({"identity", "deposits"})
PUBLISHES_TO = frozenset({"scoring"})

_PACKAGE = "services.rental"
_PROBE_SECONDS = 1.0


class Settings(ServiceSettings):
    """What rental needs besides what every service needs. Seconds are real time."""

    model_config = SettingsConfigDict(env_prefix="FREEHOLD_RENTAL_", frozen=True, extra="ignore")

    identity_address: str = Field(min_length=1)
    deposits_address: str = Field(min_length=1)
    scoring_address: str = Field(min_length=1)

    activation_seconds: float = Field(default=60.0, gt=0, le=600)
    recheck_seconds: float = Field(default=1.0, gt=0, le=60)
    lease_seconds: float = Field(default=5.0, gt=0, le=60)
    sweep_seconds: float = Field(default=1.0, gt=0, le=60)
    upstream_seconds: float = Field(default=3.0, gt=0, le=10)


@dataclass(frozen=True, slots=True)
class _Neighbours:
    identity: IdentityClient
    deposits: DepositsClient
    scoring: ScoringClient


class _Rooms:
    """The use cases, joined. Second answers of deposits come back in through `late`."""

    def __init__(self, settings: Settings, db: Database, tracer: Tracer, channels: dict[str, grpc.aio.Channel]) -> None:
        clock: Clock = clock_of(settings.clock_scale, settings.clock_epoch_real, settings.clock_epoch_virtual)
        store, arrivals, seconds = PostgresRentals(db), Arrivals(), settings.upstream_seconds
        changing = Changing(store, arrivals, clock, SystemClock(), _timing(settings))
        self.tasks = Tasks()
        self.neighbours = _Neighbours(
            IdentityClient(channels["identity"], seconds),
            DepositsClient(channels["deposits"], seconds, self._late),
            ScoringClient(channels["scoring"], seconds),
        )
        identity, deposits = self.neighbours.identity, self.neighbours.deposits
        self.starting = Starting(store, identity, deposits, changing, arrivals)
        self.closing = ClosingRentals(store, deposits, changing)
        self.following_up = FollowingUp(store, self.starting, self.closing, changing)
        self.telling = Telling(identity, self.neighbours.scoring)
        self.catalogue = Catalogue(PostgresCatalogue(db), clock)
        self.reading = Reading(store)
        self._tracer = tracer
        self.starts: Batcher[StartAsk, Started] = Batcher(
            "start_rental", self._start, key=lambda ask: ask.command.renter_id
        )
        self.ends: Batcher[EndRental, Rental] = Batcher("end_rental", self.closing.end, key=lambda c: c.rental_id)
        self.cancels: Batcher[CancelRental, Rental] = Batcher(
            "cancel_rental", self.closing.cancel, key=lambda c: c.rental_id
        )
        self.answers: Batcher[tuple[RentalId, Security | None], Rental] = Batcher(
            "deposit_answer", self.starting.answered, key=lambda answer: answer[0]
        )

    async def _start(self, asks: list[StartAsk]) -> list[Started | Refusal]:
        with self._tracer.item_span("start_rentals", [ask.origin.traceparent for ask in asks]):
            return await self.starting.start(asks)

    def _late(self, rental_id: RentalId, security: Security | None) -> None:
        self.tasks.spawn(self.answers.submit((rental_id, security)), "deposit answer")

    async def close(self, seconds: float) -> None:
        """Lets what is under way finish, then ends the streams."""
        for batcher in (self.starts, self.ends, self.cancels, self.answers):
            await batcher.drain()
        await self.tasks.drain(seconds)
        await self.neighbours.identity.close()
        await self.neighbours.deposits.close()


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
        credentials = RemoteCredentials(identity_rpc.IdentityInternalServiceStub(channels["identity"]))
        rooms = _Rooms(settings, db, tracer, channels)
        stack.push_async_callback(rooms.close, settings.drain_seconds)
        server = _server(settings, tracer, rooms, credentials)
        work = [
            credentials.watch(),
            fact_relay(db, rooms.telling).run(),
            follow_up_sweeper(rooms.following_up, settings.sweep_seconds).run(),
            _follow_database(db, server),
        ]
        await stack.enter_async_context(_background(work))
        yield server


def main() -> int:
    """Runs the service until it is told to stop; answers the exit code."""
    return service.run(SERVICE, Settings, build)


def _server(settings: Settings, tracer: Tracer, rooms: _Rooms, credentials: RemoteCredentials) -> Server:
    public = RentalServicer(
        rooms.starts.submit, rooms.ends.submit, rooms.cancels.submit, rooms.catalogue, rooms.reading
    )
    public_descriptor = rental_service_pb2.DESCRIPTOR.services_by_name["RentalService"]
    internal_descriptor = rental_internal_service_pb2.DESCRIPTOR.services_by_name["RentalInternalService"]
    return Server(
        SERVICE,
        settings,
        credentials.authenticate,
        [PublicService(public_descriptor, public_rpc.add_RentalServiceServicer_to_server, public, ACCESS)],
        [
            InternalService(
                internal_descriptor,
                internal_rpc.add_RentalInternalServiceServicer_to_server,
                RentalInternalServicer(rooms.closing),
                frozenset({"deposits"}),
            )
        ],
        tracer,
    )


def _addresses(settings: Settings) -> dict[str, str]:
    return {
        "identity": settings.identity_address,
        "deposits": settings.deposits_address,
        "scoring": settings.scoring_address,
    }


def _timing(settings: Settings) -> Timing:
    return Timing(
        activation=timedelta(seconds=settings.activation_seconds),
        recheck=timedelta(seconds=settings.recheck_seconds),
        lease=timedelta(seconds=settings.lease_seconds),
    )


@asynccontextmanager
async def _background(work: list[Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(coroutine) for coroutine in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _follow_database(db: Database, server: Server) -> None:
    """Readiness follows the service's own database, and nothing else."""
    was_ready = True
    while True:
        await asyncio.sleep(_PROBE_SECONDS)
        try:
            is_ready = await db.fetchval("SELECT true", timeout=_PROBE_SECONDS)
        except Refusal:
            is_ready = False
        if is_ready is not was_ready:
            await server.ready(is_ready)
            was_ready = is_ready
