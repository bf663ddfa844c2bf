"""Reservations in PostgreSQL: whoever holds the asset's row decides, so one of scan, cancellation and time wins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asyncpg import UniqueViolationError

from services.rental.domain import AssetId, AssetKind, PartnerId, Reservation, ReservationId, ReservationState
from services.rental.domain.refusals import (
    asset_not_available,
    asset_not_found,
    reservation_not_held,
    reservation_open,
)
from services.rental.operations import Reservable
from services.rental.store.rows import Row
from services.runtime.database import CommitUnknown, Database
from services.runtime.queries import load_queries
from services.runtime.requests import claim, find
from services.values.ids import bucket_of
from services.values.requests import Request


@dataclass(frozen=True, slots=True)
class PostgresReservations:
    """The `ReservationStore` of the operations."""

    db: Database

    async def find(self, request: Request) -> Reservation | None:
        """One transaction."""

        async def work(c: Any) -> Reservation | None:
            made = await find(c, request)
            return None if made is None else await _read(c, made)

        return await self.db.transaction(work)

    async def asset(self, partner_id: PartnerId, code: str) -> Reservable:
        """One statement."""
        row = await self.db.fetchrow(_SQL.asset_to_reserve, partner_id, code)
        if row is None:
            raise asset_not_found()
        return Reservable(AssetId(row["asset_id"]), AssetKind(row["asset_kind"]))

    async def reserve(self, request: Request, reservation: Reservation) -> Reservation:
        """One transaction; a commit that nobody confirmed is looked for by the same request."""

        async def work(c: Any) -> Reservation:
            made = await claim(c, request, reservation.reservation_id, reservation.reserved_at)
            if made is not None:
                return await _read(c, made)
            v = reservation
            kept = (v.partner_id, v.asset_id, v.reservation_id, v.renter_id, v.expires_at)
            if await c.fetchval(_SQL.reserve_asset, *kept) is None:
                raise asset_not_available()
            key = (bucket_of(v.reservation_id), v.reservation_id, v.partner_id, v.renter_id)
            await c.execute(_SQL.create_reservation, *key, v.asset_id, v.asset_code, v.reserved_at, v.expires_at)
            return v

        try:
            return await self._twice(work)
        except UniqueViolationError:
            raise reservation_open() from None

    async def cancel(self, request: Request, reservation: Reservation, now: datetime) -> Reservation:
        """One transaction."""
        v = reservation

        async def work(c: Any) -> Reservation:
            if await claim(c, request, v.reservation_id, now) is None:
                if await c.fetchval(_SQL.free_reserved_asset, v.partner_id, v.asset_id, v.reservation_id) is None:
                    raise reservation_not_held((await _read(c, v.reservation_id)).state)
                await c.execute(_SQL.cancel_reservation, bucket_of(v.reservation_id), v.reservation_id)
            return await _read(c, v.reservation_id)

        return await self._twice(work)

    async def read(self, reservation_id: ReservationId) -> Reservation | None:
        """One statement."""
        row = await self.db.fetchrow(_SQL.read_reservation, bucket_of(reservation_id), reservation_id)
        return None if row is None else _reservation_of(row)

    async def expire(self, now: datetime, limit: int) -> int:
        """One statement."""
        return len(await self.db.fetch(_SQL.expire_reservations, now, limit))

    async def _twice(self, work: Any) -> Reservation:
        try:
            return await self.db.transaction(work)
        except CommitUnknown:
            return await self.db.transaction(work)


_SQL = load_queries("services.rental")


async def _read(connection: Any, reservation_id: str) -> Reservation:
    return _reservation_of(await connection.fetchrow(_SQL.read_reservation, bucket_of(reservation_id), reservation_id))


def _reservation_of(row: Row) -> Reservation:
    return Reservation(**{**row, "state": ReservationState(row["state"])})
