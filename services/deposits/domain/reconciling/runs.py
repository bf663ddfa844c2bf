"""A run: one processor, one window of payments, judged slice by slice, so that it goes on where a crash has left it."""

from __future__ import annotations

from base64 import b32hexencode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import blake2b

from services.deposits.domain.deposits import OperationKind
from services.deposits.domain.processors import LineKind
from services.deposits.domain.reconciling.differences import Amounts, Finding

DAY = timedelta(days=1)
SLICE = timedelta(hours=6)
AFTER_MIDNIGHT = timedelta(hours=1)
"""A day is reconciled so long after its end."""
LONGEST = timedelta(days=31)
"""The longest window of a run, and how far back days are looked at again."""


class RunState(StrEnum):
    """Where a run stands; names as in `freehold.deposits.v1.ReconciliationState`."""

    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Sums:
    """One side of what was judged, in one currency, minor units; `captured_minor` includes charges."""

    authorized_minor: int = 0
    captured_minor: int = 0
    refunded_minor: int = 0
    open_minor: int = 0

    def plus(self, other: Sums) -> Sums:
        """Both together."""
        return Sums(
            self.authorized_minor + other.authorized_minor,
            self.captured_minor + other.captured_minor,
            self.refunded_minor + other.refunded_minor,
            self.open_minor + other.open_minor,
        )


@dataclass(frozen=True, slots=True)
class Totals:
    """Both sides of one currency."""

    ours: Sums = field(default_factory=Sums)
    theirs: Sums = field(default_factory=Sums)


@dataclass(frozen=True, slots=True)
class Counts:
    """What was judged: payments, those left to the next run, those that have not ended, and totals by currency."""

    payments: int = 0
    in_flight: int = 0
    unsettled: int = 0
    differences: int = 0
    totals: Mapping[str, Totals] = field(default_factory=dict)

    def plus(self, other: Counts) -> Counts:
        """Both together."""
        totals = dict(self.totals)
        for currency, more in other.totals.items():
            known = totals.get(currency, Totals())
            totals[currency] = Totals(known.ours.plus(more.ours), known.theirs.plus(more.theirs))
        return Counts(
            self.payments + other.payments,
            self.in_flight + other.in_flight,
            self.unsettled + other.unsettled,
            self.differences + other.differences,
            totals,
        )


@dataclass(frozen=True, slots=True)
class Run:
    """One run. `since` to `until` (business time) is when the payments were made; all before `reached` is judged.

    `daily` runs are planned by the sweeper. `attempts` says how often it was taken up: whoever did so last works on it.
    """

    run_id: str
    processor: str
    since: datetime
    until: datetime
    daily: bool
    requested_by: str
    state: RunState
    reached: datetime
    created_at: datetime
    attempts: int = 0
    finished_at: datetime | None = None
    failure: str = ""
    counts: Counts = field(default_factory=Counts)

    def slice(self) -> tuple[datetime, datetime] | None:
        """The next part to judge; None when the window is through."""
        if self.reached >= self.until:
            return None
        return self.reached, min(self.until, self.reached + SLICE)


@dataclass(frozen=True, slots=True)
class Judged:
    """What a slice has brought. What was `skipped` (deposits) keeps its differences as they are."""

    findings: tuple[Finding, ...]
    skipped: tuple[str, ...]
    counts: Counts


def daily_run(processor: str, day: datetime, now: datetime) -> Run:
    """The run of a day on the day of `now`; the same from every replica."""
    cause = f"{processor} {day.date()} {now.date()}"
    run_id = f"rcn_{b32hexencode(blake2b(cause.encode(), digest_size=20).digest()).decode().lower()[:26]}"
    return Run(run_id, processor, day, day + DAY, True, "sweeper", RunState.RUNNING, day, now)


def days_to_run(now: datetime, last: datetime | None, unsettled: Sequence[datetime]) -> list[datetime]:
    """The days whose turn it is: those finished since the last one, and those with something open.

    Args:
        last: the latest day that had a daily run, None when none had.
        unsettled: moments of days on which something is still open or differs.
    """
    newest = day_of(now - AFTER_MIDNIGHT) - DAY
    oldest = day_of(now - LONGEST)
    missed = _days(max(oldest, last + DAY), newest) if last is not None else [newest]
    again = {day_of(moment) for moment in unsettled}
    return sorted({*missed, *(day for day in again if oldest <= day <= newest)})


def day_of(moment: datetime) -> datetime:
    """The start of a moment's business day, which is UTC's."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _days(first: datetime, last: datetime) -> list[datetime]:
    return [first + n * DAY for n in range((last - first).days + 1)]


def totals_of(currency: str, kind: OperationKind | LineKind, ours: Amounts, theirs: Amounts) -> dict[str, Totals]:
    """What one payment adds to the totals."""
    return {currency: Totals(_sums(kind, ours), _sums(kind, theirs))}


def _sums(kind: OperationKind | LineKind, amounts: Amounts) -> Sums:
    if kind in (OperationKind.REFUND, LineKind.REFUND):
        return Sums(refunded_minor=amounts.captured_minor)
    authorized = 0 if kind in (OperationKind.CHARGE, LineKind.CHARGE) else amounts.authorized_minor
    return Sums(authorized, amounts.captured_minor, 0, amounts.open_minor)
