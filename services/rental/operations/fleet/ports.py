"""What the use cases about fleets need from outside: a store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.rental.domain import AssetId, AssetKind, AssetState, PartnerId, PricePlan, StationId, ZoneId
from services.rental.domain.fleet import (
    AssetPage,
    FleetAsset,
    Found,
    Nearby,
    Point,
    Profile,
    PublicCode,
    SetAssetState,
    SetFleetProfile,
    SetStation,
    SetZone,
    Sighting,
    Station,
    Stock,
    UpdateAsset,
    Verdict,
    Watched,
    Whereabouts,
    Zone,
)
from services.rental.domain.fleet.gbfs import Types
from services.rental.domain.fleet.importing import ImportAssets, ImportedLine, ImportReport

AssetKey = tuple[PartnerId, AssetId]


class FleetStore(Protocol):
    """Assets as their partner sees them, durably."""

    async def asset(self, partner_id: PartnerId, asset_id: AssetId) -> FleetAsset | None:
        """All that is known of it."""

    async def assets(self, page: AssetPage) -> list[FleetAsset]:
        """A page, by id."""

    async def update(self, command: UpdateAsset, fingerprint: bytes, at: datetime) -> FleetAsset:
        """The asset as it is now, once per request. Raises ASSET_NOT_FOUND, REQUEST_ID_REUSED."""

    async def set_state(
        self, command: SetAssetState, fingerprint: bytes, at: datetime, check_at: datetime | None
    ) -> FleetAsset:
        """The asset as it is now, once per request; its silence is looked at from `check_at`. Raises ASSET_NOT_FOUND,
        ASSET_STATE_NOT_ALLOWED, REQUEST_ID_REUSED."""

    async def codes(self, keys: Sequence[AssetKey]) -> dict[AssetKey, PublicCode]:
        """The public codes that are good for the next rental, of those that have one."""

    async def make_codes(self, codes: Sequence[tuple[AssetKey, str]]) -> None:
        """Gives each asset that has none a public code."""

    async def search(self, cells: Sequence[str], nearby: Nearby) -> list[Found]:
        """Available assets of these cells within the radius, nearest first."""


class WatchStore(Protocol):
    """Where assets were seen, and when their silence is looked at, durably."""

    async def watched(self, partner_id: PartnerId, codes: Sequence[str]) -> list[Watched | None]:
        """The assets with these codes, in order; None for unknown ones."""

    async def stations(self, partner_id: PartnerId, codes: Sequence[str]) -> dict[str, Station]:
        """The stations with these codes."""

    async def save_sightings(self, seen: Sequence[tuple[Watched, Sighting, Verdict, StationId | None]]) -> None:
        """Writes sightings of one partner's assets, one per asset, and moves the assets."""

    async def take_silent(self, now: datetime, limit: int) -> list[Watched]:
        """Assets whose silence is to be looked at."""

    async def save_silent(self, verdicts: Sequence[tuple[Watched, Verdict]]) -> None:
        """Moves the assets that were not seen, or looked at, meanwhile."""


class PlaceStore(Protocol):
    """Stations and zones, durably."""

    async def set_station(
        self, command: SetStation, fingerprint: bytes, station_id: StationId, at: datetime
    ) -> Station:
        """The station as it is now, once per request. Raises REQUEST_ID_REUSED."""

    async def stations_after(self, partner_id: PartnerId, after: str, size: int) -> list[Stock]:
        """A page of stations with what stands there, by id."""

    async def stations_near(self, cells: Sequence[str], nearby: Nearby) -> list[Stock]:
        """Open stations of these cells for the kind within the radius, nearest first."""

    async def set_zone(self, command: SetZone, fingerprint: bytes, zone_id: ZoneId, at: datetime) -> Zone:
        """The zone as it is now, once per request. Raises REQUEST_ID_REUSED."""

    async def zones(self, partner_id: PartnerId, limit: int) -> list[Zone]:
        """A partner's zones, by id."""

    async def zones_around(self, partner_id: PartnerId, point: Point) -> list[Zone] | None:
        """Those of a partner's zones whose boxes hold the point; None when it has no zone at all."""


@dataclass(frozen=True, slots=True)
class SeenVehicle:
    """A vehicle with a position, not yet with the code that maps know it by."""

    asset_id: AssetId
    asset_kind: AssetKind
    asset_class: str
    price_plan_id: str
    state: AssetState
    whereabouts: Whereabouts
    uses: int


class FeedStore(Protocol):
    """What feeds tell, durably."""

    async def profile(self, partner_id: PartnerId) -> Profile | None:
        """What the partner says of itself."""

    async def set_profile(self, command: SetFleetProfile, fingerprint: bytes, at: datetime) -> Profile:
        """What the partner says of itself now, once per request. Raises REQUEST_ID_REUSED."""

    async def types(self, partner_id: PartnerId) -> Types:
        """Its kinds and classes of vehicles with their plans."""

    async def plans(self, partner_id: PartnerId, plan_ids: Sequence[str]) -> list[PricePlan]:
        """These plans of the partner."""

    async def vehicles_after(self, partner_id: PartnerId, after: str, size: int) -> list[SeenVehicle]:
        """A page of its vehicles that have told where they are, by id."""


class ImportStore(Protocol):
    """Makes many assets at once, durably."""

    async def import_assets(
        self,
        command: ImportAssets,
        fingerprint: bytes,
        lines: Sequence[tuple[AssetId, ImportedLine]],
        draft: ImportReport,
        at: datetime,
    ) -> ImportReport:
        """Makes what can be made of the lines and adds what cannot to the draft; or the report that this request made
        before. Raises REQUEST_ID_REUSED."""
