"""Periods: calendar months (UTC). An operator closes one when all its days are sealed; from then on its totals stand.

Nothing is booked into a sealed day: whatever comes late is booked on the first day that is open. A closed period is
therefore never reopened; what turns out wrong in it is corrected by entries of a later day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from services.values.errors import Category, Refusal, invalid

LONGEST_DAYS = 100
"""A statement or an export covers at most so many days."""


@dataclass(frozen=True, slots=True)
class PeriodTotal:
    """All entries of one account and currency in a period, minor units."""

    account: str
    currency: str
    debits_minor: int
    credits_minor: int


@dataclass(frozen=True, slots=True)
class Period:
    """A closed month, named by its first day."""

    month: date
    closed_by: str
    closed_at: datetime
    totals: tuple[PeriodTotal, ...]


def month_of(text: str) -> date:
    """The first day of a month that is given as YYYY-MM."""
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise invalid("month", "is not a month, YYYY-MM") from None


def next_month(month: date) -> date:
    """The first day after a month."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def span(first: date, after: date) -> tuple[date, date]:
    """A span of days [first, after); raises INVALID_FIELD when it is empty or too long."""
    if not 0 < (after - first).days <= LONGEST_DAYS:
        raise invalid("last_day", f"is not before the first day, and at most {LONGEST_DAYS} days are asked for")
    return first, after


def not_sealed() -> Refusal:
    """The refusal to close a month whose days are not all sealed."""
    return Refusal(Category.FAILED_PRECONDITION, "LEDGER_PERIOD_NOT_SEALED", "a day of this month is not sealed yet")


def out_of_order() -> Refusal:
    """The refusal to close a month while an earlier one is open."""
    return Refusal(Category.FAILED_PRECONDITION, "LEDGER_PERIOD_OUT_OF_ORDER", "close the months before it first")
