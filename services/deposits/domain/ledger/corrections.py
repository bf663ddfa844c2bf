"""Corrections: new entries that name the transfer they put right, with author and reason; nothing is ever changed.

A correction moves money between one account of the transfer's partner or processor and PLATFORM_CORRECTIONS. One that
changes what a partner is owed waits for a second operator; one between the processor and us is booked at once. All
corrections of a transfer on an account together never exceed its amount.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from services.deposits.domain.ledger.transfers import Account, Entry, Transfer, TransferKind
from services.values.errors import Category, Refusal


class CorrectionState(StrEnum):
    """PROPOSED until a second operator approves it."""

    PROPOSED = "PROPOSED"
    BOOKED = "BOOKED"


@dataclass(frozen=True, slots=True)
class Correction:
    """One correction. `amount_minor` above zero: more is owed to the partner, or by the processor; below: less."""

    correction_id: str
    transfer_id: str
    deposit_id: str
    renter_id: str
    partner_id: str
    account: Account
    currency: str
    amount_minor: int
    reason: str
    author: str
    proposed_at: datetime
    state: CorrectionState = CorrectionState.PROPOSED
    approver: str = ""
    booked_at: datetime | None = None

    @property
    def needs_approval(self) -> bool:
        """Whether it changes what somebody else is owed."""
        return self.account is Account.PARTNER_PAYABLE


@dataclass(frozen=True, slots=True)
class Corrected:
    """The transfer that is to be put right, and the corrections that it has had."""

    kind: TransferKind
    currency: str
    accounts: frozenset[str]
    amount_minor: int
    earlier: tuple[Correction, ...]


def propose(correction: Correction, of: Corrected) -> Correction | Refusal:
    """Checks a correction; one that needs no approval comes back booked."""
    if of.kind is TransferKind.CORRECTED or correction.account not in of.accounts:
        return Refusal(
            Category.FAILED_PRECONDITION, "CORRECTION_NOT_ALLOWED", "the transfer has no entry that this can put right"
        )
    if correction.currency != of.currency:
        return Refusal(Category.FAILED_PRECONDITION, "CURRENCY_MISMATCH", "the transfer is in another currency")
    together = correction.amount_minor + sum(c.amount_minor for c in of.earlier if c.account is correction.account)
    if abs(together) > of.amount_minor:
        return Refusal(
            Category.FAILED_PRECONDITION,
            "CORRECTION_TOO_LARGE",
            "all corrections of a transfer together do not exceed it",
            metadata={"amount_minor": str(of.amount_minor)},
        )
    return correction if correction.needs_approval else _booked(correction, "", correction.proposed_at)


def approve(correction: Correction, approver: str, now: datetime) -> Correction | Refusal:
    """Books a proposal; whoever proposed it may not."""
    if correction.state is CorrectionState.BOOKED:
        return correction
    if approver == correction.author:
        return Refusal(Category.PERMISSION_DENIED, "APPROVAL_BY_ANOTHER", "somebody else has to approve it")
    return _booked(correction, approver, now)


def _booked(correction: Correction, approver: str, now: datetime) -> Correction:
    return replace(correction, state=CorrectionState.BOOKED, approver=approver, booked_at=now)


def transfers_of(correction: Correction) -> Sequence[Transfer]:
    """The entries of a correction that is booked."""
    more = correction.account is Account.PROCESSOR_RECEIVABLE  # what a processor owes is a debit, what we owe a credit
    signed = correction.amount_minor if more else -correction.amount_minor
    entries = [Entry(correction.account, signed), Entry(Account.PLATFORM_CORRECTIONS, -signed)]
    entries.sort(key=lambda entry: -entry.amount_minor)
    kind = TransferKind.CORRECTED
    return (Transfer(kind, correction.currency, tuple(entries), correction.transfer_id),)


def correction_not_found() -> Refusal:
    """The refusal of an unknown correction."""
    return Refusal(Category.NOT_FOUND, "CORRECTION_NOT_FOUND", "no such correction")


def transfer_not_found() -> Refusal:
    """The refusal of an unknown transfer."""
    return Refusal(Category.NOT_FOUND, "LEDGER_TRANSFER_NOT_FOUND", "no such transfer")
