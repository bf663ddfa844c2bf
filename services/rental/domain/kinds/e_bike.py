"""An electric bicycle: as a bicycle, but dearer, and missed sooner."""

from __future__ import annotations

from datetime import timedelta

from services.rental.domain.assets import AssetKind
from services.rental.domain.kinds.kind import Contact, Kind, ReturnPlace, Silence, Vehicle
from services.rental.domain.kinds.machines import DISPUTING, LOSING, PAUSING, RENTING
from services.rental.domain.states import Step

E_BIKE = Kind(
    asset_kind=AssetKind.E_BIKE,
    title="E-bike",
    machine={**RENTING, **PAUSING, **LOSING, **DISPUTING},
    returned_to=ReturnPlace.RETURN_ZONE,
    late_after=timedelta(hours=24),
    silence=Silence(timedelta(days=14), Step.LOSE),
    total_minor=300_000,
    reserve_for=timedelta(minutes=10),
    contact=Contact(silent_after=timedelta(hours=12), missing_after=timedelta(days=3)),
    vehicle=Vehicle("bicycle", "electric_assist", max_range_meters=60_000),
)
