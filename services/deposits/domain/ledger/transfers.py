"""The ledger: append-only double entry in integer minor units. Each transfer sums to zero in its one currency.

Debits are positive, credits negative. Every account has a sub-account per renter, so that money of one renter never
makes another wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from services.values.money import Money


class Account(StrEnum):
    """The accounts."""

    PROCESSOR_AUTHORIZED = "processor_authorized"  # what the processor has promised to hold
    DEPOSITS_HELD = "deposits_held"  # the renter's own money, held
    PROCESSOR_RECEIVABLE = "processor_receivable"  # captured or charged; the processor owes it
    RENTER_RECEIVABLE = "renter_receivable"  # fares that the renter owes
    PARTNER_PAYABLE = "partner_payable"  # fares that are owed to the partner
    BAD_DEBT = "bad_debt"  # fares that were given up; the partner bears them


class TransferKind(StrEnum):
    """What moved the money."""

    AUTHORIZED = "AUTHORIZED"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"
    CHARGED = "CHARGED"
    CAPTURED = "CAPTURED"
    PAID = "PAID"
    INCREMENTED = "INCREMENTED"
    REFUNDED = "REFUNDED"
    CREDITED = "CREDITED"
    WRITTEN_OFF = "WRITTEN_OFF"
    CURED = "CURED"


@dataclass(frozen=True, slots=True)
class Entry:
    """One side of a transfer."""

    account: Account
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """Entries of one movement, one currency, sum zero. `corrects` is the id of the transfer that it puts right, or ""."""

    kind: TransferKind
    currency: str
    entries: tuple[Entry, ...]
    corrects: str = ""

    def __post_init__(self) -> None:
        if sum(entry.amount_minor for entry in self.entries) != 0:
            raise ValueError(f"{self.kind} does not sum to zero")


_PAIRS = {
    TransferKind.AUTHORIZED: ((Account.PROCESSOR_AUTHORIZED, Account.DEPOSITS_HELD),),
    TransferKind.RELEASED: ((Account.DEPOSITS_HELD, Account.PROCESSOR_AUTHORIZED),),
    TransferKind.EXPIRED: ((Account.DEPOSITS_HELD, Account.PROCESSOR_AUTHORIZED),),
    TransferKind.CHARGED: ((Account.RENTER_RECEIVABLE, Account.PARTNER_PAYABLE),),
    TransferKind.CAPTURED: (
        (Account.DEPOSITS_HELD, Account.PROCESSOR_AUTHORIZED),
        (Account.PROCESSOR_RECEIVABLE, Account.RENTER_RECEIVABLE),
    ),
    TransferKind.PAID: ((Account.PROCESSOR_RECEIVABLE, Account.RENTER_RECEIVABLE),),
    TransferKind.INCREMENTED: ((Account.PROCESSOR_AUTHORIZED, Account.DEPOSITS_HELD),),
    TransferKind.REFUNDED: ((Account.PARTNER_PAYABLE, Account.PROCESSOR_RECEIVABLE),),
    TransferKind.CREDITED: ((Account.PARTNER_PAYABLE, Account.RENTER_RECEIVABLE),),
    TransferKind.WRITTEN_OFF: ((Account.BAD_DEBT, Account.RENTER_RECEIVABLE),),
    TransferKind.CURED: ((Account.RENTER_RECEIVABLE, Account.BAD_DEBT),),
}
"""Debit and credit of each movement."""


def transfer(kind: TransferKind, amount: Money) -> Transfer:
    """The transfer of an amount above zero."""
    entries = [
        Entry(account, sign * amount.amount_minor)
        for pair in _PAIRS[kind]
        for account, sign in zip(pair, (1, -1), strict=True)
    ]
    return Transfer(kind, amount.currency, tuple(entries))
