"""Stations and zones: where assets are handed out, and where they may be left."""

from __future__ import annotations

from services.rental.domain import PartnerId, StationId, ZoneId, fingerprint
from services.rental.domain.fleet import Nearby, Point, SetStation, SetZone, Station, Stock, Zone, cells_around, zone_at
from services.rental.operations.fleet.ports import PlaceStore
from services.values.clock import Clock
from services.values.ids import new_id

MOST_ZONES = 500


class Places:
    """A partner's places."""

    def __init__(self, store: PlaceStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def set_station(self, command: SetStation) -> Station:
        """Makes a station, or says what it is now. Raises REQUEST_ID_REUSED."""
        fresh = StationId(new_id("sta"))
        return await self._store.set_station(command, fingerprint(command), fresh, self._clock.now())

    async def list_stations(self, partner_id: PartnerId, after: str, size: int) -> list[Stock]:
        """A page of stations, by id, with what stands there."""
        return await self._store.stations_after(partner_id, after, size)

    async def search_stations(self, nearby: Nearby) -> list[Stock]:
        """Open stations for the kind, nearest first, with what stands there."""
        return await self._store.stations_near(cells_around(nearby.center, nearby.radius_meters), nearby)

    async def set_zone(self, command: SetZone) -> Zone:
        """Makes a zone, or says where it is now. Raises REQUEST_ID_REUSED."""
        return await self._store.set_zone(command, fingerprint(command), ZoneId(new_id("zon")), self._clock.now())

    async def zones(self, partner_id: PartnerId) -> list[Zone]:
        """A partner's zones."""
        return await self._store.zones(partner_id, MOST_ZONES)

    async def return_zone(self, partner_id: PartnerId, point: Point) -> tuple[bool, Zone | None]:
        """Whether an asset may be left there, and in which zone. A partner without zones takes it back anywhere."""
        zones = await self._store.zones_around(partner_id, point)
        zone = zone_at(zones or [], point)
        return zone is not None or zones is None, zone
