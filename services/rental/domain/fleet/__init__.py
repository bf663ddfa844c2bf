"""A partner's fleet: what its assets are, where they are, which state they are in. This is the door."""

from services.rental.domain.fleet.assets import (
    AssetPage,
    Condition,
    Details,
    FleetAsset,
    Found,
    Nearby,
    PublicCode,
    SetAssetState,
    UpdateAsset,
    Whereabouts,
)
from services.rental.domain.fleet.labels import LabelFormat, deep_link, draw
from services.rental.domain.fleet.points import Point, cells_around, meters_between
from services.rental.domain.fleet.profiles import Profile, SetFleetProfile, check_profile
from services.rental.domain.fleet.sightings import Sighting, Verdict, Watched, seen, silent
from services.rental.domain.fleet.states import COMMANDED, STEPS, AssetStep, commanded_from
from services.rental.domain.fleet.stations import SetStation, Station, Stock
from services.rental.domain.fleet.zones import (
    Box,
    SetZone,
    Zone,
    box_of,
    coordinates_of,
    polygons_of,
    read_geojson,
    zone_at,
)

__all__ = [
    "COMMANDED",
    "STEPS",
    "AssetPage",
    "AssetStep",
    "Box",
    "Condition",
    "Details",
    "FleetAsset",
    "Found",
    "LabelFormat",
    "Nearby",
    "Point",
    "Profile",
    "PublicCode",
    "SetAssetState",
    "SetFleetProfile",
    "SetStation",
    "SetZone",
    "Sighting",
    "Station",
    "Stock",
    "UpdateAsset",
    "Verdict",
    "Watched",
    "Whereabouts",
    "Zone",
    "box_of",
    "cells_around",
    "check_profile",
    "commanded_from",
    "coordinates_of",
    "deep_link",
    "draw",
    "meters_between",
    "polygons_of",
    "read_geojson",
    "seen",
    "silent",
    "zone_at",
]
