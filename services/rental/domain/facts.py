"""What rental tells scoring about a person. Facts are named after the rental, so that telling twice tells once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.rental.domain.ids import PartnerId, RentalId, RenterId


class FactKind(StrEnum):
    """The facts that rental is the source of (`freehold.scoring.v1.FactKind`)."""

    RENTAL_STARTED = "RENTAL_STARTED"
    RENTAL_RETURNED_ON_TIME = "RENTAL_RETURNED_ON_TIME"
    RENTAL_RETURNED_LATE = "RENTAL_RETURNED_LATE"
    RENTAL_LOST = "RENTAL_LOST"
    PAYMENT_ON_TIME = "PAYMENT_ON_TIME"
    PAYMENT_FAILED = "PAYMENT_FAILED"
    PAYMENT_CURED = "PAYMENT_CURED"
    PAYMENT_LATE = "PAYMENT_LATE"
    PAYMENT_WRITTEN_OFF = "PAYMENT_WRITTEN_OFF"


_SUFFIX: Mapping[FactKind, str] = {
    FactKind.RENTAL_STARTED: "started",
    FactKind.RENTAL_RETURNED_ON_TIME: "returned",
    FactKind.RENTAL_RETURNED_LATE: "returned",
    FactKind.RENTAL_LOST: "lost",
    FactKind.PAYMENT_ON_TIME: "paid",
    FactKind.PAYMENT_FAILED: "failed",
    FactKind.PAYMENT_CURED: "paid",
    FactKind.PAYMENT_LATE: "paid",
    FactKind.PAYMENT_WRITTEN_OFF: "written_off",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that happened; `partner_id` is where, so that consent can be checked where the fact leaves.

    `rental_seconds` is how long the rental lasted, once it has ended. One that is `withdrawn` is taken back, because it
    was not so; one told `again` takes the place of such a one.
    """

    kind: FactKind
    rental_id: RentalId
    renter_id: RenterId
    partner_id: PartnerId
    occurred_at: datetime
    rental_seconds: int | None = None
    withdrawn: bool = False
    again: bool = False

    @property
    def fact_id(self) -> str:
        """Unique for what happened: a rental starts, returns, is lost, fails to be paid and is paid at most once."""
        return f"{self.rental_id}:{_SUFFIX[self.kind]}{':again' if self.again else ''}"
