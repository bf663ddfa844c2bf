"""Rows about assets to domain objects, column by column."""

from __future__ import annotations

from asyncpg import Record

from services.rental.domain import AssetKind, AssetState
from services.rental.domain.fleet import (
    Condition,
    Details,
    FleetAsset,
    Found,
    Point,
    Station,
    Watched,
    Whereabouts,
    Zone,
    polygons_of,
)
from services.rental.store.rows import asset_of


def fleet_asset_of(row: Record) -> FleetAsset:
    """A row of `fleet_asset` or `list_fleet`."""
    return FleetAsset(asset_of(row), _details_of(row), None if row["seen_at"] is None else whereabouts_of(row))


def whereabouts_of(row: Record) -> Whereabouts:
    """The columns of `asset_places` in a row."""
    lat, lon = row["lat_microdegrees"], row["lon_microdegrees"]
    point = None if lat is None else Point(lat, lon)
    return Whereabouts(row["seen_at"], point, row["battery_percent"], row["range_meters"], row["station_id"])


def watched_of(row: Record) -> Watched:
    """A row of `read_watched` or `take_silent`."""
    kind, state = AssetKind(row["asset_kind"]), AssetState(row["state"])
    return Watched(row["partner_id"], row["asset_id"], kind, state, row["seen_at"], row["check_at"])


def found_of(row: Record) -> Found:
    """A row of `search_assets`."""
    return Found(
        partner_id=row["partner_id"],
        asset_id=row["asset_id"],
        asset_kind=AssetKind(row["asset_kind"]),
        asset_class=row["asset_class"],
        price_plan_id=row["price_plan_id"],
        meters=row["meters"],
        whereabouts=whereabouts_of(row),
        uses=row["uses"],
    )


def station_of(row: Record) -> Station:
    """A row of `stations`."""
    return Station(
        station_id=row["station_id"],
        partner_id=row["partner_id"],
        code=row["code"],
        name=row["name"],
        city=row["city"],
        asset_kinds=tuple(AssetKind(kind) for kind in row["asset_kinds"]),
        point=Point(row["lat_microdegrees"], row["lon_microdegrees"]),
        slots=row["slots"],
        is_open=row["is_open"],
        updated_at=row["updated_at"],
    )


def zone_of(row: Record) -> Zone:
    """A row of `zones`."""
    polygons = polygons_of(row["polygons"])
    return Zone(row["zone_id"], row["partner_id"], row["code"], row["name"], polygons, row["updated_at"])


def _details_of(row: Record) -> Details:
    if row["condition"] is None:
        return Details()
    return Details(Condition(row["condition"]), tuple(row["photo_refs"]), row["rotates"])
