"""The use cases about a partner's fleet, and the ports they need. This is the door."""

from services.rental.operations.fleet.assets import Fleet
from services.rental.operations.fleet.feeds import Feeds, Made
from services.rental.operations.fleet.importing import Importing
from services.rental.operations.fleet.places import Places
from services.rental.operations.fleet.ports import (
    AssetKey,
    FeedStore,
    FleetStore,
    ImportStore,
    PlaceStore,
    SeenVehicle,
    WatchStore,
)
from services.rental.operations.fleet.searching import Searching
from services.rental.operations.fleet.sightings import Sightings

__all__ = [
    "AssetKey",
    "FeedStore",
    "Feeds",
    "Fleet",
    "FleetStore",
    "ImportStore",
    "Importing",
    "Made",
    "PlaceStore",
    "Places",
    "Searching",
    "SeenVehicle",
    "Sightings",
    "WatchStore",
]
