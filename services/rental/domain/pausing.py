"""Locked on the way and ridden on: the thing stays the renter's, and the price goes on."""

from __future__ import annotations

from services.rental.domain.refusals import step_not_allowed
from services.rental.domain.rentals import Change, Rental, changed
from services.rental.domain.states import Step
from services.values.errors import Refusal


def paused(rental: Rental) -> Change | Refusal:
    """ACTIVE → PAUSED, for kinds that can be paused; RENTAL_STEP_NOT_ALLOWED otherwise."""
    return _taken(rental, Step.PAUSE)


def resumed(rental: Rental) -> Change | Refusal:
    """PAUSED → ACTIVE; RENTAL_STEP_NOT_ALLOWED otherwise."""
    return _taken(rental, Step.RESUME)


def _taken(rental: Rental, step: Step) -> Change | Refusal:
    return changed(rental, state=rental.after(step)) if rental.can(step) else step_not_allowed(rental.state)
