"""A pedal bicycle: by the half hour, back in a return zone; bought when it is gone for a month."""

from __future__ import annotations

from datetime import timedelta

from services.rental.domain.assets import AssetKind
from services.rental.domain.kinds.kind import Contact, Kind, ReturnPlace, Silence, Vehicle
from services.rental.domain.kinds.machines import DISPUTING, LOSING, PAUSING, RENTING
from services.rental.domain.states import Step

BIKE = Kind(
    asset_kind=AssetKind.BIKE,
    title="Bike",
    machine={**RENTING, **PAUSING, **LOSING, **DISPUTING},
    returned_to=ReturnPlace.RETURN_ZONE,
    late_after=timedelta(hours=24),
    silence=Silence(timedelta(days=30), Step.LOSE),
    total_minor=150_000,
    reserve_for=timedelta(minutes=10),
    contact=Contact(silent_after=timedelta(hours=24), missing_after=timedelta(days=7)),
    vehicle=Vehicle("bicycle", "human"),
)
