"""What a partner tells of its assets, asks about them, and commands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.rental.domain.assets import Asset, AssetKind, AssetState
from services.rental.domain.commands import CatalogueCommand
from services.rental.domain.fleet.points import Point
from services.rental.domain.ids import AssetId, PartnerId


class Condition(StrEnum):
    """How good an asset is."""

    GOOD = "GOOD"
    WORN = "WORN"
    DAMAGED = "DAMAGED"


@dataclass(frozen=True, slots=True)
class Details:
    """What a partner tells of an asset besides what rents it out.

    `photo_refs` are the partner's own references; the photos stay with it. `rotates`: its label shows the public code,
    which is another after each rental, instead of the fixed one.
    """

    condition: Condition = Condition.GOOD
    photo_refs: tuple[str, ...] = ()
    rotates: bool = False


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where an asset was last seen, at which station if at one, with how much charge; what was never told is None."""

    seen_at: datetime
    point: Point | None
    battery_percent: int | None
    range_meters: int | None
    station_id: str | None = None


@dataclass(frozen=True, slots=True)
class FleetAsset:
    """All that is known of an asset."""

    asset: Asset
    details: Details
    whereabouts: Whereabouts | None


@dataclass(frozen=True, slots=True)
class PublicCode:
    """A code that is good until the next rental; `uses` counts those before.

    It goes with what was seen after as many uses only: else somebody who looked while a ride began would know the asset
    again at its end.
    """

    code: str
    uses: int


@dataclass(frozen=True, slots=True)
class UpdateAsset(CatalogueCommand):
    """Tell something else of an asset; what is None stays."""

    asset_id: AssetId
    city: str | None = None
    asset_class: str | None = None
    monthly_rent_minor: int | None = None
    condition: Condition | None = None
    photo_refs: tuple[str, ...] | None = None
    rotates: bool | None = None


@dataclass(frozen=True, slots=True)
class SetAssetState(CatalogueCommand):
    """Put an asset in service, take it in, call it missing, remove it."""

    asset_id: AssetId
    state: AssetState


@dataclass(frozen=True, slots=True)
class AssetPage:
    """Which of a partner's assets to list, by id, after `after`; None stands for all."""

    partner_id: PartnerId
    asset_kind: AssetKind | None
    state: AssetState | None
    city: str | None
    after: str
    size: int


@dataclass(frozen=True, slots=True)
class Nearby:
    """What to look for: available assets around a point, at one partner or at all, of one kind or of all."""

    center: Point
    radius_meters: int
    partner_id: PartnerId | None
    asset_kind: AssetKind | None
    limit: int


@dataclass(frozen=True, slots=True)
class Found:
    """An asset that was available after so many `uses`, and how far away it is."""

    partner_id: PartnerId
    asset_id: AssetId
    asset_kind: AssetKind
    asset_class: str
    price_plan_id: str
    meters: float
    whereabouts: Whereabouts
    uses: int
