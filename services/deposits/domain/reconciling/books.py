"""All that we have of one deposit, set beside the lines of a processor's report that are about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.deposits.domain.deposits import Deposit, Operation, OperationKind, OperationState
from services.deposits.domain.processors import Hold, LineKind, ReportLine

GRACE = timedelta(minutes=10)
"""What moved so shortly before the report was asked for may still be on its way: it is judged by the next run."""
UNCLEAR_AFTER = timedelta(hours=1)
"""An operation without an outcome for so long is told to an operator."""
OF_LINE = {
    LineKind.AUTHORIZATION: OperationKind.AUTHORIZE,
    LineKind.CHARGE: OperationKind.CHARGE,
    LineKind.REFUND: OperationKind.REFUND,
}
"""Which operation makes which payment."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An operation, and when it was asked for (real time)."""

    operation: Operation
    at: datetime

    @property
    def by_us(self) -> bool:
        """Whether we asked the processor for it; else it was made by hand there, and booked by a repair."""
        return bool(self.operation.reference)


@dataclass(frozen=True, slots=True)
class LedgerSums:
    """What the ledger's entries say of a deposit in one currency, minor units."""

    held_minor: int = 0
    received_minor: int = 0
    captured_minor: int = 0
    paid_minor: int = 0
    refunded_minor: int = 0


@dataclass(frozen=True, slots=True)
class Books:
    """A deposit with its holds, its operations in order, its ledger sums by currency, and when it last moved."""

    deposit: Deposit
    asked: tuple[Asked, ...]
    ledger: Mapping[str, LedgerSums]
    moved_at: datetime | None = None

    @property
    def operations(self) -> list[Operation]:
        """The operations without their times."""
        return [one.operation for one in self.asked]

    def hold_of(self, operation: Operation) -> Hold | None:
        """The hold that an authorization made."""
        return next((hold for hold in self.deposit.holds if hold.hold_id == operation.operation_id), None)


@dataclass(frozen=True, slots=True)
class Edge:
    """Where a run stops judging: what moved after `before` (business time) or `before_real` is in flight.

    `unclear_before` (real time) says which operations are without an outcome for too long.
    """

    before: datetime
    before_real: datetime
    unclear_before: datetime


def edge_at(now: datetime, real_now: datetime) -> Edge:
    """The edge of a run that asks for a report now."""
    return Edge(now - GRACE, real_now - GRACE, real_now - UNCLEAR_AFTER)


def in_flight(books: Books, edge: Edge) -> bool:
    """Whether the deposit moved so lately that the two sides cannot be compared yet."""
    moved = books.moved_at is not None and books.moved_at > edge.before
    return moved or any(asked.at > edge.before_real for asked in books.asked)


@dataclass(frozen=True, slots=True)
class Pair:
    """An operation of ours and the processor's payment; None when the processor knows nothing of it."""

    asked: Asked
    line: ReportLine | None


def pair(books: Books, processor: str, lines: Sequence[ReportLine]) -> tuple[list[Pair], list[ReportLine]]:
    """Operations with their payments, and payments that no operation has asked for.

    By the processor's reference first, then by our key; a second payment for one operation is left over.
    """
    payments = [asked for asked in books.asked if asked.operation.processor == processor]
    pairs: list[Pair] = []
    left = list(lines)
    taken: set[str] = set()
    for fits in (_by_reference, _by_key):
        rest: list[ReportLine] = []
        for line in left:
            found = next((a for a in payments if a.operation.operation_id not in taken and fits(a, line)), None)
            if found is None:
                rest.append(line)
            else:
                taken.add(found.operation.operation_id)
                pairs.append(Pair(found, line))
        left = rest
    return pairs, left


def unpaired(books: Books, pairs: Sequence[Pair], among: frozenset[str]) -> list[Asked]:
    """Operations of `among` that we asked for and have as done, without a payment in the report."""
    paired = {one.asked.operation.operation_id for one in pairs}
    wanted = (asked for asked in books.asked if asked.operation.operation_id in among - paired)
    return [asked for asked in wanted if asked.by_us and asked.operation.state is OperationState.DONE]


def _by_reference(asked: Asked, line: ReportLine) -> bool:
    operation = asked.operation
    return operation.kind is OF_LINE[line.kind] and operation.result_ref == line.reference


def _by_key(asked: Asked, line: ReportLine) -> bool:
    operation = asked.operation
    return operation.kind is OF_LINE[line.kind] and operation.operation_id == line.operation_id
