"""What reconciliation needs of a store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.deposits.domain import ReportLine
from services.deposits.domain.reconciling import (
    Asked,
    Books,
    Counts,
    Difference,
    DifferenceKind,
    DifferenceState,
    Judged,
    Outcome,
    Run,
)
from services.values.errors import Refusal
from services.values.requests import Request

Decision = Callable[[Difference], "Difference | Refusal"]


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a run that was judged. `asked_at` (real time) is when the processor was asked for its report.

    `kinds` are the classes that were looked for between `since` and `until`: of them, what was not found is gone.
    """

    run: Run
    since: datetime
    until: datetime
    kinds: frozenset[DifferenceKind]
    judged: Judged
    asked_at: datetime


class ReconciliationStore(Protocol):
    """Runs, differences, and our side of them."""

    async def plan_runs(self, runs: Sequence[Run], now: datetime) -> None: ...
    async def start_run(self, request: Request, run: Run, now: datetime) -> Run: ...
    async def read_run(self, run_id: str) -> Run | None: ...
    async def lease_run(self, now: datetime, until: datetime) -> Run | None: ...
    async def renew_run(self, run: Run, until: datetime) -> bool: ...
    async def save_slice(self, part: Slice, counts: Counts, now: datetime) -> bool: ...
    async def save_unended(self, part: Slice, now: datetime) -> None: ...
    async def fail_run(self, run: Run, reason: str, again: datetime | None, now: datetime) -> None: ...
    async def last_day(self, processor: str) -> datetime | None: ...
    async def days_with_something_open(self, processor: str, since: datetime) -> list[datetime]: ...
    async def last_finished(self) -> Mapping[str, datetime]: ...
    async def asked_between(self, processor: str, since: datetime, until: datetime) -> Mapping[str, frozenset[str]]: ...
    async def deposits_of(self, processor: str, lines: Sequence[ReportLine]) -> list[str]: ...
    async def waiting_since(self, processor: str, moment: datetime) -> list[Asked]: ...
    async def books_of(self, deposit_ids: Sequence[str]) -> list[Books]: ...
    async def accounted_references(self, processor: str, references: Sequence[str]) -> frozenset[str]: ...
    async def list_differences(
        self,
        processor: str,
        kind: DifferenceKind | None,
        state: DifferenceState | None,
        before: tuple[datetime, str] | None,
        limit: int,
    ) -> list[Difference]: ...
    async def decide(
        self, request: Request, difference_id: str, decision: Decision, now: datetime
    ) -> Difference | Refusal: ...
    async def lease_repairs(self, now: datetime, until: datetime, limit: int) -> list[Difference]: ...
    async def end_repair(self, difference: Difference, outcome: Outcome, now: datetime) -> None: ...
    async def count_differences(self) -> Mapping[tuple[str, DifferenceKind], int]: ...
