"""An umbrella: by the day, back at any stand; after a week it is bought, for what an umbrella costs."""

from __future__ import annotations

from datetime import timedelta

from services.rental.domain.assets import AssetKind
from services.rental.domain.kinds.kind import Contact, Kind, ReturnPlace, Silence
from services.rental.domain.kinds.machines import DISPUTING, LOSING, RENTING
from services.rental.domain.states import Step

UMBRELLA = Kind(
    asset_kind=AssetKind.UMBRELLA,
    title="Umbrella",
    machine={**RENTING, **LOSING, **DISPUTING},
    returned_to=ReturnPlace.ANY_STAND,
    late_after=timedelta(days=3),
    silence=Silence(timedelta(days=7), Step.LOSE),
    total_minor=3_900,
    contact=Contact(silent_after=timedelta(days=3), missing_after=timedelta(days=14)),
)
