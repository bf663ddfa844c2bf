"""A partner's fleet: what its assets are, where they are, which state they are in. This is the door."""

from services.rental.domain.fleet.assets import (
    AssetPage,
    Condition,
    Details,
    FleetAsset,
    Found,
    Nearby,
    SetAssetState,
    UpdateAsset,
    Whereabouts,
)
from services.rental.domain.fleet.labels import LabelFormat, deep_link, draw
from services.rental.domain.fleet.points import Point, cells_around, meters_between
from services.rental.domain.fleet.sightings import Sighting, Verdict, Watched, seen, silent
from services.rental.domain.fleet.states import COMMANDED, STEPS, AssetStep, commanded_from

__all__ = [
    "COMMANDED",
    "STEPS",
    "AssetPage",
    "AssetStep",
    "Condition",
    "Details",
    "FleetAsset",
    "Found",
    "LabelFormat",
    "Nearby",
    "Point",
    "SetAssetState",
    "Sighting",
    "UpdateAsset",
    "Verdict",
    "Watched",
    "Whereabouts",
    "cells_around",
    "commanded_from",
    "deep_link",
    "draw",
    "meters_between",
    "seen",
    "silent",
]
