"""What an operator decides about a difference: carry the repair out, or let it be, for a reason.

OPEN → CONFIRMED → REPAIRED → GONE; repairs that move money wait for a second operator in between (AWAITING_SECOND).
OPEN | AWAITING_SECOND → DISMISSED. A later run that finds it again, or changed, opens it again; one that does not find
it any more: GONE.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from services.deposits.domain.reconciling.differences import TWO_OPERATORS, Finding, Repair
from services.values.errors import Category, Refusal


class DifferenceState(StrEnum):
    """Where a difference stands; names as in `freehold.deposits.v1.DifferenceState`."""

    OPEN = "OPEN"
    AWAITING_SECOND = "AWAITING_SECOND"
    CONFIRMED = "CONFIRMED"
    REPAIRED = "REPAIRED"
    DISMISSED = "DISMISSED"
    GONE = "GONE"


@dataclass(frozen=True, slots=True)
class Difference:
    """A finding with its history.

    Attributes:
        confirmed_by, approved_by: the first operator, and the second where two are needed.
        reason: why it was dismissed.
        outcome: what the last attempt to repair it ended with, when that was not success: a processor's code or ours.
        attempt: how often a repair was confirmed; part of the key under which a processor is asked.
    """

    difference_id: str
    finding: Finding
    state: DifferenceState
    run_id: str
    first_seen_at: datetime
    last_seen_at: datetime
    confirmed_by: str = ""
    approved_by: str = ""
    reason: str = ""
    outcome: str = ""
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a repair: REPAIRED, or OPEN again with the reason why.

    `repair_ref` is the processor's reference of what was done there, so that the next run knows it.
    """

    state: DifferenceState
    reason: str = ""
    repair_ref: str = ""


def confirm(difference: Difference, operator: str) -> Difference | Refusal:
    """Has the proposed repair carried out; the first of two operators only says so."""
    repair = difference.finding.repair
    if difference.state is DifferenceState.OPEN and repair is Repair.BY_HAND:
        return Refusal(Category.FAILED_PRECONDITION, "REPAIR_BY_HAND", "no repair can be carried out from here")
    if difference.state is DifferenceState.OPEN and repair in TWO_OPERATORS:
        return replace(difference, state=DifferenceState.AWAITING_SECOND, confirmed_by=operator)
    confirmed = replace(difference, state=DifferenceState.CONFIRMED, attempt=difference.attempt + 1, outcome="")
    if difference.state is DifferenceState.OPEN:
        return replace(confirmed, confirmed_by=operator)
    if difference.state is not DifferenceState.AWAITING_SECOND:
        return _not_open(difference)
    if difference.confirmed_by == operator:
        return Refusal(Category.PERMISSION_DENIED, "APPROVAL_BY_ANOTHER", "a second operator has to confirm it")
    return replace(confirmed, approved_by=operator)


def dismiss(difference: Difference, operator: str, reason: str) -> Difference | Refusal:
    """Lets a difference be, for a reason; it stays so until its amounts change."""
    if difference.state not in (DifferenceState.OPEN, DifferenceState.AWAITING_SECOND):
        return _not_open(difference)
    return replace(difference, state=DifferenceState.DISMISSED, confirmed_by=operator, approved_by="", reason=reason)


def _not_open(difference: Difference) -> Refusal:
    return Refusal(
        Category.FAILED_PRECONDITION,
        "DIFFERENCE_NOT_OPEN",
        "it was decided already",
        metadata={"state": difference.state},
    )
