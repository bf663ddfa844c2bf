"""The composition root of rental: the only place where its objects meet."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import grpc
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from freehold.identity.v1 import identity_internal_service_pb2_grpc as identity_rpc
from freehold.rental.v1 import (
    asset_service_pb2,
    feed_service_pb2,
    life_service_pb2,
    place_service_pb2,
    pricing_service_pb2,
    rental_internal_service_pb2,
    rental_service_pb2,
    reservation_service_pb2,
)
from freehold.rental.v1 import asset_service_pb2_grpc as asset_rpc
from freehold.rental.v1 import feed_service_pb2_grpc as feed_rpc
from freehold.rental.v1 import life_service_pb2_grpc as life_rpc
from freehold.rental.v1 import place_service_pb2_grpc as place_rpc
from freehold.rental.v1 import pricing_service_pb2_grpc as pricing_rpc
from freehold.rental.v1 import rental_internal_service_pb2_grpc as internal_rpc
from freehold.rental.v1 import rental_service_pb2_grpc as public_rpc
from freehold.rental.v1 import reservation_service_pb2_grpc as reservation_rpc
from services.rental.clients import DepositsClient, IdentityClient, Late, ScoringClient
from services.rental.domain import CancelRental, EndRental, Rental, RentalId, Security, Timing
from services.rental.operations import (
    Arrivals,
    Catalogue,
    Changing,
    ClosingRentals,
    FollowingUp,
    Living,
    Passes,
    Passing,
    Prices,
    Reading,
    Reserving,
    StartAsk,
    Started,
    Starting,
    Telling,
    Wakes,
    Watching,
)
from services.rental.operations.fleet import Feeds, Fleet, Importing, Places, Searching, Sightings
from services.rental.servicer import (
    ACCESS,
    ASSET_ACCESS,
    FEED_ACCESS,
    LIFE_ACCESS,
    LIMITS,
    PLACE_ACCESS,
    PRICING_ACCESS,
    RESERVATION_ACCESS,
    RESERVATION_LIMITS,
    AssetServicer,
    FeedServicer,
    LifeServicer,
    PlaceServicer,
    PricingServicer,
    RentalInternalServicer,
    RentalServicer,
    ReservationServicer,
)
from services.rental.store import PostgresCatalogue, PostgresPricing, PostgresRentals, PostgresReservations
from services.rental.store.fleet import PostgresFeeds, PostgresFleet, PostgresImports, PostgresPlaces, PostgresWatch
from services.rental.sweeper import (
    fact_relay,
    follow_up_sweeper,
    passing_sweeper,
    reservation_sweeper,
    silence_sweeper,
)
from services.runtime import migrations, service
from services.runtime.authenticators import RemoteCredentials
from services.runtime.batching import Batcher
from services.runtime.channels import open_channel
from services.runtime.clock import SystemClock, clock_of
from services.runtime.database import Database
from services.runtime.personal_data import DataHolder
from services.runtime.queries import load_queries
from services.runtime.server import InternalService, PublicService, Server
from services.runtime.settings import ServiceSettings
from services.runtime.tasks import Tasks
from services.runtime.telemetry import Tracer, batch_span
from services.values.clock import Clock
from services.values.errors import Refusal

SERVICE = "rental"
CALLS = frozenset({"identity", "deposits"})
PUBLISHES_TO = frozenset({"scoring", "identity"})

INTERNAL_CALLERS = {"Deliver": frozenset({"deposits"})}
"""Which services may call what."""

_PACKAGE = "services.rental"
_PROBE_SECONDS = 1.0
_CODE_BYTES = 12
"""A public code is not to be guessed: 96 random bits."""

Answer = tuple[RentalId, Security]


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


class _Rooms:
    """The use cases, joined. Deposits' second answers come in through `late`."""

    def __init__(self, settings: Settings, db: Database, channels: dict[str, grpc.aio.Channel], late: Late) -> None:
        clock: Clock = clock_of(settings.clock_scale, settings.clock_epoch_real, settings.clock_epoch_virtual)
        wakes = Wakes()
        store, arrivals, seconds = PostgresRentals(db, wakes.wake), Arrivals(), settings.upstream_seconds
        changing = Changing(store, arrivals, clock, SystemClock(), _timing(settings))
        self.identity = IdentityClient(channels["identity"], seconds)
        self.deposits = DepositsClient(channels["deposits"], seconds, late)
        self.starting = Starting(store, self.identity, self.deposits, changing, arrivals)
        self.closing = ClosingRentals(store, self.deposits, changing)
        self.following_up = FollowingUp(store, self.starting, self.closing, changing)
        self.living = Living(store, changing, self.closing)
        self.passing = Passing(store, changing, self.closing)
        self.telling = Telling(self.identity, ScoringClient(channels["scoring"], seconds))
        self.catalogue = Catalogue(PostgresCatalogue(db), clock)
        self.reading = Reading(store)
        fleet_store = PostgresFleet(db)
        self.fleet = Fleet(fleet_store, clock, lambda: secrets.token_hex(_CODE_BYTES))
        self.sightings = Sightings(PostgresWatch(db), clock)
        self.searching = Searching(fleet_store, self.fleet)
        self.places = Places(PostgresPlaces(db), clock)
        self.importing = Importing(PostgresImports(db), clock)
        self.feeds = Feeds(PostgresFeeds(db), self.fleet, self.places, clock)
        self.reserving = Reserving(PostgresReservations(db), self.identity, changing)
        self.watching = Watching(store, self.reading, wakes, clock)
        self.prices = Prices(PostgresPricing(db), self.reading, clock)
        self.passes = Passes(PostgresPricing(db), self.identity, clock)

    async def close(self) -> None:
        """Ends the streams."""
        await self.identity.close()
        await self.deposits.close()


class _Queues:
    """What comes together goes together; commands of one renter, or about one rental, go one after the other."""

    def __init__(self, rooms: _Rooms) -> None:
        self._rooms = rooms
        closing = rooms.closing
        self.starts: Batcher[StartAsk, Started] = Batcher("start", self._start, key=lambda ask: ask.command.renter_id)
        self.ends: Batcher[EndRental, Rental] = Batcher("end", closing.end, key=lambda command: command.rental_id)
        self.cancels: Batcher[CancelRental, Rental] = Batcher("cancel", closing.cancel, key=lambda c: c.rental_id)
        self.answers: Batcher[Answer, Rental] = Batcher("answer", rooms.starting.answered, key=lambda answer: answer[0])

    async def _start(self, asks: list[StartAsk]) -> list[Started | Refusal]:
        with batch_span("start_rentals", [ask.origin.traceparent for ask in asks]):
            return await self._rooms.starting.start(asks)

    async def drain(self) -> None:
        """Waits until nothing is under way."""
        for batcher in (self.starts, self.ends, self.cancels, self.answers):
            await batcher.drain()


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
        rooms = _Rooms(settings, db, channels, lambda *late: answers.spawn(queues.answers.submit(late), "late answer"))
        queues = _Queues(rooms)
        stack.push_async_callback(rooms.close)
        stack.push_async_callback(queues.drain)
        stack.push_async_callback(answers.drain, settings.drain_seconds)
        credentials = RemoteCredentials(identity_rpc.IdentityInternalServiceStub(channels["identity"]))
        holder = DataHolder(db, load_queries(_PACKAGE), channels["identity"])
        server = _server(settings, tracer, rooms, queues, credentials, holder)
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


def _server(
    settings: Settings,
    tracer: Tracer,
    rooms: _Rooms,
    queues: _Queues,
    credentials: RemoteCredentials,
    holder: DataHolder,
) -> Server:
    public = RentalServicer(
        queues.starts.submit, queues.ends.submit, queues.cancels.submit, rooms.catalogue, rooms.reading
    )
    public_descriptor = rental_service_pb2.DESCRIPTOR.services_by_name["RentalService"]
    internal_descriptor = rental_internal_service_pb2.DESCRIPTOR.services_by_name["RentalInternalService"]
    return Server(
        SERVICE,
        settings,
        credentials.authenticate,
        [
            PublicService(public_descriptor, public_rpc.add_RentalServiceServicer_to_server, public, ACCESS, LIMITS),
            *_fleet(rooms),
            PublicService(
                life_service_pb2.DESCRIPTOR.services_by_name["LifeService"],
                life_rpc.add_LifeServiceServicer_to_server,
                LifeServicer(rooms.living, rooms.watching),
                LIFE_ACCESS,
            ),
            PublicService(
                reservation_service_pb2.DESCRIPTOR.services_by_name["ReservationService"],
                reservation_rpc.add_ReservationServiceServicer_to_server,
                ReservationServicer(rooms.reserving),
                RESERVATION_ACCESS,
                RESERVATION_LIMITS,
            ),
            PublicService(
                pricing_service_pb2.DESCRIPTOR.services_by_name["PricingService"],
                pricing_rpc.add_PricingServiceServicer_to_server,
                PricingServicer(rooms.prices, rooms.passes),
                PRICING_ACCESS,
            ),
        ],
        [
            InternalService(
                internal_descriptor,
                internal_rpc.add_RentalInternalServiceServicer_to_server,
                RentalInternalServicer(rooms.closing),
                INTERNAL_CALLERS,
            ),
            holder.service,
        ],
        tracer,
    )


def _fleet(rooms: _Rooms) -> list[PublicService]:
    assets = AssetServicer(rooms.fleet, rooms.feeds, rooms.sightings, rooms.searching, rooms.importing)
    return [
        PublicService(
            asset_service_pb2.DESCRIPTOR.services_by_name["AssetService"],
            asset_rpc.add_AssetServiceServicer_to_server,
            assets,
            ASSET_ACCESS,
        ),
        PublicService(
            place_service_pb2.DESCRIPTOR.services_by_name["PlaceService"],
            place_rpc.add_PlaceServiceServicer_to_server,
            PlaceServicer(rooms.places),
            PLACE_ACCESS,
        ),
        PublicService(
            feed_service_pb2.DESCRIPTOR.services_by_name["FeedService"],
            feed_rpc.add_FeedServiceServicer_to_server,
            FeedServicer(rooms.feeds),
            FEED_ACCESS,
        ),
    ]


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
