"""Rentals in PostgreSQL: a batch is one statement; where a row stands in the way, each item is looked at."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asyncpg import UniqueViolationError

from services.rental.domain import (
    PLACES,
    AssetKind,
    Change,
    ClosedBy,
    Closing,
    Event,
    EventKind,
    Fact,
    Happened,
    Rental,
    RentalId,
)
from services.rental.domain.refusals import asset_not_available, asset_not_found, request_id_reused
from services.rental.operations import Claim, Closable, Close, Page
from services.rental.store.price_rows import ride_passes_of, terms_of
from services.rental.store.rows import Row, change_columns, rental_of
from services.runtime.database import Database
from services.runtime.queries import load_queries
from services.values.errors import Refusal
from services.values.ids import bucket_of, new_id_of
from services.values.requests import Request

_LAST = RentalId("~")
"""Sorts after every rental id."""


@dataclass(frozen=True, slots=True)
class PostgresRentals:
    """The `RentalStore` of the operations; `written` hears which rentals this process has changed."""

    db: Database
    written: Callable[[Collection[RentalId]], None] = lambda _: None

    async def claim(self, claims: Sequence[Claim]) -> list[Rental | Refusal]:
        """One statement when every item is new and its asset free; one more look at those that are not."""
        rows = await self._claim_rows(claims)
        made: list[Rental | None] = [
            _claimed(claim, row) if row["asset_id"] is not None else None
            for claim, row in zip(claims, rows, strict=True)
        ]
        before = await self._started([claim for claim, rental in zip(claims, made, strict=True) if rental is None])
        return [
            rental or before.get(_request(claim)) or (asset_not_available() if row["exists"] else asset_not_found())
            for claim, rental, row in zip(claims, made, rows, strict=True)
        ]

    async def read(self, rental_ids: Sequence[RentalId]) -> dict[RentalId, Rental]:
        """One statement."""
        if not rental_ids:
            return {}
        rows = await self.db.fetch(_SQL.read_rentals, [bucket_of(r) for r in rental_ids], list(rental_ids))
        return {row["rental_id"]: rental_of(row) for row in rows}

    async def read_to_close(self, closes: Sequence[Close]) -> list[Closable | None]:
        """One statement."""
        rows = await self.db.fetch(
            _SQL.read_to_close,
            [bucket_of(close.rental_id) for close in closes],
            [close.rental_id for close in closes],
            [close.by.closing for close in closes],
            [close.by.request_id for close in closes],
        )
        found = {row["place"] - 1: _closable(row) for row in rows}
        return [found.get(at) for at in range(len(closes))]

    async def read_priced(self, rentals: Sequence[Rental]) -> dict[RentalId, Closable]:
        """One statement."""
        nobody = ClosedBy(Closing.END, "")
        rows = await self.read_to_close([Close(rental.rental_id, rental.partner_id, nobody) for rental in rentals])
        return {row.rental.rental_id: row for row in rows if row is not None}

    async def was_done(self, request: Request) -> bool:
        """One statement."""
        row = await self.db.fetchrow(
            _SQL.find_command, request.bucket, request.caller, request.method, request.request_id
        )
        if row is not None and row["fingerprint"] != request.fingerprint:
            raise request_id_reused()
        return row is not None

    async def take_waking(self, now: datetime, limit: int) -> list[Closable]:
        """Three statements, two of them only when something is due."""
        rows = await self.db.fetch(_SQL.take_waking, now, limit)
        rentals = await self.read([row["rental_id"] for row in rows])
        return list((await self.read_priced(list(rentals.values()))).values()) if rentals else []

    async def save(self, changes: Sequence[Change], wall: datetime, now: datetime) -> list[bool]:
        """One statement. Of several changes of one rental only the first can be written; the others look again."""
        first = {change.after.rental_id: change for change in reversed(changes)}
        try:
            saved = await self._save_rows(list(first.values()), wall, now)
        except UniqueViolationError:
            if len(first) == 1:
                return [False] * len(changes)
            return [(await self.save([change], wall, now))[0] for change in changes]
        return [change is first[change.after.rental_id] and change.after.rental_id in saved for change in changes]

    async def take_due(self, wall: datetime, recheck_at: datetime, lease_until: datetime, limit: int) -> list[Rental]:
        """Two statements, the second only when something is due."""
        rows = await self.db.fetch(_SQL.take_due, wall, recheck_at, lease_until, limit)
        return list((await self.read([row["rental_id"] for row in rows])).values())

    async def events_after(self, rental_id: RentalId, sequence: int, limit: int) -> list[Happened]:
        """One statement. A rental's changes follow one another, so none of its events comes late."""
        rows = await self.db.fetch(_SQL.events_after, bucket_of(rental_id), rental_id, sequence, limit)
        return [
            Happened(rental_id, row["sequence"], Event(EventKind(row["kind"]), row["data"]), row["occurred_at"])
            for row in rows
        ]

    async def list_rentals(self, page: Page) -> list[Rental]:
        """Two statements: the ids of the page, then the rentals."""
        before = page.before or _LAST
        filters = (page.state, page.asset_kind, page.asset_code, page.city, page.requested_from, page.requested_before)
        if page.renter_id is None:
            statement = _SQL.list_overdue_of_partner if page.overdue else _SQL.list_of_partner
            rows = await self.db.fetch(statement, page.partner_id, before, *filters, page.size)
        else:
            scope = (bucket_of(page.renter_id), page.renter_id, page.partner_id)
            rows = await self.db.fetch(_SQL.list_of_renter, *scope, before, page.overdue, *filters, page.size)
        ids = [row["rental_id"] for row in rows]
        rentals = await self.read(ids)
        return [rentals[rental_id] for rental_id in ids]

    async def _claim_rows(self, claims: Sequence[Claim]) -> list[Row]:
        """A request that raced with itself meets its own unique key; the next look finds it."""
        columns = [list(column) for column in zip(*(_claim_row(claim) for claim in claims), strict=True)]
        try:
            return list(await self.db.fetch(_SQL.claim_rentals, *columns))
        except UniqueViolationError:
            if len(claims) == 1:
                return list(await self.db.fetch(_SQL.claim_rentals, *columns))
            return [row for claim in claims for row in await self._claim_rows([claim])]

    async def _started(self, claims: Sequence[Claim]) -> dict[tuple[str, ...], Rental]:
        """The rentals that these requests made before."""
        if not claims:
            return {}
        requests = [_request(claim) for claim in claims]
        buckets = [bucket_of(claim.rental_id) for claim in claims]
        rows = await self.db.fetch(_SQL.find_started, buckets, *map(list, zip(*requests, strict=True)))
        rentals = await self.read([row["rental_id"] for row in rows])
        return {requests[row["place"] - 1]: rentals[row["rental_id"]] for row in rows}

    async def _save_rows(self, changes: Sequence[Change], wall: datetime, now: datetime) -> set[RentalId]:
        facts = _columns([_fact_row(fact) for change in changes for fact in change.facts], 6)
        events = _columns([row for change in changes for row in _event_rows(change)], 4)
        commands = _columns([_command_row(change, change.request) for change in changes if change.request], 6)
        columns = (*change_columns(changes), *facts, *events, *commands)
        rows = await self.db.fetch(_SQL.save_rentals, *columns, wall, now)
        saved = {RentalId(row["rental_id"]) for row in rows}
        self.written(saved)
        return saved


_SQL = load_queries("services.rental")


def _closable(row: Row) -> Closable:
    return Closable(rental_of(row), terms_of(row), row["reused"], ride_passes_of(row))


def _request(claim: Claim) -> tuple[str, ...]:
    return (claim.command.renter_id, claim.command.caller, claim.command.request_id)


def _claim_row(claim: Claim) -> tuple[Any, ...]:
    command = claim.command
    return (
        bucket_of(claim.rental_id),
        claim.rental_id,
        command.caller,
        command.renter_id,
        command.asset_code,
        command.payment_method_id,
        command.request_id,
        claim.fingerprint,
        claim.requested_at,
        claim.activate_by,
        claim.follow_up_at,
    )


def _claimed(claim: Claim, row: Row) -> Rental:
    command = claim.command
    return Rental(
        rental_id=claim.rental_id,
        partner_id=command.caller,
        renter_id=command.renter_id,
        asset_id=row["asset_id"],
        asset_code=command.asset_code,
        asset_kind=AssetKind(row["asset_kind"]),
        price_plan_id=row["price_plan_id"],
        currency=row["currency"],
        payment_method_id=command.payment_method_id,
        fingerprint=claim.fingerprint,
        requested_at=claim.requested_at,
        activate_by=claim.activate_by,
        follow_up_at=claim.follow_up_at,
        city=row["city"],
        asset_class=row["asset_class"],
        monthly_rent_minor=row["monthly_rent_minor"],
    )


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[]] * width


def _event_rows(change: Change) -> list[tuple[Any, ...]]:
    first = change.after.version * PLACES
    return [
        (change.after.rental_id, first + place, event.kind, dict(event.data))
        for place, event in enumerate(change.events)
    ]


def _command_row(change: Change, request: Request) -> tuple[Any, ...]:
    key = (request.bucket, request.caller, request.method, request.request_id)
    return (change.after.rental_id, *key, request.fingerprint)


def _fact_row(fact: Fact) -> tuple[Any, ...]:
    payload = {
        "rental_id": fact.rental_id,
        "partner_id": fact.partner_id,
        "occurred_at": fact.occurred_at.isoformat(),
        "rental_seconds": fact.rental_seconds,
        "withdrawn": fact.withdrawn,
        "again": fact.again,
    }
    event_id = new_id_of("evt", fact.renter_id)
    return (bucket_of(fact.rental_id), fact.rental_id, event_id, fact.kind, fact.renter_id, payload)
