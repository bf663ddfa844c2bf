"""Reconciliation in PostgreSQL: leased runs, slices that are written once, differences that stay themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from services.deposits.domain import ReportLine
from services.deposits.domain.reconciling import (
    Amounts,
    Asked,
    Counts,
    Difference,
    DifferenceKind,
    DifferenceState,
    Finding,
    Outcome,
    Repair,
    Run,
    RunState,
    Sums,
    Totals,
)
from services.deposits.operations.reconciling.ports import Decision, Slice
from services.deposits.store.rows import operation_of
from services.deposits.store.setting_beside import SettingBeside
from services.runtime.requests import claim, find
from services.values.errors import Category, Refusal
from services.values.ids import BUCKETS, bucket_of, is_id, least_id_at
from services.values.requests import Request

_BUCKETS_AT_ONCE = 128


class Reconciling(SettingBeside):
    """What reconciliation writes, and the operations of a window."""

    async def plan_runs(self, runs: Sequence[Run], now: datetime) -> None:
        for run in runs:
            await self._db.execute(self._sql.plan_run, *_run_values(run), now)

    async def start_run(self, request: Request, run: Run, now: datetime) -> Run:
        """A new run, once per request."""

        async def work(connection: Any) -> str:
            first = await claim(connection, request, run.run_id, now)
            if first is None:
                await connection.execute(self._sql.plan_run, *_run_values(run), now)
            return first or run.run_id

        started = await self.read_run(await self._db.transaction(work))
        assert started is not None  # noqa: S101 (it was written just now, and runs stay)
        return started

    async def read_run(self, run_id: str) -> Run | None:
        row = await self._db.fetchrow(self._sql.read_run, run_id)
        return None if row is None else _run_of(row)

    async def lease_run(self, now: datetime, until: datetime) -> Run | None:
        row = await self._db.fetchrow(self._sql.lease_run, now, until)
        return None if row is None else _run_of(row)

    async def renew_run(self, run: Run, until: datetime) -> bool:
        return await self._db.fetchval(self._sql.renew_run, run.run_id, run.attempts, until) is not None

    async def save_slice(self, part: Slice, counts: Counts, now: datetime) -> bool:
        """Writes a slice and takes the run behind it, together; False when somebody else has done so."""
        run = part.run
        done = part.until >= run.until
        ends = (RunState.DONE, now) if done else (RunState.RUNNING, None)
        numbers = (counts.payments, counts.in_flight, counts.unsettled, counts.differences, _totals_row(counts))

        async def work(connection: Any) -> bool:
            where = (run.run_id, run.reached, part.until)
            if await connection.fetchval(self._sql.advance_run, *where, *ends, *numbers) is None:
                return False
            await self._save_part(connection, part, now)
            return True

        return await self._db.transaction(work)

    async def save_unended(self, part: Slice, now: datetime) -> None:
        """Writes what does not belong to a slice of its own."""

        async def work(connection: Any) -> None:
            await self._save_part(connection, part, now)

        await self._db.transaction(work)

    async def _save_part(self, connection: Any, part: Slice, now: datetime) -> None:
        found = {one.difference_id: one for one in part.judged.findings}
        rows = [_finding_row(found[key]) for key in sorted(found)]
        if rows:
            await connection.execute(self._sql.save_differences, rows, part.run.run_id, now, part.asked_at)
        window = (part.run.processor, part.since, part.until, sorted(part.kinds))
        skipped = sorted({one for one in part.judged.skipped if one})
        await connection.execute(self._sql.forget_differences, *window, sorted(found), skipped, part.asked_at)

    async def fail_run(self, run: Run, reason: str, again: datetime | None, now: datetime) -> None:
        """Puts a run off until `again` (real time), or gives it up."""
        state = RunState.RUNNING if again is not None else RunState.FAILED
        ended = (again or now, reason, None if again is not None else now)
        await self._db.execute(self._sql.fail_run, run.run_id, run.attempts, state, *ended)

    async def last_day(self, processor: str) -> datetime | None:
        since: datetime | None = await self._db.fetchval(self._sql.last_day, processor)
        return since

    async def days_with_something_open(self, processor: str, since: datetime) -> list[datetime]:
        rows = await self._db.fetch(self._sql.days_with_something_open, processor, since)
        return [row["moment"] for row in rows]

    async def last_finished(self) -> Mapping[str, datetime]:
        return {row["processor"]: row["finished_at"] for row in await self._db.fetch(self._sql.last_finished)}

    async def asked_between(self, processor: str, since: datetime, until: datetime) -> Mapping[str, frozenset[str]]:
        """Per deposit, the payments that were asked for in a window of real time."""
        window = (least_id_at("opn", since), least_id_at("opn", until), processor)
        asked: dict[str, set[str]] = {}
        for first in range(0, BUCKETS, _BUCKETS_AT_ONCE):
            some = list(range(first, first + _BUCKETS_AT_ONCE))
            for row in await self._db.fetch(self._sql.asked_between, some, *window, timeout=60):
                asked.setdefault(row["deposit_id"], set()).add(row["operation_id"])
        return {deposit_id: frozenset(operations) for deposit_id, operations in asked.items()}

    async def deposits_of(self, processor: str, lines: Sequence[ReportLine]) -> list[str]:
        """Whose each line is: by our key, the processor's reference, or the deposit that it names; "" if nobody's."""
        owners = [line.deposit_id if is_id(line.deposit_id, "dep", routed=True) else "" for line in lines]
        keys = [line.operation_id if is_id(line.operation_id, "opn", routed=True) else "" for line in lines]
        buckets = [bucket_of(key) if key else -1 for key in keys]
        references = [line.reference for line in lines]
        found = await self._db.fetch(self._sql.deposits_of_payments, processor, buckets, keys, references, timeout=60)
        for row in found:
            owners[row["ordinal"] - 1] = row["deposit_id"]
        return owners

    async def waiting_since(self, processor: str, moment: datetime) -> list[Asked]:
        rows = await self._db.fetch(self._sql.waiting_since, processor, moment, timeout=60)
        return [Asked(operation_of(row[:15]), row["created_at"]) for row in rows]

    async def accounted_references(self, processor: str, references: Sequence[str]) -> frozenset[str]:
        rows = await self._db.fetch(self._sql.accounted_references, processor, list(references), timeout=60)
        return frozenset(value for row in rows for value in (row["reference"], row["repair_ref"]) if value)

    async def list_differences(
        self,
        processor: str,
        kind: DifferenceKind | None,
        state: DifferenceState | None,
        before: tuple[datetime, str] | None,
        limit: int,
    ) -> list[Difference]:
        filters = (processor, kind.value if kind else "", state.value if state else "")
        rows = await self._db.fetch(self._sql.list_differences, *filters, *(before or (None, "")), limit)
        return [_difference_of(row) for row in rows]

    async def decide(
        self, request: Request, difference_id: str, decision: Decision, now: datetime
    ) -> Difference | Refusal:
        """Applies a decision to the locked difference, once per request; a repeat gives it as it stands."""

        async def work(connection: Any) -> Difference | Refusal:
            row = await connection.fetchrow(self._sql.lock_difference, difference_id)
            if row is None:
                return Refusal(Category.NOT_FOUND, "DIFFERENCE_NOT_FOUND", "no such difference")
            known = _difference_of(row)
            if await find(connection, request) is not None:
                return known
            decided = decision(known)
            if isinstance(decided, Difference):
                await claim(connection, request, difference_id, now)
                said = (decided.confirmed_by, decided.approved_by, decided.reason, decided.outcome, decided.attempt)
                await connection.execute(self._sql.decide_difference, difference_id, decided.state, *said, now)
            return decided

        return await self._db.transaction(work)

    async def lease_repairs(self, now: datetime, until: datetime, limit: int) -> list[Difference]:
        return [_difference_of(row) for row in await self._db.fetch(self._sql.lease_repairs, now, until, limit)]

    async def end_repair(self, difference: Difference, outcome: Outcome, now: datetime) -> None:
        repaired_at = now if outcome.state is DifferenceState.REPAIRED else None
        said = (outcome.state, outcome.reason, outcome.repair_ref, repaired_at)
        await self._db.execute(self._sql.end_repair, difference.difference_id, difference.attempt, *said)

    async def count_differences(self) -> Mapping[tuple[str, DifferenceKind], int]:
        rows = await self._db.fetch(self._sql.count_differences)
        return {(row["processor"], DifferenceKind(row["kind"])): row["differences"] for row in rows}


def _run_values(run: Run) -> tuple[Any, ...]:
    return run.run_id, run.processor, run.since, run.until, run.daily, run.requested_by, run.created_at


def _run_of(row: Any) -> Run:
    fields = dict(row)
    totals = {currency: _totals_of(sides) for currency, sides in fields.pop("totals").items()}
    numbers = {name: fields.pop(name) for name in ("payments", "in_flight", "unsettled", "differences")}
    return Run(**{**fields, "state": RunState(fields["state"])}, counts=Counts(**numbers, totals=totals))


def _totals_row(counts: Counts) -> dict[str, Any]:
    return {
        currency: {
            side: [sums.authorized_minor, sums.captured_minor, sums.refunded_minor, sums.open_minor]
            for side, sums in (("ours", totals.ours), ("theirs", totals.theirs))
        }
        for currency, totals in counts.totals.items()
    }


def _totals_of(sides: dict[str, list[int]]) -> Totals:
    return Totals(Sums(*sides["ours"]), Sums(*sides["theirs"]))


def _finding_row(finding: Finding) -> dict[str, Any]:
    return {
        "difference_id": finding.difference_id,
        "processor": finding.processor,
        "kind": finding.kind,
        "repair": finding.repair,
        "deposit_id": finding.deposit_id,
        "operation_id": finding.operation_id,
        "reference": finding.reference,
        "currency": finding.currency,
        "ours": _parts(finding.ours),
        "theirs": _parts(finding.theirs),
        "at": finding.at.isoformat(),
    }


def _parts(of: Amounts) -> list[int]:
    return [of.authorized_minor, of.captured_minor, of.released_minor, of.expired_minor, of.open_minor]


def _difference_of(row: Any) -> Difference:
    finding = Finding(
        DifferenceKind(row["kind"]),
        Repair(row["repair"]),
        row["processor"],
        row["deposit_id"],
        row["operation_id"],
        row["reference"],
        row["currency"],
        Amounts(*row["ours"]),
        Amounts(*row["theirs"]),
        row["at"],
    )
    rest = ("run_id", "first_seen_at", "last_seen_at", "confirmed_by", "approved_by", "reason", "outcome", "attempt")
    return Difference(
        row["difference_id"], finding, DifferenceState(row["state"]), **{name: row[name] for name in rest}
    )
