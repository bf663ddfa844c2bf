"""What may differ between a processor's report, our operations and the ledger, and what would put it right.

A difference keeps its identity from run to run: the processor, the class, and the payment (or deposit) it is about.
"""

from __future__ import annotations

from base64 import b32hexencode
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import blake2b

from services.deposits.domain.processors import Hold, ReportLine, Seen


class DifferenceKind(StrEnum):
    """The classes; names as in `freehold.deposits.v1.DifferenceKind`, meanings in docs/runbooks/reconciliation.md."""

    MISSING_AT_PROCESSOR = "MISSING_AT_PROCESSOR"  # we say done, they know nothing
    REFUND_MISSING = "REFUND_MISSING"  # we say paid back, they know nothing
    UNKNOWN_PAYMENT = "UNKNOWN_PAYMENT"  # they have a payment that nobody asked for
    UNKNOWN_REFUND = "UNKNOWN_REFUND"  # they have paid back what nobody asked for
    DUPLICATE = "DUPLICATE"  # a second payment of theirs for one operation or deposit of ours
    UNRECORDED = "UNRECORDED"  # they did what we have as declined or never sent
    REFERENCE_DIFFERS = "REFERENCE_DIFFERS"  # one key, two references
    CURRENCY_DIFFERS = "CURRENCY_DIFFERS"
    AMOUNT_DIFFERS = "AMOUNT_DIFFERS"  # of what was authorized, charged or paid back
    CAPTURED_MORE = "CAPTURED_MORE"  # they took more from a hold than we know
    CAPTURED_LESS = "CAPTURED_LESS"  # they took less from a hold than we say
    STILL_OPEN = "STILL_OPEN"  # ours has ended, theirs holds the renter's money
    EXPIRED_UNSEEN = "EXPIRED_UNSEEN"  # theirs has lapsed, ours is open
    RELEASED_DIFFERS = "RELEASED_DIFFERS"  # another part went back, or went back another way
    STATE_UNCLEAR = "STATE_UNCLEAR"  # asked for, and for too long nobody says what became of it
    GIVEN_UP_UNENDED = "GIVEN_UP_UNENDED"  # given up for another processor, and its end never told
    LEDGER_DIFFERS = "LEDGER_DIFFERS"  # our operations say one thing, the ledger's entries another


UNENDED = frozenset({DifferenceKind.STATE_UNCLEAR, DifferenceKind.GIVEN_UP_UNENDED})
"""Classes that are found whenever the operation was asked for."""


class Repair(StrEnum):
    """What puts a difference right; names as in `freehold.deposits.v1.Repair`."""

    TAKE_OVER = "TAKE_OVER"  # book what the processor says
    TAKE_OVER_AND_REFUND = "TAKE_OVER_AND_REFUND"  # book it, and pay back what nobody owes
    VOID = "VOID"  # have the processor release what it still holds
    REFUND = "REFUND"  # have the processor pay back what nobody asked it to take
    ASK_AGAIN = "ASK_AGAIN"  # ask for the same thing under the same key
    HASTEN = "HASTEN"  # ask now what became of it
    GIVE_UP = "GIVE_UP"  # take it for never done; a late success would be found and undone
    BOOK_TRANSFERS = "BOOK_TRANSFERS"  # enter in the ledger what is missing there
    BY_HAND = "BY_HAND"  # nothing that could be done here puts it right


TWO_OPERATORS = frozenset({Repair.TAKE_OVER_AND_REFUND, Repair.REFUND, Repair.ASK_AGAIN, Repair.BOOK_TRANSFERS})
"""Repairs that move money beyond what the processor has done already: a second operator confirms them."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """One side of a payment, minor units. Of a charge or a refund `captured_minor` is what moved.

    Of the ledger `captured_minor` is what processors owe for the deposit, less what was paid back.
    """

    authorized_minor: int = 0
    captured_minor: int = 0
    released_minor: int = 0
    expired_minor: int = 0
    open_minor: int = 0

    @classmethod
    def of(cls, what: Hold | Seen) -> Amounts:
        """The parts of an authorization."""
        return cls(what.authorized_minor, what.captured_minor, what.released_minor, what.expired_minor, what.open_minor)

    @classmethod
    def of_line(cls, line: ReportLine) -> Amounts:
        """The parts of a payment in a report."""
        return cls(line.amount_minor, line.captured_minor, line.released_minor, line.expired_minor, line.open_minor)

    @classmethod
    def moved(cls, amount_minor: int) -> Amounts:
        """A charge or a refund."""
        return cls(amount_minor, amount_minor)

    @property
    def counts(self) -> bool:
        """Whether money was taken or is held."""
        return bool(self.captured_minor or self.open_minor)


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference as a run has found it. Ids that are not known are empty.

    Attributes:
        ours: what our operations and holds say.
        theirs: what the processor says; of LEDGER_DIFFERS what the ledger says.
        at: when the payment was made (business time): which day's reconciliation it belongs to.
    """

    kind: DifferenceKind
    repair: Repair
    processor: str
    deposit_id: str
    operation_id: str
    reference: str
    currency: str
    ours: Amounts
    theirs: Amounts
    at: datetime

    @property
    def difference_id(self) -> str:
        """The same from run to run: a digest of processor, class, and the operation, payment or deposit."""
        subject = self.operation_id or self.reference or self.deposit_id
        if self.kind in (DifferenceKind.DUPLICATE, DifferenceKind.UNKNOWN_PAYMENT, DifferenceKind.UNKNOWN_REFUND):
            subject = self.reference
        if self.kind is DifferenceKind.LEDGER_DIFFERS:
            subject = f"{self.deposit_id} {self.currency}"
        digest = blake2b(f"{self.processor} {self.kind} {subject}".encode(), digest_size=20).digest()
        return f"dif_{b32hexencode(digest).decode().lower()[:26]}"
