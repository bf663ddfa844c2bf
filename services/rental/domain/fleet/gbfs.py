"""A partner's vehicles, stations, plans and zones as the documents of GBFS 3.0, so that maps can show them.

What is told of a vehicle is enough to find and rent it once: its id is the public code, another after each rental.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from services.rental.domain.assets import AssetKind, AssetState
from services.rental.domain.fleet.assets import Whereabouts
from services.rental.domain.fleet.labels import deep_link
from services.rental.domain.fleet.profiles import Profile
from services.rental.domain.fleet.stations import Stock
from services.rental.domain.fleet.tariffs import Document, plan_entry, text_in
from services.rental.domain.fleet.zones import Zone, coordinates_of
from services.rental.domain.ids import PartnerId
from services.rental.domain.kinds import KINDS
from services.rental.domain.pricing import PricePlan

VERSION = "3.0"
TTL_SECONDS = 60
VEHICLE_KINDS = tuple(kind for kind in KINDS if KINDS[kind].vehicle is not None)


class Feed(StrEnum):
    """The files of GBFS that are made here."""

    GBFS = "GBFS"
    SYSTEM_INFORMATION = "SYSTEM_INFORMATION"
    VEHICLE_TYPES = "VEHICLE_TYPES"
    STATION_INFORMATION = "STATION_INFORMATION"
    STATION_STATUS = "STATION_STATUS"
    VEHICLE_STATUS = "VEHICLE_STATUS"
    SYSTEM_PRICING_PLANS = "SYSTEM_PRICING_PLANS"
    GEOFENCING_ZONES = "GEOFENCING_ZONES"


@dataclass(frozen=True, slots=True)
class MapVehicle:
    """A vehicle that a map may show."""

    public_code: str
    asset_kind: AssetKind
    asset_class: str
    price_plan_id: str
    state: AssetState
    whereabouts: Whereabouts


Types = Mapping[tuple[AssetKind, str], Sequence[str]]
"""The kinds and classes of a partner's vehicles, with the price plans by which they are rented."""


def document(data: Document, at: datetime) -> Document:
    """What every file of GBFS has around its data."""
    return {"last_updated": _time(at), "ttl": TTL_SECONDS, "version": VERSION, "data": data}


def discovery(base_url: str) -> Document:
    """gbfs.json: where the other files are."""
    names = [feed.lower() for feed in Feed if feed is not Feed.GBFS]
    return {"feeds": [{"name": name, "url": f"{base_url}/{name}.json"} for name in names]}


def system_information(partner_id: PartnerId, profile: Profile) -> Document:
    """Whose vehicles these are."""
    return {
        "system_id": partner_id,
        "languages": [profile.language],
        "name": text_in(profile.language, profile.name),
        "opening_hours": profile.opening_hours,
        "feed_contact_email": profile.contact_email,
        "timezone": profile.time_zone,
    }


def vehicle_types(types: Types) -> Document:
    """One type per kind and class."""
    return {"vehicle_types": [_type(kind, of_class, plans) for (kind, of_class), plans in types.items()]}


def station_information(profile: Profile, stocks: Sequence[Stock]) -> Document:
    """Where stations are."""
    return {"stations": [_station(profile, stock) for stock in stocks]}


def station_status(stocks: Sequence[Stock]) -> Document:
    """What can be rented and returned there."""
    return {"stations": [_stock(stock) for stock in stocks]}


def vehicle(seen: MapVehicle, profile: Profile) -> Document | None:
    """One entry of vehicle_status; None for what a map must not show: that which is out, lost or removed.

    One that needs a charge and has never told how much it has is not shown either: GBFS has no word for it.
    """
    place = seen.whereabouts.point
    if place is None or seen.state not in _SHOWN:
        return None
    told: Document = {
        "vehicle_id": seen.public_code,
        "lat": place.degrees[0],
        "lon": place.degrees[1],
        "is_reserved": seen.state is AssetState.RESERVED,
        "is_disabled": seen.state in (AssetState.MAINTENANCE, AssetState.NON_CONTACTABLE),
        "vehicle_type_id": _type_id(seen.asset_kind, seen.asset_class),
        "pricing_plan_id": seen.price_plan_id,
        "last_reported": _time(seen.whereabouts.seen_at),
    }
    if seen.whereabouts.station_id:
        told["station_id"] = seen.whereabouts.station_id
    if profile.link_prefix:
        told["rental_uris"] = {"web": deep_link(profile.link_prefix, seen.public_code)}
    return _with_range(told, seen)


def vehicle_status(vehicles: Sequence[Document]) -> Document:
    """What can be found and rented now."""
    return {"vehicles": list(vehicles)}


def system_pricing_plans(profile: Profile, plans: Sequence[PricePlan]) -> Document:
    """What it costs."""
    return {"plans": [plan_entry(profile.language, plan) for plan in plans]}


def geofencing_zones(profile: Profile, zones: Sequence[Zone]) -> Document:
    """Where vehicles may be left; everywhere when there is no zone."""
    placed = [zone for zone in zones if zone.polygons]
    return {
        "geofencing_zones": {"type": "FeatureCollection", "features": [_zone(profile, zone) for zone in placed]},
        "global_rules": [_rule(may_end=not placed)],
    }


_SHOWN = frozenset({AssetState.AVAILABLE, AssetState.RESERVED, AssetState.MAINTENANCE, AssetState.NON_CONTACTABLE})


def _type_id(kind: AssetKind, asset_class: str) -> str:
    return f"{kind.lower()}.{asset_class}" if asset_class else kind.lower()


def _type(kind: AssetKind, asset_class: str, plans: Sequence[str]) -> Document:
    rules = KINDS[kind]
    if rules.vehicle is None:
        raise ValueError(f"{kind} is no vehicle")
    told: Document = {
        "vehicle_type_id": _type_id(kind, asset_class),
        "form_factor": rules.vehicle.form_factor,
        "propulsion_type": rules.vehicle.propulsion_type,
        "default_pricing_plan_id": plans[0],
        "pricing_plan_ids": list(plans),
    }
    if rules.vehicle.max_range_meters is not None:
        told["max_range_meters"] = rules.vehicle.max_range_meters
    if rules.reserve_for is not None:
        told["default_reserve_time"] = int(rules.reserve_for.total_seconds() // 60)
    return told


def _with_range(told: Document, seen: MapVehicle) -> Document | None:
    rules = KINDS[seen.asset_kind].vehicle
    most = None if rules is None else rules.max_range_meters
    percent, meters = seen.whereabouts.battery_percent, seen.whereabouts.range_meters
    if most is None:
        return told
    if percent is None and meters is None:
        return None
    told["current_range_meters"] = meters if meters is not None else most * (percent or 0) // 100
    if percent is not None:
        told["current_fuel_percent"] = percent / 100
    return told


def _station(profile: Profile, stock: Stock) -> Document:
    station = stock.station
    lat, lon = station.point.degrees
    name = text_in(profile.language, station.name)
    told: Document = {"station_id": station.station_id, "name": name, "lat": lat, "lon": lon}
    if station.slots:
        told["capacity"] = station.slots
    else:
        told["is_virtual_station"] = True
    return told


def _stock(stock: Stock) -> Document:
    rented_here: dict[str, int] = defaultdict(int)
    for (kind, asset_class), count in stock.available.items():
        if stock.station.is_open and KINDS[kind].vehicle is not None:
            rented_here[_type_id(kind, asset_class)] += count
    told: Document = {
        "station_id": stock.station.station_id,
        "num_vehicles_available": sum(rented_here.values()),
        "vehicle_types_available": [{"vehicle_type_id": k, "count": n} for k, n in sorted(rented_here.items())],
        "is_installed": True,
        "is_renting": stock.station.is_open,
        "is_returning": stock.station.is_open,
        "last_reported": _time(stock.seen_at or stock.station.updated_at),
    }
    if stock.free_slots is not None:
        told["num_docks_available"] = stock.free_slots
    return told


def _zone(profile: Profile, zone: Zone) -> Document:
    return {
        "type": "Feature",
        "properties": {"name": text_in(profile.language, zone.name), "rules": [_rule(may_end=True)]},
        "geometry": {"type": "MultiPolygon", "coordinates": coordinates_of(zone.polygons)},
    }


def _rule(*, may_end: bool) -> Document:
    return {"ride_start_allowed": True, "ride_end_allowed": may_end, "ride_through_allowed": True}


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
