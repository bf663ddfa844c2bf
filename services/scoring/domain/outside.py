"""What a bureau says of a person, and how long it counts: fully for 30 days, half until 90, then no more.

Freshness is a matter of the report's age alone. Whether its bureau answers today changes nothing today.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

FRESH = timedelta(days=30)
COUNTS = timedelta(days=90)
FRESH_PERCENT, STALE_PERCENT = 100, 50


@dataclass(frozen=True, slots=True)
class Outside:
    """The latest report of one bureau: a number on the bureau's own scale, and how much of its weight is left."""

    bureau: str
    raw: int
    reported_at: datetime
    percent: int = FRESH_PERCENT

    @property
    def is_fresh(self) -> bool:
        """Whether it counts fully."""
        return self.percent == FRESH_PERCENT


def percent_at(reported_at: datetime, now: datetime) -> int:
    """How much of its weight a report has at that moment."""
    if now < reported_at + FRESH:
        return FRESH_PERCENT
    return STALE_PERCENT if now < reported_at + COUNTS else 0


def next_change(reported: Iterable[datetime], now: datetime) -> datetime | None:
    """When the first of these reports begins to count less, if none comes before; None when nothing is left to lose."""
    ends = (moment + age for moment in reported for age in (FRESH, COUNTS))
    return min((end for end in ends if end > now), default=None)
