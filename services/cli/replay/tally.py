"""What the riders saw: the answers that were given to them, counted as they came."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from freehold.deposits.v1 import deposits_service_pb2 as deposits
from freehold.rental.v1 import rental_service_pb2 as rental
from services.cli.seeding import Expected, Renter


@dataclass
class Tally:
    """Counts of the day so far. `acknowledged` are the rentals that were answered ACTIVE."""

    waived: int = 0
    held: int = 0
    declined: int = 0
    cannot_assess: int = 0
    riding: int = 0
    returned: int = 0
    cancelled: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    first_outcomes: dict[str, str] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)

    @property
    def rentals(self) -> int:
        """Rentals that came about."""
        return self.waived + self.held

    def began(self, renter: Renter, answer: rental.Rental) -> None:
        """A rental is ACTIVE."""
        held = answer.deposit_state != deposits.DEPOSIT_STATE_WAIVED
        self.acknowledged.add(answer.rental_id)
        self.riding += 1
        self.waived += not held
        self.held += held
        self.cannot_assess += answer.outcome == deposits.ADMITTANCE_OUTCOME_CANNOT_ASSESS
        self._first(renter, Expected.HELD if held else Expected.WAIVED)

    def turned_away(self, renter: Renter, reason: str) -> None:
        """No rental came about, for a reason that the person can act on."""
        if reason == "PAYMENT_DECLINED":
            self.declined += 1
            self._first(renter, Expected.DECLINED)
        else:
            self.refused[reason] += 1
            self._first(renter, Expected.REFUSED)

    def ended(self) -> None:
        """A bike is back."""
        self.riding -= 1
        self.returned += 1

    def surprises(self, renters: tuple[Renter, ...]) -> list[str]:
        """People whose first rental did not go as it had to."""
        return [
            f"{renter.case}: {self.first_outcomes[renter.case]} instead of {renter.expected}"
            for renter in renters
            if self.first_outcomes.get(renter.case, renter.expected) != renter.expected
        ]

    def _first(self, renter: Renter, outcome: Expected) -> None:
        self.first_outcomes.setdefault(renter.case, outcome)
