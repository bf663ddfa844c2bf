"""A power bank: by the half hour, back in any free slot; after five days, or ¥99 in all, it is bought."""

from __future__ import annotations

from datetime import timedelta

from services.rental.domain.assets import AssetKind
from services.rental.domain.kinds.kind import Contact, Kind, ReturnPlace, Silence
from services.rental.domain.kinds.machines import DISPUTING, LOSING, RENTING
from services.rental.domain.states import Step

POWER_BANK = Kind(
    asset_kind=AssetKind.POWER_BANK,
    title="Power bank",
    machine={**RENTING, **LOSING, **DISPUTING},
    returned_to=ReturnPlace.FREE_SLOT,
    late_after=timedelta(hours=24),
    silence=Silence(timedelta(days=5), Step.LOSE),
    total_minor=9_900,
    contact=Contact(silent_after=timedelta(hours=24), missing_after=timedelta(days=7)),
)
