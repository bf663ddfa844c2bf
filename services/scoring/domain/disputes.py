"""Disputes: who may open one, until when it is decided, and how it ends.

The time limit is 15 days, the middle of China's 20 days for a credit register's answer (征信业管理条例, article 25) and
what GDPR article 12 leaves room for; a dispute that nobody decides in time is decided for the person, as in the United
States' Fair Credit Reporting Act, section 611.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from services.scoring.domain.facts import FactState
from services.scoring.domain.revisions import Author, Recorded, reinstated, retracted
from services.values.errors import Category, Refusal

DAYS_TO_DECIDE = timedelta(days=15)
REST_AFTER_REJECTION = timedelta(days=180)
MOST_OPEN = 3


class DisputeState(StrEnum):
    """Where a dispute stands; the names are those of `freehold.scoring.v1.DisputeState`."""

    OPEN = "OPEN"
    UPHELD = "UPHELD"
    CORRECTED = "CORRECTED"
    REJECTED = "REJECTED"
    WITHDRAWN = "WITHDRAWN"
    LAPSED = "LAPSED"


IN_FAVOUR = frozenset({DisputeState.UPHELD, DisputeState.CORRECTED, DisputeState.LAPSED})
"""Ends that make decisions again."""


@dataclass(frozen=True, slots=True)
class Dispute:
    """One disagreement, about a fact or about a use of the score; the other of the two ids is empty."""

    dispute_id: str
    renter_id: str
    fact_id: str
    use_id: str
    statement: str
    state: DisputeState
    opened_at: datetime
    due_at: datetime
    decided_at: datetime | None = None
    decided_by: str = ""
    reason: str = ""
    score_before: int | None = None
    score_after: int | None = None

    def __repr__(self) -> str:
        return f"Dispute({self.dispute_id}, {self.state})"


def opened(draft: Dispute, known: Sequence[Dispute], recorded: Recorded | None) -> Dispute:
    """A new dispute beside those that the person has.

    Raises:
        Refusal: TOO_MANY_DISPUTES; DISPUTE_NOT_ALLOWED for what is in dispute, does not count, or was found right less
            than 180 days ago.
    """
    about = (draft.fact_id, draft.use_id)
    same = [one for one in known if (one.fact_id, one.use_id) == about]
    if any(one.state is DisputeState.OPEN for one in same):
        raise _not_allowed("it is in dispute already")
    rejected = [one.decided_at for one in same if one.state is DisputeState.REJECTED and one.decided_at]
    if any(draft.opened_at < at + REST_AFTER_REJECTION for at in rejected):
        raise _not_allowed("it was found right less than 180 days ago")
    if recorded is not None and recorded.state_at(draft.opened_at) is not FactState.COUNTED:
        raise _not_allowed("the fact does not count")
    if sum(one.state is DisputeState.OPEN for one in known) >= MOST_OPEN:
        raise Refusal(Category.RESOURCE_EXHAUSTED, "TOO_MANY_DISPUTES", f"{MOST_OPEN} disputes are open")
    return draft


def ended(dispute: Dispute, state: DisputeState, author: Author, score_after: int | None) -> Dispute:
    """The dispute once it has ended. Raises STATE_NOT_ALLOWED when it has ended before."""
    if dispute.state is not DisputeState.OPEN:
        raise Refusal(
            Category.FAILED_PRECONDITION,
            "STATE_NOT_ALLOWED",
            f"the dispute is {dispute.state}",
            metadata={"state": dispute.state},
        )
    return replace(
        dispute,
        state=state,
        decided_at=author.at,
        decided_by=author.name,
        reason=author.reason,
        score_after=score_after,
    )


def fact_after(recorded: Recorded, state: DisputeState, author: Author) -> Recorded:
    """What becomes of a disputed fact: it is taken back where the person was right, else it counts again.

    Of CORRECTED the correction follows: first the fact counts again, then it is put right.
    """
    back = reinstated(recorded, author)
    return retracted(back, author) if state in (DisputeState.UPHELD, DisputeState.LAPSED) else back


def _not_allowed(text: str) -> Refusal:
    return Refusal(Category.FAILED_PRECONDITION, "DISPUTE_NOT_ALLOWED", text)


def dispute_not_found() -> Refusal:
    """The refusal of a dispute that is not there, or not this person's."""
    return Refusal(Category.NOT_FOUND, "DISPUTE_NOT_FOUND", "no such dispute")


def use_not_found() -> Refusal:
    """The refusal of a use that is not of this person's score."""
    return Refusal(Category.NOT_FOUND, "USE_NOT_FOUND", "no such use of this person's score")
