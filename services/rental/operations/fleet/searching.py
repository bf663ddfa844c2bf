"""SearchAssets: the nearest available assets, looked for in growing circles, so that it costs what it answers."""

from __future__ import annotations

from dataclasses import replace

from services.rental.domain.fleet import Found, Nearby, cells_around
from services.rental.operations.fleet.assets import Fleet
from services.rental.operations.fleet.ports import FleetStore

FIRST_METERS = 250
_GROWTH = 4


class Searching:
    """Finds assets near a point."""

    def __init__(self, store: FleetStore, fleet: Fleet) -> None:
        self._store = store
        self._fleet = fleet

    async def search(self, nearby: Nearby) -> list[tuple[Found, str]]:
        """Each with the public code by which it can be rented, nearest first.

        A circle that holds as many as are wanted holds the nearest ones, so nothing beyond it is looked at.
        """
        reach = min(FIRST_METERS, nearby.radius_meters)
        while True:
            circle = replace(nearby, radius_meters=reach)
            found = await self._store.search(cells_around(nearby.center, reach), circle)
            if len(found) >= nearby.limit or reach == nearby.radius_meters:
                break
            reach = min(reach * _GROWTH, nearby.radius_meters)
        codes = await self._fleet.public_codes([(one.partner_id, one.asset_id) for one in found])
        known = ((one, codes.get((one.partner_id, one.asset_id))) for one in found)
        return [(one, code.code) for one, code in known if code and code.uses == one.uses]
