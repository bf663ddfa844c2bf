"""What the use cases about fleets need from outside: a store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from services.rental.domain import AssetId, PartnerId
from services.rental.domain.fleet import (
    AssetPage,
    FleetAsset,
    Found,
    Nearby,
    SetAssetState,
    Sighting,
    UpdateAsset,
    Verdict,
    Watched,
)

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

    async def codes(self, keys: Sequence[AssetKey]) -> dict[AssetKey, str]:
        """The public codes that are good for the next rental, of those that have one."""

    async def make_codes(self, codes: Sequence[tuple[AssetKey, str]]) -> None:
        """Gives each asset that has none a public code."""

    async def search(self, cells: Sequence[str], nearby: Nearby) -> list[Found]:
        """Available assets of these cells within the radius, nearest first."""


class WatchStore(Protocol):
    """Where assets were seen, and when their silence is looked at, durably."""

    async def watched(self, partner_id: PartnerId, codes: Sequence[str]) -> list[Watched | None]:
        """The assets with these codes, in order; None for unknown ones."""

    async def save_sightings(self, sightings: Sequence[tuple[Watched, Sighting, Verdict]]) -> None:
        """Writes sightings of one partner's assets, one per asset, and moves the assets."""

    async def take_silent(self, now: datetime, limit: int) -> list[Watched]:
        """Assets whose silence is to be looked at."""

    async def save_silent(self, verdicts: Sequence[tuple[Watched, Verdict]]) -> None:
        """Moves the assets that were not seen, or looked at, meanwhile."""
