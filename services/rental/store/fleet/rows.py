"""Rows about assets to domain objects, column by column."""

from __future__ import annotations

from asyncpg import Record

from services.rental.domain import AssetKind, AssetState
from services.rental.domain.fleet import Condition, Details, FleetAsset, Found, Point, Watched, Whereabouts
from services.rental.store.rows import asset_of


def fleet_asset_of(row: Record) -> FleetAsset:
    """A row of `fleet_asset` or `list_fleet`."""
    return FleetAsset(asset_of(row), _details_of(row), None if row["seen_at"] is None else whereabouts_of(row))


def whereabouts_of(row: Record) -> Whereabouts:
    """The columns of `asset_places` in a row."""
    lat, lon = row["lat_microdegrees"], row["lon_microdegrees"]
    point = None if lat is None else Point(lat, lon)
    return Whereabouts(row["seen_at"], point, row["battery_percent"], row["range_meters"])


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
    )


def _details_of(row: Record) -> Details:
    if row["condition"] is None:
        return Details()
    return Details(Condition(row["condition"]), tuple(row["photo_refs"]), row["rotates"])
