"""The ledger: append-only double entry in integer minor units. Each transfer sums to zero in its one currency.

Debits are positive, credits negative. Every account has a sub-account per renter, so that money of one renter never
makes another wait. Renters' held money is apart from everything that is owed by construction: the two held accounts
sum to zero by themselves in every transfer, so none can move held money to a partner or to us. Only a capture touches
both sides, because it ends a hold and pays a debt in one.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    PLATFORM_CORRECTIONS = "platform_corrections"  # what corrections cost us, or brought

    __hash__ = str.__hash__  # as its value's, and without a call: it is a key of every sum


class Owner(StrEnum):
    """Whose money an account tells of."""

    RENTER = "RENTER"
    PARTNER = "PARTNER"
    PLATFORM = "PLATFORM"


OWNERS = {
    Account.PROCESSOR_AUTHORIZED: Owner.RENTER,
    Account.DEPOSITS_HELD: Owner.RENTER,
    Account.RENTER_RECEIVABLE: Owner.RENTER,
    Account.PARTNER_PAYABLE: Owner.PARTNER,
    Account.BAD_DEBT: Owner.PARTNER,
    Account.PROCESSOR_RECEIVABLE: Owner.PLATFORM,
    Account.PLATFORM_CORRECTIONS: Owner.PLATFORM,
}
HELD = frozenset({Account.PROCESSOR_AUTHORIZED, Account.DEPOSITS_HELD})
"""The accounts of held money."""


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
    CORRECTED = "CORRECTED"

    __hash__ = str.__hash__


@dataclass(frozen=True, slots=True)
class Entry:
    """One side of a transfer."""

    account: Account
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """Entries of one movement, one currency, sum zero. `corrects` is the id of the transfer it puts right, or ""."""

    kind: TransferKind
    currency: str
    entries: tuple[Entry, ...]
    corrects: str = ""

    def __post_init__(self) -> None:
        wrong = breach(self.kind, [(entry.account, entry.amount_minor) for entry in self.entries])
        if wrong:
            raise ValueError(f"{self.kind} {wrong}")


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


_ALLOWED: dict[str, frozenset[tuple[str, ...]]] = {
    kind: frozenset({tuple(account for pair in pairs for account in pair)}) for kind, pairs in _PAIRS.items()
}

CORRECTABLE = (Account.PARTNER_PAYABLE, Account.PROCESSOR_RECEIVABLE)
"""What a correction may change, against PLATFORM_CORRECTIONS. What a renter owes or has held is not among it: that is
changed by an operation on the deposit, which books entries of its own."""
_ALLOWED[TransferKind.CORRECTED] = frozenset(
    pair
    for account in CORRECTABLE
    for pair in ((account, Account.PLATFORM_CORRECTIONS), (Account.PLATFORM_CORRECTIONS, account))
)


def transfer(kind: TransferKind, amount: Money) -> Transfer:
    """The transfer of an amount above zero."""
    minor = amount.amount_minor
    sides = [side for debit, credit in _PAIRS[kind] for side in (Entry(debit, minor), Entry(credit, -minor))]
    return Transfer(kind, amount.currency, tuple(sides))


def breach(kind: str, entries: Sequence[tuple[str, int]]) -> str:
    """What is wrong with the (account, amount_minor) of a transfer, by position; "" when nothing is."""
    accounts, amounts = [account for account, _ in entries], [amount for _, amount in entries]
    if sum(amounts):
        return "does not sum to zero"
    if sum([amount for account, amount in entries if account in HELD]):
        return "moves held money to what is owed"
    signs = min(amounts[::2], default=0) > 0 > max(amounts[1::2], default=0)
    if not signs or tuple(accounts) not in _ALLOWED.get(kind, ()):
        return "moves money between accounts that it may not"
    return ""
