"""A person's link to a bureau: when it is asked, what its answers change, and how it stands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from services.scoring.domain.facts import Fact, FactKind
from services.scoring.domain.outside import FRESH_PERCENT, percent_at
from services.values.errors import Category, Refusal

ASK_EVERY = timedelta(days=7)
ASK_AGAIN = timedelta(days=1)
"""A report that is old when it comes is asked for again the next day."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=6)
MOST_TRIES_TO_REVOKE = 40
"""After some nine days of silence a bureau that does not take a revocation is left alone."""


class Answered(StrEnum):
    """What came of asking last."""

    REPORTED = "REPORTED"
    NO_RECORD = "NO_RECORD"
    OUTAGE = "OUTAGE"


class LinkState(StrEnum):
    """How a link stands; the names are those of `freehold.scoring.v1.BureauState`."""

    FRESH = "FRESH"
    STALE = "STALE"
    OUTAGE = "OUTAGE"
    NO_RECORD = "NO_RECORD"


@dataclass(frozen=True, slots=True)
class Report:
    """A bureau's number on its own scale, and when it made it."""

    raw: int
    reported_at: datetime


@dataclass(frozen=True, slots=True)
class BureauLink:
    """One person's link to one bureau. `renter_id` is empty once the person was erased: what is left is to revoke it.

    `ask_at` is when the bureau is asked next, or told that the link has ended.
    """

    link_id: str
    renter_id: str
    bureau: str
    linked_at: datetime
    ask_at: datetime
    unlinked_at: datetime | None = None
    reported_at: datetime | None = None
    answered: Answered = Answered.OUTAGE
    failures: int = 0

    def percent(self, now: datetime) -> int:
        """How much of its weight the bureau's word has at that moment."""
        return 0 if self.reported_at is None else percent_at(self.reported_at, now)

    def state(self, now: datetime) -> LinkState:
        """How it stands at that moment."""
        if self.answered is not Answered.REPORTED:
            return LinkState(self.answered)
        return LinkState.FRESH if self.percent(now) == FRESH_PERCENT else LinkState.STALE

    def reported(self, report: Report, now: datetime) -> BureauLink:
        """The link after a report."""
        ask_at = max(report.reported_at + ASK_EVERY, now + ASK_AGAIN)
        latest = max(report.reported_at, self.reported_at or report.reported_at)
        return replace(self, reported_at=latest, answered=Answered.REPORTED, failures=0, ask_at=ask_at)

    def without_record(self, now: datetime) -> BureauLink:
        """The link after a bureau said that it knows nothing."""
        return replace(self, answered=Answered.NO_RECORD, failures=0, ask_at=now + ASK_EVERY)

    def failed(self, now: datetime) -> BureauLink:
        """The link after an unclear answer, or none; the pauses double."""
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self.failures, 16))
        return replace(self, answered=Answered.OUTAGE, failures=self.failures + 1, ask_at=now + pause)

    def fact(self, report: Report) -> Fact:
        """A report as a fact; the same report is the same fact, however often it is told."""
        fact_id = f"{self.link_id}:{report.reported_at:%Y%m%dT%H%M%S}"
        kind, at = FactKind.OUTSIDE_SCORE, report.reported_at
        return Fact(fact_id, self.renter_id, kind, at, subject=self.bureau, outside_score=report.raw)


def bureau_not_found() -> Refusal:
    """The refusal of a bureau that is not on the panel."""
    return Refusal(Category.NOT_FOUND, "BUREAU_NOT_FOUND", "there is no bureau of that name")


def code_invalid() -> Refusal:
    """The refusal of a code that the bureau does not know (any more)."""
    return Refusal(Category.FAILED_PRECONDITION, "BUREAU_CODE_INVALID", "the bureau does not know this code (any more)")


def already_linked() -> Refusal:
    """The refusal of a second link to one bureau."""
    return Refusal(Category.FAILED_PRECONDITION, "BUREAU_ALREADY_LINKED", "this bureau is linked; unlink it first")


def account_taken() -> Refusal:
    """The refusal of an account that speaks for somebody else already."""
    return Refusal(Category.FAILED_PRECONDITION, "BUREAU_ACCOUNT_TAKEN", "somebody else has linked this account")


def not_linked() -> Refusal:
    """The refusal to end what is not there."""
    return Refusal(Category.NOT_FOUND, "BUREAU_NOT_LINKED", "this bureau is not linked")


def unavailable() -> Refusal:
    """The refusal when it is unclear what became of a code."""
    return Refusal(Category.UNAVAILABLE, "BUREAU_UNAVAILABLE", "the bureau did not answer; repeat the same request")
