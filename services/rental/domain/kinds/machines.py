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

PAUSING: Machine = {
    (RentalState.ACTIVE, Step.PAUSE): RentalState.PAUSED,
    (RentalState.PAUSED, Step.RESUME): RentalState.ACTIVE,
    (RentalState.PAUSED, Step.RETURN): RentalState.RETURNED,
    (RentalState.PAUSED, Step.LOSE): RentalState.LOST,
    (RentalState.PAUSED, Step.DISPUTE): RentalState.DISPUTED,
}
"""For what is locked on the way and ridden on."""

LOSING: Machine = {
    (RentalState.ACTIVE, Step.LOSE): RentalState.LOST,
    (RentalState.LOST, Step.FIND): RentalState.RETURNED,
}
"""For what can be gone: it is bought, and the purchase is undone when it is found."""

DISPUTING: Machine = {
    (RentalState.ACTIVE, Step.DISPUTE): RentalState.DISPUTED,
    (RentalState.DISPUTED, Step.RETURN): RentalState.RETURNED,
    (RentalState.DISPUTED, Step.REFUSE): RentalState.ACTIVE,
}
"""For what is priced by time: the renter says that it is back, and the clock stops until the partner has answered."""
