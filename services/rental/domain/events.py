"""What happens to a rental, as events in its own order; docs/events.md has the schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from services.rental.domain.ids import RentalId
from services.rental.domain.states import RentalState

PLACES = 16
"""An event's sequence is the rental's version times this, plus its place among the events of that version."""


class EventKind(StrEnum):
    """The kinds of events."""

    RESERVED = "rental.reserved"
    REQUESTED = "rental.requested"
    STARTED = "rental.started"
    PAUSED = "rental.paused"
    RESUMED = "rental.resumed"
    OVERDUE = "rental.overdue"
    LOST = "rental.lost"
    FOUND = "rental.found"
    DISPUTED = "rental.disputed"
    RETURN_ACCEPTED = "rental.return_accepted"
    RETURN_REFUSED = "rental.return_refused"
    ENDED = "rental.ended"
    CORRECTED = "rental.corrected"
    SETTLED = "rental.settled"
    CANCELLED = "rental.cancelled"
    DEPOSIT_PENDING = "deposit.pending"
    DEPOSIT_WAIVED = "deposit.waived"
    DEPOSIT_HELD = "deposit.held"
    DEPOSIT_DECLINED = "deposit.declined"
    DEPOSIT_CANCELLED = "deposit.cancelled"
    DEPOSIT_CLOSED = "deposit.closed"
    PAYMENT_NONE = "payment.none"
    PAYMENT_DUE = "payment.due"
    PAYMENT_IN_PROGRESS = "payment.in_progress"
    PAYMENT_PAID = "payment.paid"
    PAYMENT_FAILED = "payment.failed"
    PAYMENT_WRITTEN_OFF = "payment.written_off"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened; `data` says more, by kind."""

    kind: EventKind
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Happened:
    """An event as it was written down."""

    rental_id: RentalId
    sequence: int
    event: Event
    occurred_at: datetime


_BY_STATE: Mapping[RentalState, EventKind] = {
    RentalState.PAUSED: EventKind.PAUSED,
    RentalState.LOST: EventKind.LOST,
    RentalState.RETURNED: EventKind.ENDED,
    RentalState.SETTLED: EventKind.SETTLED,
    RentalState.CANCELLED: EventKind.CANCELLED,
}


def state_event(before: RentalState, after: RentalState) -> EventKind | None:
    """The event of a step; None without one, and for disputes, which are told as such."""
    if before is after:
        return None
    if after is RentalState.ACTIVE:
        return {RentalState.REQUESTED: EventKind.STARTED, RentalState.PAUSED: EventKind.RESUMED}.get(before)
    found = before is RentalState.LOST
    return EventKind.FOUND if found else _BY_STATE.get(after)
