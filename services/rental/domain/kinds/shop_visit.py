"""A visit to an unattended shop: scan to enter, walk out, and be charged what the shop says. The asset is one of the
shop's baskets or gate tickets, so that a visitor has one and a shop has as many visitors as it has baskets.
"""

from __future__ import annotations

from datetime import timedelta

from services.rental.domain.assets import AssetKind
from services.rental.domain.kinds.kind import Kind, PricedBy, ReturnPlace, Silence
from services.rental.domain.kinds.machines import RENTING
from services.rental.domain.states import Step

SHOP_VISIT = Kind(
    asset_kind=AssetKind.SHOP_VISIT,
    title="Shop visit",
    machine=RENTING,
    returned_to=ReturnPlace.EXIT,
    late_after=timedelta(hours=4),
    silence=Silence(timedelta(hours=24), Step.RETURN),
    total_minor=500_000,
    priced_by=PricedBy.PARTNER,
)
