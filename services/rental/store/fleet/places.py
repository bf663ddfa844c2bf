"""Stations and zones in PostgreSQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asyncpg import Record

from services.rental.domain import AssetKind, AssetState, PartnerId, StationId, ZoneId
from services.rental.domain.fleet import (
    Nearby,
    Point,
    SetStation,
    SetZone,
    Station,
    Stock,
    Zone,
    box_of,
    coordinates_of,
)
from services.rental.store.fleet.rows import station_of, zone_of
from services.rental.store.once import Made, once
from services.runtime.database import Database
from services.runtime.queries import load_queries


@dataclass(frozen=True, slots=True)
class PostgresPlaces:
    """The `PlaceStore` of the operations."""

    db: Database

    async def set_station(
        self, command: SetStation, fingerprint: bytes, station_id: StationId, at: datetime
    ) -> Station:
        """One transaction."""
        point, kinds = command.point, list(command.asset_kinds)
        where = (point.lat_microdegrees, point.lon_microdegrees, point.cell, command.slots, command.is_open)

        async def look(c: Any, _: str) -> Station:
            return station_of(await c.fetchrow(_SQL.stations_by_code, command.caller, [command.code]))

        async def make(c: Any) -> Station:
            named = (command.caller, station_id, command.code, command.name, command.city)
            await c.execute(_SQL.set_station, *named, kinds, *where, at)
            return await look(c, station_id)

        return await once(self.db, Made(command, fingerprint, station_id, at), make, look)

    async def stations_after(self, partner_id: PartnerId, after: str, size: int) -> list[Stock]:
        """Two statements: the stations, and what stands there."""
        return await self._stocked(await self.db.fetch(_SQL.list_stations, partner_id, after, size))

    async def stations_near(self, cells: Sequence[str], nearby: Nearby) -> list[Stock]:
        """Two statements."""
        whose = (nearby.partner_id, nearby.asset_kind, nearby.limit)
        around = (*nearby.center.degrees, float(nearby.radius_meters))
        return await self._stocked(await self.db.fetch(_SQL.search_stations, cells, *around, *whose))

    async def set_zone(self, command: SetZone, fingerprint: bytes, zone_id: ZoneId, at: datetime) -> Zone:
        """One transaction."""
        polygons, box = coordinates_of(command.polygons), box_of(command.polygons) or (None,) * 4

        async def look(c: Any, _: str) -> Zone:
            return zone_of(await c.fetchrow(_SQL.zone_of_code, command.caller, command.code))

        async def make(c: Any) -> Zone:
            await c.execute(_SQL.set_zone, command.caller, zone_id, command.code, command.name, polygons, *box, at)
            return await look(c, zone_id)

        return await once(self.db, Made(command, fingerprint, zone_id, at), make, look)

    async def zones(self, partner_id: PartnerId, limit: int) -> list[Zone]:
        """One statement."""
        return [zone_of(row) for row in await self.db.fetch(_SQL.list_zones, partner_id, limit)]

    async def zones_around(self, partner_id: PartnerId, point: Point) -> list[Zone] | None:
        """One statement, or two when nothing is there."""
        rows = await self.db.fetch(_SQL.zones_around, partner_id, point.lat_microdegrees, point.lon_microdegrees)
        if not rows and not await self.db.fetchval(_SQL.has_zones, partner_id):
            return None
        return [zone_of(row) for row in rows]

    async def _stocked(self, rows: Sequence[Record]) -> list[Stock]:
        keys = ([row["partner_id"] for row in rows], [row["station_id"] for row in rows])
        standing: dict[str, list[Record]] = defaultdict(list)
        for row in await self.db.fetch(_SQL.stock_of_stations, *keys) if rows else ():
            standing[row["station_id"]].append(row)
        return [_stock(row, standing[row["station_id"]]) for row in rows]


_SQL = load_queries("services.rental")


def _stock(row: Record, standing: Sequence[Record]) -> Stock:
    return Stock(
        station=station_of(row),
        available={
            (AssetKind(each["asset_kind"]), each["asset_class"]): each["count"]
            for each in standing
            if each["state"] == AssetState.AVAILABLE
        },
        standing=sum(each["count"] for each in standing),
        seen_at=max((each["seen_at"] for each in standing), default=None),
        meters=row["meters"],
    )
