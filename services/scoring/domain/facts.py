"""Facts: what happened to a person, append-only: a fact that is put right stays on record and counts no more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class FactKind(StrEnum):
    """What happened; the names are those of `freehold.scoring.v1.FactKind`."""

    DOCUMENT_VERIFIED = "DOCUMENT_VERIFIED"
    PHONE_VERIFIED = "PHONE_VERIFIED"
    JOINED = "JOINED"
    PAYMENT_METHOD_ADDED = "PAYMENT_METHOD_ADDED"
    RENTAL_STARTED = "RENTAL_STARTED"
    RENTAL_RETURNED_ON_TIME = "RENTAL_RETURNED_ON_TIME"
    RENTAL_RETURNED_LATE = "RENTAL_RETURNED_LATE"
    PAYMENT_ON_TIME = "PAYMENT_ON_TIME"
    PAYMENT_FAILED = "PAYMENT_FAILED"
    PAYMENT_CURED = "PAYMENT_CURED"
    RENTAL_LOST = "RENTAL_LOST"
    RENTAL_DAMAGED = "RENTAL_DAMAGED"
    PAYMENT_LATE = "PAYMENT_LATE"
    PAYMENT_WRITTEN_OFF = "PAYMENT_WRITTEN_OFF"
    PROFILE_FIELD_COMPLETED = "PROFILE_FIELD_COMPLETED"
    BILL_VERIFIED = "BILL_VERIFIED"
    NEGATIVE_RECORD = "NEGATIVE_RECORD"
    ENDORSED = "ENDORSED"
    OUTSIDE_SCORE = "OUTSIDE_SCORE"


class FactState(StrEnum):
    """Whether a fact counts; the names are those of `freehold.scoring.v1.FactState`. EXPIRED is told, never stored."""

    COUNTED = "COUNTED"
    DISPUTED = "DISPUTED"
    RETRACTED = "RETRACTED"
    EXPIRED = "EXPIRED"


EXPERIENCE = frozenset(
    {
        FactKind.RENTAL_RETURNED_ON_TIME,
        FactKind.RENTAL_RETURNED_LATE,
        FactKind.RENTAL_LOST,
        FactKind.RENTAL_DAMAGED,
        FactKind.PAYMENT_ON_TIME,
        FactKind.PAYMENT_LATE,
        FactKind.PAYMENT_FAILED,
        FactKind.PAYMENT_WRITTEN_OFF,
    }
)
"""Facts that show how a person keeps agreements; without some of them there is nothing to assess."""

NEGATIVE = frozenset(
    {
        FactKind.RENTAL_RETURNED_LATE,
        FactKind.RENTAL_LOST,
        FactKind.RENTAL_DAMAGED,
        FactKind.PAYMENT_LATE,
        FactKind.PAYMENT_FAILED,
        FactKind.PAYMENT_WRITTEN_OFF,
        FactKind.NEGATIVE_RECORD,
    }
)
"""Records that count against a person. They never lengthen a history, so none of them can raise a score."""

DEBTS = frozenset({FactKind.PAYMENT_FAILED, FactKind.PAYMENT_WRITTEN_OFF, FactKind.PAYMENT_CURED})
"""Facts about one debt: their subject says which, so that a payment makes good what it pays and nothing else."""

NAMED = frozenset(
    {
        *DEBTS,
        FactKind.PROFILE_FIELD_COMPLETED,
        FactKind.BILL_VERIFIED,
        FactKind.ENDORSED,
        FactKind.OUTSIDE_SCORE,
    }
)
"""Facts that count once per subject. All others are counted per partner."""

MADE_HERE = frozenset({FactKind.ENDORSED, FactKind.OUTSIDE_SCORE})
"""Facts that scoring makes itself, when people vouch for each other or a bureau answers."""


@dataclass(frozen=True, slots=True)
class NegativeRecord:
    """What a register says: `source` keeps it as `case_number`. `expires_at` is its wish; the law may be earlier."""

    source: str
    case_number: str
    settled_at: datetime | None = None
    expires_at: datetime | None = None

    def __repr__(self) -> str:
        return "NegativeRecord(…)"


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that happened to one person; `fact_id` is made by its source and makes it idempotent.

    Attributes:
        subject: what it is about: a rental, a bill, a profile field, a bureau.
        partner_id: at which partner, "" for none.
        rental_seconds: how long the rental lasted.
        record: with NEGATIVE_RECORD, and only then.
        outside_score: a bureau's number on its own scale, with OUTSIDE_SCORE, and only then.
    """

    fact_id: str
    renter_id: str
    kind: FactKind
    occurred_at: datetime
    subject: str = ""
    partner_id: str = ""
    rental_seconds: int | None = None
    record: NegativeRecord | None = None
    outside_score: int | None = None

    @property
    def about(self) -> str:
        """What facts of its kind are counted by: the subject, or the partner."""
        return self.subject if self.kind in NAMED else self.partner_id
