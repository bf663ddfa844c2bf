"""What time makes happen: rentals left between two steps are followed up, and facts leave for scoring."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.rental.domain import Fact, FactKind, PartnerId, RentalId, RenterId
from services.rental.operations import FollowingUp, Outgoing, Passing, Reserving, Telling
from services.rental.operations.fleet import Sightings
from services.runtime.database import Database
from services.runtime.outbox import OutboxRow, Relay
from services.runtime.sweeper import Sweeper

SCORING = "scoring"


def follow_up_sweeper(following_up: FollowingUp, every_seconds: float) -> Sweeper:
    """Finishes or undoes what was left between two steps."""
    return Sweeper("rental follow-ups", following_up.sweep, every_seconds)


def silence_sweeper(sightings: Sightings, every_seconds: float) -> Sweeper:
    """Notices what has fallen silent."""
    return Sweeper("silent assets", sightings.sweep, every_seconds)


def passing_sweeper(passing: Passing, every_seconds: float) -> Sweeper:
    """Announces what is overdue, sells what is lost, and lets disputes lapse."""
    return Sweeper("rental time", passing.sweep, every_seconds)


def reservation_sweeper(reserving: Reserving, every_seconds: float) -> Sweeper:
    """Frees what was kept for long enough."""
    return Sweeper("rental reservations", reserving.sweep, every_seconds)


def fact_relay(db: Database, telling: Telling) -> Relay:
    """Brings facts to scoring, as far as their people consent."""

    async def deliver(rows: Sequence[OutboxRow]) -> list[bool]:
        return await telling.deliver([_outgoing(row) for row in rows])

    return Relay(db, SCORING, deliver)


def _outgoing(row: OutboxRow) -> Outgoing:
    fact = Fact(
        kind=FactKind(row.kind),
        rental_id=RentalId(row.payload["rental_id"]),
        renter_id=RenterId(row.renter_id),
        partner_id=PartnerId(row.payload["partner_id"]),
        occurred_at=datetime.fromisoformat(row.payload["occurred_at"]),
        rental_seconds=row.payload.get("rental_seconds"),
        withdrawn=row.payload.get("withdrawn", False),
        again=row.payload.get("again", False),
    )
    return Outgoing(row.event_id, fact)
