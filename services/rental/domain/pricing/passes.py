"""Passes: what a renter has bought or been given at a partner, for the rides of a while."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.rental.domain.assets import AssetKind
from services.rental.domain.ids import PartnerId, PassId, RenterId


@dataclass(frozen=True, slots=True)
class RidePass:
    """What a pass gives each ride: free minutes more than the plan's, and a percentage off base, time and distance."""

    pass_id: PassId
    free_minutes: int
    percent_off: int


@dataclass(frozen=True, slots=True)
class Pass:
    """A pass of a renter, for rides that start in [valid_from, valid_until); of one kind, or of every kind (None)."""

    gives: RidePass
    partner_id: PartnerId
    renter_id: RenterId
    asset_kind: AssetKind | None
    valid_from: datetime
    valid_until: datetime
    granted_at: datetime
