"""Stations: docks, cabinets and stands, and how many of their slots are free."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from services.rental.domain.assets import AssetKind
from services.rental.domain.commands import CatalogueCommand
from services.rental.domain.fleet.points import Point
from services.rental.domain.ids import PartnerId, StationId


@dataclass(frozen=True, slots=True)
class SetStation(CatalogueCommand):
    """Make the station with this code, or say what it is now. `slots` 0 stands for no limit, as at a painted area."""

    code: str
    name: str
    city: str
    asset_kinds: tuple[AssetKind, ...]
    point: Point
    slots: int
    is_open: bool


@dataclass(frozen=True, slots=True)
class Station:
    """A partner's station."""

    station_id: StationId
    partner_id: PartnerId
    code: str
    name: str
    city: str
    asset_kinds: tuple[AssetKind, ...]
    point: Point
    slots: int
    is_open: bool
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Stock:
    """A station and what stands there: by kind and class, how many can be rented; and how many stand there at all."""

    station: Station
    available: dict[tuple[AssetKind, str], int] = field(default_factory=dict)
    standing: int = 0
    seen_at: datetime | None = None
    meters: float = 0.0

    @property
    def free_slots(self) -> int | None:
        """Slots into which something can be returned; None where there is no limit. A closed station takes nothing."""
        if not self.station.is_open:
            return 0
        return max(0, self.station.slots - self.standing) if self.station.slots else None

    @property
    def rentable(self) -> int:
        """How many assets can be rented there; none when it is closed."""
        return sum(self.available.values()) if self.station.is_open else 0
