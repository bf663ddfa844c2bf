"""One deposit judged: its payments, the payments that nobody asked for, and the ledger, or nothing while it moves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.deposits.domain.deposits import OperationKind, OperationState
from services.deposits.domain.processors import ReportLine
from services.deposits.domain.reconciling.books import Books, Edge, Pair, in_flight
from services.deposits.domain.reconciling.comparing import compare, compare_unknown, ours_of
from services.deposits.domain.reconciling.differences import Amounts, Finding
from services.deposits.domain.reconciling.ledger import compare_ledger
from services.deposits.domain.reconciling.runs import Counts, Judged, Totals, totals_of

_NOTHING = Amounts()


def judge(
    books: Books, pairs: Sequence[Pair], unknown: Sequence[ReportLine], processor: str, edge: Edge, at: datetime
) -> Judged:
    """A deposit's payments at a processor that belong to a slice.

    Args:
        pairs: what we asked for, with the processor's payments.
        unknown: payments that name the deposit, and that we did not ask for.
        at: the moment of what the report does not have.
    """
    if in_flight(books, edge) or any(line.created_at > edge.before for line in unknown):
        waiting = len(pairs) + len(unknown)
        return Judged((), (books.deposit.deposit_id,), Counts(in_flight=waiting, unsettled=waiting))
    found: list[Finding | None] = [compare(books, pair, processor, at) for pair in pairs]
    found += [compare_unknown(line, books, processor) for line in unknown]
    findings = tuple(one for one in found if one is not None) + tuple(compare_ledger(books, processor, at))
    counts = Counts(len(pairs), 0, sum(_unsettled(books, pair) for pair in pairs), len(findings))
    for pair in pairs:
        counts = counts.plus(Counts(totals=_totals(books, pair)))
    return Judged(findings, (), counts.plus(_count_unknown(unknown)))


def judge_stranger(line: ReportLine, processor: str, edge: Edge) -> Judged:
    """A payment that belongs to no deposit of ours."""
    if line.created_at > edge.before:
        return Judged((), (), Counts(in_flight=1, unsettled=1))
    finding = compare_unknown(line, None, processor)
    findings = (finding,) if finding is not None else ()
    return Judged(findings, (), Counts(differences=len(findings)).plus(_count_unknown([line])))


def together(judged: Sequence[Judged]) -> Judged:
    """All of a slice."""
    counts = Counts()
    for one in judged:
        counts = counts.plus(one.counts)
    return Judged(
        tuple(finding for one in judged for finding in one.findings),
        tuple(deposit_id for one in judged for deposit_id in one.skipped),
        counts,
    )


def _unsettled(books: Books, pair: Pair) -> bool:
    operation, line = pair.asked.operation, pair.line
    wanted = operation.state is OperationState.WANTED
    theirs_open = line is not None and line.open_minor > 0
    ours_open = operation.kind is OperationKind.AUTHORIZE and ours_of(books, operation).open_minor > 0
    return wanted or theirs_open or ours_open


def _totals(books: Books, pair: Pair) -> dict[str, Totals]:
    operation, line = pair.asked.operation, pair.line
    ours = totals_of(operation.amount.currency, operation.kind, ours_of(books, operation), _NOTHING)
    theirs = {} if line is None else totals_of(line.currency, operation.kind, _NOTHING, Amounts.of_line(line))
    return dict(Counts(totals=ours).plus(Counts(totals=theirs)).totals)


def _count_unknown(lines: Sequence[ReportLine]) -> Counts:
    counts = Counts()
    for line in lines:
        totals = totals_of(line.currency, line.kind, _NOTHING, Amounts.of_line(line))
        counts = counts.plus(Counts(payments=1, unsettled=int(line.open_minor > 0), totals=totals))
    return counts
