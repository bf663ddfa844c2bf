"""Where assets were seen, and their silence, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.rental.domain import AssetState, PartnerId, StationId
from services.rental.domain.fleet import Sighting, Station, Verdict, Watched
from services.rental.store.fleet.rows import station_of, watched_of
from services.runtime.database import Database
from services.runtime.queries import load_queries


@dataclass(frozen=True, slots=True)
class PostgresWatch:
    """The `WatchStore` of the operations."""

    db: Database

    async def watched(self, partner_id: PartnerId, codes: Sequence[str]) -> list[Watched | None]:
        """One statement."""
        rows = await self.db.fetch(_SQL.read_watched, partner_id, codes)
        found = {row["place"] - 1: watched_of(row) for row in rows}
        return [found.get(at) for at in range(len(codes))]

    async def stations(self, partner_id: PartnerId, codes: Sequence[str]) -> dict[str, Station]:
        """One statement."""
        rows = await self.db.fetch(_SQL.stations_by_code, partner_id, codes)
        return {row["code"]: station_of(row) for row in rows}

    async def save_sightings(self, seen: Sequence[tuple[Watched, Sighting, Verdict, StationId | None]]) -> None:
        """One transaction of one statement, or two when something that was silent is seen."""
        columns = [list(column) for column in zip(*(_row(*each) for each in seen), strict=True)]
        moves = [(asset, verdict.state) for asset, _, verdict, _ in seen if verdict.state]

        async def work(c: Any) -> None:
            await c.execute(_SQL.save_sightings, seen[0][0].partner_id, *columns)
            await _move(c, moves)

        await self.db.transaction(work)

    async def take_silent(self, now: datetime, limit: int) -> list[Watched]:
        """One statement, by the index of what is due."""
        return [watched_of(row) for row in await self.db.fetch(_SQL.take_silent, now, limit)]

    async def save_silent(self, verdicts: Sequence[tuple[Watched, Verdict]]) -> None:
        """One transaction."""
        rows = [(a.partner_id, a.asset_id, a.seen_at, a.check_at, verdict.check_at) for a, verdict in verdicts]

        async def work(c: Any) -> None:
            saved = await c.fetch(_SQL.save_checks, *(list(column) for column in zip(*rows, strict=True)))
            still = {row["asset_id"] for row in saved}
            await _move(c, [(a, verdict.state) for a, verdict in verdicts if verdict.state and a.asset_id in still])

        await self.db.transaction(work)


_SQL = load_queries("services.rental")


async def _move(c: Any, moves: Sequence[tuple[Watched, AssetState]]) -> None:
    if moves:
        rows = [(asset.partner_id, asset.asset_id, asset.state, after) for asset, after in moves]
        await c.execute(_SQL.move_assets, *(list(column) for column in zip(*rows, strict=True)))


def _row(asset: Watched, sighting: Sighting, verdict: Verdict, station_id: StationId | None) -> tuple[Any, ...]:
    point = sighting.point
    where = (None, None, None) if point is None else (point.lat_microdegrees, point.lon_microdegrees, point.cell)
    charge = (sighting.battery_percent, sighting.range_meters)
    return (asset.asset_id, asset.asset_kind, *where, station_id, *charge, sighting.seen_at, verdict.check_at)
