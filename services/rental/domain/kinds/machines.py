"""State machines in parts: each kind is made of those that fit it."""

from __future__ import annotations

from services.rental.domain.kinds.kind import Machine
from services.rental.domain.states import RentalState, Step

RENTING: Machine = {
    (RentalState.REQUESTED, Step.ACTIVATE): RentalState.ACTIVE,
    (RentalState.REQUESTED, Step.CANCEL): RentalState.CANCELLED,
    (RentalState.ACTIVE, Step.CANCEL): RentalState.CANCELLED,
    (RentalState.ACTIVE, Step.RETURN): RentalState.RETURNED,
    (RentalState.RETURNED, Step.SETTLE): RentalState.SETTLED,
}
"""What every rental does."""
