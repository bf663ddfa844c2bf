"""Reconciliation: a processor's report, our operations and holds, and the ledger's entries set beside each other.

Pure: what differs, which class that is, what would put it right, and what an operator's decision does.
"""

from services.deposits.domain.reconciling.books import (
    OF_LINE,
    Asked,
    Books,
    Edge,
    LedgerSums,
    Pair,
    edge_at,
    in_flight,
    pair,
    unpaired,
)
from services.deposits.domain.reconciling.comparing import compare_unended
from services.deposits.domain.reconciling.decisions import Difference, DifferenceState, Outcome, confirm, dismiss
from services.deposits.domain.reconciling.differences import (
    TWO_OPERATORS,
    UNENDED,
    Amounts,
    DifferenceKind,
    Finding,
    Repair,
)
from services.deposits.domain.reconciling.judging import judge, judge_stranger, together
from services.deposits.domain.reconciling.ledger import compare_ledger, missing_transfers
from services.deposits.domain.reconciling.repairing import (
    book_transfers,
    changed,
    end_operation,
    refer_anew,
    take_over_hold,
    take_over_payment,
)
from services.deposits.domain.reconciling.runs import (
    LONGEST,
    Counts,
    Judged,
    Run,
    RunState,
    Sums,
    Totals,
    daily_run,
    days_to_run,
)

__all__ = [
    "LONGEST",
    "OF_LINE",
    "TWO_OPERATORS",
    "UNENDED",
    "Amounts",
    "Asked",
    "Books",
    "Counts",
    "Difference",
    "DifferenceKind",
    "DifferenceState",
    "Edge",
    "Finding",
    "Judged",
    "LedgerSums",
    "Outcome",
    "Pair",
    "Repair",
    "Run",
    "RunState",
    "Sums",
    "Totals",
    "book_transfers",
    "changed",
    "compare_ledger",
    "compare_unended",
    "confirm",
    "daily_run",
    "days_to_run",
    "dismiss",
    "edge_at",
    "end_operation",
    "in_flight",
    "judge",
    "judge_stranger",
    "missing_transfers",
    "pair",
    "refer_anew",
    "take_over_hold",
    "take_over_payment",
    "together",
    "unpaired",
]
