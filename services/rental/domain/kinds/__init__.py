"""The kinds of assets, one file each. Nobody outside asks which kind it is: they ask what the kind says."""

from collections.abc import Mapping

from services.rental.domain.assets import AssetKind
from services.rental.domain.kinds.bike import BIKE
from services.rental.domain.kinds.e_bike import E_BIKE
from services.rental.domain.kinds.kind import Contact, Kind, Machine, PricedBy, ReturnPlace, Silence, Vehicle
from services.rental.domain.kinds.power_bank import POWER_BANK
from services.rental.domain.kinds.shop_visit import SHOP_VISIT
from services.rental.domain.kinds.umbrella import UMBRELLA

KINDS: Mapping[AssetKind, Kind] = {kind.asset_kind: kind for kind in (BIKE, E_BIKE, UMBRELLA, POWER_BANK, SHOP_VISIT)}
"""Every kind that can be rented."""

__all__ = ["KINDS", "Contact", "Kind", "Machine", "PricedBy", "ReturnPlace", "Silence", "Vehicle"]
