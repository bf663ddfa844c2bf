"""The ledger: what moves money, how the links of a renter's chain are hashed, and what a period is."""

from services.deposits.domain.ledger.transfers import Account, Entry, Transfer, TransferKind, transfer

__all__ = ["Account", "Entry", "Transfer", "TransferKind", "transfer"]
