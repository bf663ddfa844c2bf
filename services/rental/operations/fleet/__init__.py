"""The use cases about a partner's fleet, and the ports they need. This is the door."""

from services.rental.operations.fleet.assets import Fleet
from services.rental.operations.fleet.ports import AssetKey, FleetStore, WatchStore
from services.rental.operations.fleet.searching import Searching
from services.rental.operations.fleet.watching import Watching

__all__ = ["AssetKey", "Fleet", "FleetStore", "Searching", "WatchStore", "Watching"]
