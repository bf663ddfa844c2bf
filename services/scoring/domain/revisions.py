"""Putting a fact right: the old revision is closed and stays on record, the next one counts, or does not.

A score is made of the revisions in force, so a fact that was corrected is as if it had always been so, and one that was
retracted as if it had never been told.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from services.scoring.domain.facts import Fact, FactState
from services.scoring.domain.records import expiry_of, fault_of
from services.values.errors import Category, Refusal, invalid


@dataclass(frozen=True, slots=True)
class Recorded:
    """The revision of a fact that is in force. `state` is never EXPIRED: that is a matter of the time of asking."""

    fact: Fact
    state: FactState
    recorded_at: datetime
    revision: int = 0
    changed_by: str = ""
    change_reason: str = ""

    def state_at(self, now: datetime) -> FactState:
        """Whether it counts at that moment."""
        ends = expiry_of(self.fact)
        ran_out = self.state is FactState.COUNTED and ends is not None and ends <= now
        return FactState.EXPIRED if ran_out else self.state


@dataclass(frozen=True, slots=True)
class Author:
    """Who puts a fact right, why, and when."""

    name: str
    reason: str
    at: datetime


def corrected(recorded: Recorded, fact: Fact, author: Author) -> Recorded:
    """The fact as it should be. Raises STATE_NOT_ALLOWED, INVALID_FIELD."""
    if (fact.fact_id, fact.renter_id) != (recorded.fact.fact_id, recorded.fact.renter_id):
        raise invalid("corrected.fact_id", "is that of the fact it replaces")
    refused = fault_of(fact, author.at)
    if refused is not None:
        raise invalid(f"corrected.{refused.violations[0].field}", refused.violations[0].description)
    return _revised(replace(recorded, fact=fact), FactState.COUNTED, FactState.COUNTED, author)


def retracted(recorded: Recorded, author: Author) -> Recorded:
    """The fact, taken back. Raises STATE_NOT_ALLOWED."""
    return _revised(recorded, FactState.COUNTED, FactState.RETRACTED, author)


def suspended(recorded: Recorded, author: Author) -> Recorded:
    """The fact while it is in dispute. Raises STATE_NOT_ALLOWED."""
    return _revised(recorded, FactState.COUNTED, FactState.DISPUTED, author)


def reinstated(recorded: Recorded, author: Author) -> Recorded:
    """The fact after a dispute that did not hold. Raises STATE_NOT_ALLOWED."""
    return _revised(recorded, FactState.DISPUTED, FactState.COUNTED, author)


def _revised(recorded: Recorded, needed: FactState, state: FactState, author: Author) -> Recorded:
    if recorded.state is not needed:
        raise Refusal(
            Category.FAILED_PRECONDITION,
            "STATE_NOT_ALLOWED",
            f"the fact is {recorded.state}",
            metadata={"state": recorded.state},
        )
    return Recorded(recorded.fact, state, author.at, recorded.revision + 1, author.name, author.reason)


def fact_not_found() -> Refusal:
    """The refusal of a fact that this person does not have."""
    return Refusal(Category.NOT_FOUND, "FACT_NOT_FOUND", "no such fact of this person")
