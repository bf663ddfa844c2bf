"""Reservations: an asset is kept for somebody who is on their way. Nothing is decided or held before they scan."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.rental.domain.ids import AssetId, PartnerId, RentalId, RenterId, ReservationId


class ReservationState(StrEnum):
    """What became of a reservation (`freehold.rental.v1.ReservationState`)."""

    HELD = "HELD"
    USED = "USED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """The asset is the renter's to scan until `expires_at` (business time); `rental_id` names what used it up."""

    reservation_id: ReservationId
    partner_id: PartnerId
    renter_id: RenterId
    asset_id: AssetId
    asset_code: str
    reserved_at: datetime
    expires_at: datetime
    state: ReservationState = ReservationState.HELD
    rental_id: RentalId | None = None
