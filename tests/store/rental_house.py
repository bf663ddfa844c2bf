"""Rental without its doors: the real use cases on a real database, between neighbours that answer as told."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from rental_kit import TERMS, FakeDeposits, FakeIdentity, Hands, ask

from services.rental.domain import (
    NO_USAGE,
    Asset,
    AssetKind,
    CancelRental,
    CreateAsset,
    CreatePricePlan,
    EndRental,
    PartnerId,
    PriceTerms,
    Rental,
    RentalId,
    RenterId,
    Timing,
    Usage,
)
from services.rental.operations import (
    Arrivals,
    Ask,
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
    Starting,
    Wakes,
    Watching,
)
from services.rental.operations.fleet import Feeds, Fleet, Importing, Places, Searching, Sightings
from services.rental.store import PostgresCatalogue, PostgresPricing, PostgresRentals, PostgresReservations
from services.rental.store.fleet import PostgresFeeds, PostgresFleet, PostgresImports, PostgresPlaces, PostgresWatch
from services.runtime.database import Database
from services.values.callers import Caller, Role
from services.values.errors import Refusal
from services.values.ids import new_id, new_renter_id


class CountingDatabase(Database):
    """A database that counts the statements sent through it."""

    statements = 0

    async def fetch(self, sql: str, *args: object, **more: Any) -> Any:
        self.statements += 1
        return await super().fetch(sql, *args, **more)


class House:
    """One process of rental."""

    def __init__(
        self, db: Database, identity: Any, deposits: Any, hands: Hands, wall: Hands, store: Any = None
    ) -> None:
        self.db, self.identity, self.deposits, self.hands, self.wall = db, identity, deposits, hands, wall
        self.wakes = Wakes()
        self.store, self.arrivals = store or PostgresRentals(db, self.wakes.wake), Arrivals()
        self.changing = Changing(self.store, self.arrivals, hands, wall, Timing())
        self.starting = Starting(self.store, identity, deposits, self.changing, self.arrivals)
        self.closing = ClosingRentals(self.store, deposits, self.changing)
        self.following_up = FollowingUp(self.store, self.starting, self.closing, self.changing)
        self.living = Living(self.store, self.changing, self.closing)
        self.passing = Passing(self.store, self.changing, self.closing)
        self.reserving = Reserving(PostgresReservations(db), identity, self.changing)
        self.catalogue = Catalogue(PostgresCatalogue(db), hands)
        self.reading = Reading(self.store)
        self.fleet = Fleet(PostgresFleet(db), hands, lambda: secrets.token_hex(12))
        self.sightings = Sightings(PostgresWatch(db), hands)
        self.searching = Searching(PostgresFleet(db), self.fleet)
        self.places = Places(PostgresPlaces(db), hands)
        self.importing = Importing(PostgresImports(db), hands)
        self.feeds = Feeds(PostgresFeeds(db), self.fleet, self.places, hands)
        self.watching = Watching(self.store, self.reading, self.wakes, hands)
        self.prices = Prices(PostgresPricing(db), self.reading, hands)
        self.passes = Passes(PostgresPricing(db), identity, hands)
        self.partner_id = PartnerId(new_id("ptn"))

    def another(self, deposits: Any = None, store: Any = None, wall: Hands | None = None) -> House:
        """A second process on the same database."""
        twin = House(self.db, self.identity, deposits or self.deposits, self.hands, wall or self.wall, store)
        twin.partner_id = self.partner_id
        return twin

    async def bikes(self, *codes: str, terms: PriceTerms = TERMS, kind: AssetKind = AssetKind.BIKE) -> list[Asset]:
        """Bikes of this house's partner."""
        plan = await self.catalogue.create_plan(CreatePricePlan(self.partner_id, new_id("req"), self.partner_id, terms))
        return [
            await self.catalogue.create_asset(
                CreateAsset(self.partner_id, f"asset-{code}", self.partner_id, kind, code, plan.price_plan_id)
            )
            for code in codes
        ]

    async def start(self, renter_id: RenterId, code: str, request_id: str = "start-1") -> Rental | Refusal:
        """One scan; what its caller is answered without waiting."""
        (outcome,) = await self.starting.start([ask(self.partner_id, renter_id, code, request_id)])
        return outcome if isinstance(outcome, Refusal) else outcome.rental

    async def riding(self, code: str, renter_id: RenterId | None = None) -> Rental:
        """A rental that is ACTIVE."""
        rental = await self.start(renter_id or a_renter(), code)
        assert isinstance(rental, Rental)
        return rental

    async def end(self, rental_id: RentalId, request_id: str = "end-1", usage: Usage = NO_USAGE) -> Rental | Refusal:
        """One return."""
        return (await self.closing.end([EndRental(self.partner_id, request_id, rental_id, usage)]))[0]

    async def cancel(self, rental_id: RentalId, request_id: str = "cancel-1") -> Rental | Refusal:
        """One cancellation."""
        return (await self.closing.cancel([CancelRental(self.partner_id, request_id, rental_id)]))[0]

    async def sweep(self, **later: float) -> None:
        """What the sweeper does, `later` (real time)."""
        self.wall.turn(**later)
        while await self.following_up.sweep():
            pass

    async def pass_time(self, **later: float) -> None:
        """What time does to rentals, `later` (business time)."""
        self.hands.turn(**later)
        while await self.passing.sweep():
            pass

    def by_partner(self, rental_id: RentalId, request_id: str = "life-1") -> Ask:
        """A command of the partner."""
        return Ask(Caller(Role.PARTNER, self.partner_id, self.partner_id), request_id, rental_id)

    async def events(self, rental_id: RentalId) -> list[str]:
        """Kinds of what happened to a rental, in order."""
        rows = await self.db.fetch("SELECT kind FROM rental_events WHERE rental_id = $1 ORDER BY sequence", rental_id)
        return [row["kind"] for row in rows]

    async def now(self, rental_id: RentalId) -> Rental:
        """The rental as it stands."""
        return (await self.store.read([rental_id]))[rental_id]

    async def asset_states(self) -> dict[str, str]:
        """State by code, of this house's partner."""
        rows = await self.db.fetch("SELECT code, state FROM assets WHERE partner_id = $1", self.partner_id)
        return {row["code"]: row["state"] for row in rows}

    async def told(self) -> list[tuple[str, str]]:
        """Kinds and renters in the outbox, in order."""
        rows = await self.db.fetch("SELECT kind, renter_id FROM outbox ORDER BY event_id")
        return [(row["kind"], row["renter_id"]) for row in rows]

    async def count(self, work: Callable[[], Any]) -> tuple[Any, int]:
        """What `work` gives, and how many statements it took."""
        assert isinstance(self.db, CountingDatabase)
        before = self.db.statements
        result = await work()
        return result, self.db.statements - before


def by_renter(rental: Rental, request_id: str = "life-1") -> Ask:
    """A command of the renter."""
    return Ask(Caller(Role.RENTER, rental.renter_id), request_id, rental.rental_id)


def a_renter() -> RenterId:
    """Somebody new."""
    return RenterId(new_renter_id("rnt"))


def reasons(outcomes: Sequence[object]) -> list[str]:
    """The reason of each refusal, or the state of each rental."""
    return [o.reason if isinstance(o, Refusal) else str(getattr(o, "rental", o).state) for o in outcomes]


@asynccontextmanager
async def open_house(dsn: str) -> AsyncIterator[House]:
    """A house on an emptied database."""
    db = await CountingDatabase.connect(dsn, pool_size=4)
    try:
        tables = "price_plans, assets, rentals, rental_events, reservations, requests, outbox, passes"
        await db.execute(f"TRUNCATE {tables}, stations, zones, fleet_profiles CASCADE")
        yield House(db, FakeIdentity(), FakeDeposits(), Hands(), Hands())
    finally:
        await db.close()
