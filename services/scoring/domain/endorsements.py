"""Endorsements: who may vouch for whom. They count little, because friends can be asked and rings can be formed.

Against collusion: who vouches stands on their own feet (a score above 650 without any endorsement), is known for half a
year, vouches for three people at most and for one in 30 days, and never for somebody who vouches for them, directly or
through others. When they fall, their word counts no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from services.values.errors import Category, Refusal

ABOVE = 650
DAYS_KNOWN = 180
MOST_GIVEN = 3
BETWEEN = timedelta(days=30)
CODE_STANDS = timedelta(hours=24)
LONGEST_CHAIN = 8
"""How many endorsements a circle is looked for along."""


class EndReason(StrEnum):
    """Why an endorsement counts no more; the names are those of `freehold.scoring.v1.EndorsementEnd`."""

    WITHDRAWN = "WITHDRAWN"
    ENDORSER_FELL = "ENDORSER_FELL"


@dataclass(frozen=True, slots=True)
class Endorsement:
    """One person's word for another."""

    endorsement_id: str
    renter_id: str
    endorser_id: str
    given_at: datetime
    ended_at: datetime | None = None
    end_reason: EndReason | None = None


@dataclass(frozen=True, slots=True)
class Endorser:
    """How somebody stands who wants to vouch: score without endorsements, time known, words given before."""

    alone_score: int | None
    tenure_days: int
    given: Sequence[Endorsement]


def check_endorser(endorser: Endorser, renter_id: str, now: datetime) -> None:
    """Whether somebody may vouch for that person. Raises ENDORSER_NOT_ELIGIBLE, TOO_MANY_ENDORSEMENTS."""
    if endorser.alone_score is None or endorser.alone_score <= ABOVE or endorser.tenure_days < DAYS_KNOWN:
        raise Refusal(
            Category.FAILED_PRECONDITION,
            "ENDORSER_NOT_ELIGIBLE",
            f"vouching needs a score above {ABOVE} without endorsements, and {DAYS_KNOWN} days of history",
        )
    standing = [one.renter_id for one in endorser.given if one.ended_at is None]
    lately = any(one.given_at > now - BETWEEN for one in endorser.given)
    if len(standing) >= MOST_GIVEN or renter_id in standing or lately:
        raise Refusal(
            Category.RESOURCE_EXHAUSTED,
            "TOO_MANY_ENDORSEMENTS",
            f"one in {BETWEEN.days} days, {MOST_GIVEN} in all, and one for each person",
        )


def circular() -> Refusal:
    """The refusal of a word for somebody whose word, or whose friends' word, one has."""
    return Refusal(Category.FAILED_PRECONDITION, "ENDORSEMENT_CIRCULAR", "the other person vouches for the caller")


def code_invalid() -> Refusal:
    """The refusal of a code that is wrong, used, expired or the caller's own."""
    return Refusal(Category.INVALID_ARGUMENT, "ENDORSEMENT_CODE_INVALID", "the code is wrong, used or expired")


def endorsement_not_found() -> Refusal:
    """The refusal of an endorsement that the caller neither gave nor received."""
    return Refusal(Category.NOT_FOUND, "ENDORSEMENT_NOT_FOUND", "no such endorsement")
