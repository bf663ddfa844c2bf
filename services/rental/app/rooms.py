"""The use cases of rental, joined, and what goes together in batches."""

from __future__ import annotations

import secrets
from datetime import timedelta

import grpc

from services.rental.app.settings import Settings
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
from services.rental.store import PostgresCatalogue, PostgresPricing, PostgresRentals, PostgresReservations
from services.rental.store.fleet import PostgresFeeds, PostgresFleet, PostgresImports, PostgresPlaces, PostgresWatch
from services.runtime.batching import Batcher
from services.runtime.clock import SystemClock, clock_of
from services.runtime.database import Database
from services.runtime.telemetry import batch_span
from services.values.clock import Clock
from services.values.errors import Refusal

_CODE_BYTES = 12
"""A public code is not to be guessed: 96 random bits."""

Answer = tuple[RentalId, Security]


class Rooms:
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


class Queues:
    """What comes together goes together; commands of one renter, or about one rental, go one after the other."""

    def __init__(self, rooms: Rooms) -> None:
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


def _timing(settings: Settings) -> Timing:
    return Timing(
        activation=timedelta(seconds=settings.activation_seconds),
        recheck=timedelta(seconds=settings.recheck_seconds),
        lease=timedelta(seconds=settings.lease_seconds),
    )
