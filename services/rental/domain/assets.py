"""Assets: the things with a code that people scan."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.rental.domain.ids import AssetId, PartnerId, PricePlanId


class AssetKind(StrEnum):
    """What is rented (`freehold.assets.v1.AssetKind`); an asset's kind never changes."""

    BIKE = "BIKE"
    E_BIKE = "E_BIKE"
    UMBRELLA = "UMBRELLA"
    POWER_BANK = "POWER_BANK"
    SHOP_VISIT = "SHOP_VISIT"


class AssetState(StrEnum):
    """Where an asset stands, after MDS; only an AVAILABLE one can be rented. The steps are in `fleet/states.py`."""

    AVAILABLE = "AVAILABLE"
    RESERVED = "RESERVED"
    RENTED = "RENTED"
    NON_CONTACTABLE = "NON_CONTACTABLE"
    MISSING = "MISSING"
    MAINTENANCE = "MAINTENANCE"
    REMOVED = "REMOVED"


@dataclass(frozen=True, slots=True)
class Asset:
    """A thing of a partner; `code` is unique for the partner.

    City, class and monthly rent (in the plan's currency) choose its deposit; empty and 0 for none.
    It costs what its plan says or, without a plan of its own, what the newest plan of a name says.
    """

    asset_id: AssetId
    partner_id: PartnerId
    asset_kind: AssetKind
    code: str
    price_plan_id: PricePlanId | None
    state: AssetState
    created_at: datetime
    city: str = ""
    asset_class: str = ""
    monthly_rent_minor: int = 0
    price_plan_name: str = ""
