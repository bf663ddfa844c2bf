"""Working on runs: the report of a slice, our books of the same payments, and what differs, written slice by slice.

A run belongs to whoever holds its lease; when that process dies, another goes on with the slice that was not written.
The processor is asked outside of any transaction, and our side is read after its report: what moved in between is in
flight and left to the next run. What the report lacks is asked about one by one before it is called missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.deposits.domain import LineKind, OperationKind, OperationState, ReportLine, Seen
from services.deposits.domain.reconciling import (
    UNENDED,
    Asked,
    Books,
    Counts,
    DifferenceKind,
    Edge,
    Judged,
    Pair,
    Run,
    compare_unended,
    edge_at,
    judge,
    judge_stranger,
    pair,
    together,
    unpaired,
)
from services.deposits.operations.ports import NOT_DONE, Processor
from services.deposits.operations.reconciling.ports import ReconciliationStore, Slice
from services.values.clock import Clock
from services.values.errors import Category, Refusal

LEASE = timedelta(minutes=2)
ATTEMPTS = 20
UNREADABLE = "INTERNAL"
"""The failure of a run that met something that nobody foresaw, such as a report in another form: the log says what."""
_PAUSE_SECONDS = 15.0
_LONGEST_PAUSE_SECONDS = 900.0
_AT_ONCE = 16
_DEPOSITS = 256
_ALWAYS = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))


class RunLost(Exception):
    """The lease ran out, and another process works on the run."""


class Running:
    """Carries runs out.

    Args:
        real_of: the real moment of a business moment; the same, unless a demo's clock runs faster.
    """

    def __init__(
        self,
        store: ReconciliationStore,
        processors: Mapping[str, Processor],
        clock: Clock,
        real: Clock,
        real_of: Callable[[datetime], datetime],
    ) -> None:
        self._store = store
        self._processors = processors
        self._clock = clock
        self._real = real
        self._real_of = real_of

    async def sweep(self) -> int:
        """Takes up one run and works until it ends or is lost; answers how many slices were written."""
        now = self._real.now()
        run = await self._store.lease_run(now, now + LEASE)
        if run is None:
            return 0
        processor = self._processors.get(run.processor)
        if processor is None:
            await self._store.fail_run(run, "PROCESSOR_NOT_FOUND", None, self._clock.now())
            return 0
        try:
            return await self._work(run, processor)
        except RunLost:
            return 0
        except Refusal as refusal:
            await self._put_off(run, refusal)
            return 0
        except Exception:
            await self._put_off(
                run, Refusal(Category.UNAVAILABLE, UNREADABLE, "what the processor says is not readable")
            )
            raise

    async def _work(self, run: Run, processor: Processor) -> int:
        written = 0
        while (window := run.slice()) is not None:
            if window[1] >= run.until:
                await self._tell_unended(run)
            part = await self._judge(run, processor, *window)
            counts = run.counts.plus(part.judged.counts)
            if not await self._store.save_slice(part, counts, self._clock.now()):
                return written
            written += 1
            run = replace(run, reached=window[1], counts=counts)
            await self._keep(run)
        return written

    async def _keep(self, run: Run) -> None:
        """Takes a fresh lease; raises RunLost when somebody else has taken the run up, or it has ended."""
        if run.slice() is not None and not await self._store.renew_run(run, self._real.now() + LEASE):
            raise RunLost

    async def _put_off(self, run: Run, refusal: Refusal) -> None:
        """A processor that gives no report is asked again later; after twenty times the run has failed."""
        again = None
        if refusal.category is Category.UNAVAILABLE and run.attempts < ATTEMPTS:
            pause = min(_LONGEST_PAUSE_SECONDS, _PAUSE_SECONDS * 2 ** min(run.attempts, 10))
            again = self._real.now() + timedelta(seconds=pause)
        await self._store.fail_run(run, refusal.reason, again, self._clock.now())

    async def _judge(self, run: Run, processor: Processor, since: datetime, until: datetime) -> Slice:
        asked_at, edge = self._real.now(), edge_at(self._clock.now(), self._real_of(self._clock.now()))
        lines = await self._report(run.processor, processor, since, until)
        ours = await self._store.asked_between(run.processor, self._real_of(since), self._real_of(until))
        theirs: dict[str, list[ReportLine]] = {}
        for line, deposit_id in zip(lines, await self._store.deposits_of(run.processor, lines), strict=True):
            theirs.setdefault(deposit_id, []).append(line)
        strangers = theirs.pop("", [])
        deposit_ids = sorted({*ours, *theirs})
        judged: list[Judged] = []
        for first in range(0, len(deposit_ids), _DEPOSITS):
            some = deposit_ids[first : first + _DEPOSITS]
            books = {one.deposit.deposit_id: one for one in await self._store.books_of(some)}
            judged += await self._set_beside(run, processor, books, ours, theirs, edge, since)
            await self._keep(run)
            strangers += [line for deposit_id in some if deposit_id not in books for line in theirs[deposit_id]]
        judged += [judge_stranger(line, run.processor, edge) for line in strangers]
        return Slice(run, since, until, frozenset(DifferenceKind) - UNENDED, together(judged), asked_at)

    async def _report(self, name: str, processor: Processor, since: datetime, until: datetime) -> list[ReportLine]:
        """The payments of a slice, less those that a repair has undone together with what undid them."""
        lines = await processor.report(since, until)
        accounted = await self._store.accounted_references(name, [line.reference for line in lines])
        return [line for line in lines if line.reference not in accounted]

    async def _set_beside(
        self,
        run: Run,
        processor: Processor,
        books: Mapping[str, Books],
        ours: Mapping[str, frozenset[str]],
        theirs: Mapping[str, Sequence[ReportLine]],
        edge: Edge,
        since: datetime,
    ) -> list[Judged]:
        judged = []
        for deposit_id, book in books.items():
            pairs, unknown = pair(book, run.processor, theirs.get(deposit_id, ()))
            lacking = unpaired(book, pairs, ours.get(deposit_id, frozenset()))
            looked = await asyncio.gather(*(_look(processor, book, asked, since) for asked in lacking[:_AT_ONCE]))
            if len(lacking) > _AT_ONCE or None in looked:
                judged.append(Judged((), (deposit_id,), Counts(in_flight=len(lacking), unsettled=len(lacking))))
                continue
            pairs += [one for one in looked if one is not None]
            judged.append(judge(book, pairs, unknown, run.processor, edge, since))
        return judged

    async def _tell_unended(self, run: Run) -> None:
        """Operations without an outcome are found whenever they were asked for."""
        asked_at, edge = self._real.now(), edge_at(self._clock.now(), self._real.now())
        found = []
        for asked in await self._store.waiting_since(run.processor, edge.unclear_before):
            finding = compare_unended(asked, edge, asked.at)
            found += [finding] if finding is not None else []
        judged = Judged(tuple(found), (), Counts())
        await self._store.save_unended(Slice(run, *_ALWAYS, UNENDED, judged, asked_at), self._clock.now())


async def _look(processor: Processor, books: Books, asked: Asked, at: datetime) -> Pair | None:
    """An operation that the report lacks, beside what the processor says when asked; None when it does not answer."""
    operation = asked.operation
    result = await processor.query(operation)
    if result is None or result.state is OperationState.WANTED:
        return None
    if result.result_ref == NOT_DONE or result.state is not OperationState.DONE:
        return Pair(asked, None)
    hold = books.hold_of(operation)
    if operation.kind is not OperationKind.AUTHORIZE or hold is None:
        amount = operation.amount.amount_minor
        return Pair(asked, _line(asked, Seen(amount, amount, 0, 0, 0), at))
    seen = await processor.inspect(hold)
    return None if seen is None else Pair(asked, _line(asked, seen, at))


def _line(asked: Asked, seen: Seen, at: datetime) -> ReportLine:
    operation = asked.operation
    kind = {OperationKind.CHARGE: LineKind.CHARGE, OperationKind.REFUND: LineKind.REFUND}
    return ReportLine(
        operation.result_ref,
        kind.get(operation.kind, LineKind.AUTHORIZATION),
        operation.operation_id,
        operation.deposit_id,
        operation.amount.currency,
        seen.authorized_minor,
        seen.captured_minor,
        seen.released_minor,
        seen.expired_minor,
        seen.open_minor,
        at,
    )
