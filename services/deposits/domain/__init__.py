"""Policies, deposits, processor operations and the ledger: the rules of money, without I/O."""

from services.deposits.domain.changes import Again, Change, cancel, finish, retry_bill, settle, waive
from services.deposits.domain.deposits import (
    AdmittanceOutcome,
    Deposit,
    DepositState,
    Operation,
    OperationKind,
    OperationState,
    PaymentStatus,
    Result,
)
from services.deposits.domain.ledger import Account, Entry, Transfer, TransferKind
from services.deposits.domain.policies import Policy, PolicyDraft, payment_method_required, policy_not_found
from services.deposits.domain.processors import Capabilities, Hold, LineKind, Notice, NoticeRejected, ReportLine, Seen
from services.deposits.domain.uses import ScoreUse, UseKind

__all__ = [
    "Account",
    "AdmittanceOutcome",
    "Again",
    "Capabilities",
    "Change",
    "Deposit",
    "DepositState",
    "Entry",
    "Hold",
    "LineKind",
    "Notice",
    "NoticeRejected",
    "Operation",
    "OperationKind",
    "OperationState",
    "PaymentStatus",
    "Policy",
    "PolicyDraft",
    "ReportLine",
    "Result",
    "ScoreUse",
    "Seen",
    "Transfer",
    "TransferKind",
    "UseKind",
    "cancel",
    "finish",
    "payment_method_required",
    "policy_not_found",
    "retry_bill",
    "settle",
    "waive",
]
