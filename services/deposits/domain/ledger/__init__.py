"""The ledger: what moves money, how a renter's transfers are chained, how days are sealed, how errors are put right."""

from services.deposits.domain.ledger.corrections import Correction, CorrectionState
from services.deposits.domain.ledger.periods import Period, PeriodTotal
from services.deposits.domain.ledger.sealing import Leaf, Root
from services.deposits.domain.ledger.transfers import (
    OWNERS,
    Account,
    Entry,
    Owner,
    Transfer,
    TransferKind,
    transfer,
)

__all__ = [
    "OWNERS",
    "Account",
    "Correction",
    "CorrectionState",
    "Entry",
    "Leaf",
    "Owner",
    "Period",
    "PeriodTotal",
    "Root",
    "Transfer",
    "TransferKind",
    "transfer",
]
