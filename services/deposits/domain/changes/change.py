"""A change is everything that is written together; a moment is all that a change has to know besides the deposit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.deposits.domain.deposits import Deposit, Operation, Result
from services.deposits.domain.ledger import Transfer
from services.deposits.domain.processors import Capabilities

NewId = Callable[[str, str], str]
"""Makes an id of a prefix that belongs to the renter of another id."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When it happens, how ids are made, and what each processor can do."""

    now: datetime
    new_id: NewId
    capabilities: Mapping[str, Capabilities]


class HoldEvent(StrEnum):
    """What rental is told of a hold; names as in `freehold.rental.v1.HoldEvent`."""

    EXPIRING = "EXPIRING"
    RENEWED = "RENEWED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class Change:
    """What to write. An empty change (`deposit` as it was, nothing else) writes nothing.

    `results` end operations, `wanted` are new ones, `given_up` names those whose late success is to be undone;
    `announced` tells rental of the deposit, `hold_event` what became of its hold. `recorded` were made by hand at the
    processor: they are written down as done, and never asked for.
    """

    deposit: Deposit
    results: tuple[Result, ...] = ()
    wanted: tuple[Operation, ...] = ()
    given_up: tuple[str, ...] = ()
    transfers: tuple[Transfer, ...] = ()
    exposure_ends: bool = False
    announced: bool = False
    hold_event: HoldEvent | None = None
    recorded: tuple[Operation, ...] = ()

    def changes(self, before: Deposit) -> bool:
        """Whether there is anything to write."""
        return bool(self.results or self.wanted or self.transfers) or self != Change(before)
