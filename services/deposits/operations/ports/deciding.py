"""What a decision is asked, known by and made of: the items, scoring's answer, identity's word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.deposits.domain import (
    AdmittanceOutcome,
    Again,
    AssuranceLevel,
    Deposit,
    Operation,
    PolicyDraft,
    ScoreUse,
)
from services.deposits.operations.ports.policies import UNKNOWN, Cap, Circumstances
from services.values.errors import Refusal


@dataclass(frozen=True, slots=True)
class SecureItem:
    """One rental to be secured; `rental_id` makes it idempotent. `traceparent` is the trace it belongs to."""

    rental_id: str
    renter_id: str
    partner_id: str
    asset_kind: str
    payment_method_id: str
    scoring_consent: bool
    traceparent: str = ""
    circumstances: Circumstances = UNKNOWN


@dataclass(frozen=True, slots=True)
class Known:
    """What one read tells about an item: its deposit if there is one, else what the most specific policy in force says,
    and the payment method."""

    deposit: Deposit | None
    policy_id: str
    draft: PolicyDraft | None
    payment_ref: str
    processor: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What to write for an item: a waiver if the exposure allows it, else a hold if there is something to hold on.

    What a waiver would add to the exposure is the deposit's compensation limit. `use` tells scoring that its answer was
    used; `circumstances` are kept, so that the decision can be explained.
    """

    deposit: Deposit
    wants_waiver: bool
    cap: Cap
    authorize: Operation | None
    use: ScoreUse | None = None
    circumstances: Circumstances = UNKNOWN


@dataclass(frozen=True, slots=True)
class Question:
    """Is this person's score above this line, and how many of the higher ones, with no bad record in so many years?"""

    renter_id: str
    threshold: int
    traceparent: str = ""
    higher: tuple[int, ...] = ()
    clean_record_years: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """Scoring's answer. `score` stays in the decision row; `tier` is how many of the lines it lies above."""

    outcome: AdmittanceOutcome
    reason_codes: tuple[str, ...]
    model_version: str
    score: int | None
    facts_version: int = 0
    tier: int = 0


@dataclass(frozen=True, slots=True)
class Held:
    """A deposit that is held or about to be, with what the policy says that it was decided under."""

    deposit_id: str
    rental_id: str
    renter_id: str
    partner_id: str
    asset_kind: str
    pending: bool
    draft: PolicyDraft


@dataclass(frozen=True, slots=True)
class Remade:
    """A held deposit that is to be waived, if the exposure has room."""

    deposit_id: str
    again: Again
    cap: Cap


@dataclass(frozen=True, slots=True)
class Preview:
    """An answer that stands until `stands_until`."""

    outcome: AdmittanceOutcome
    waived: bool
    reason_codes: tuple[str, ...]
    policy_id: str
    currency: str
    amount_minor: int
    stands_until: datetime


@dataclass(frozen=True, slots=True)
class RenterAtPartner:
    """Identity's word: whether the person is linked to the partner, consents to scoring there, and on what grounds they
    are believed."""

    linked: bool
    scoring_consent: bool
    assurance: AssuranceLevel = AssuranceLevel.UNSPECIFIED


class Scoring(Protocol):
    """Admittance, in one frame; a Refusal when scoring does not answer."""

    async def admit(self, questions: Sequence[Question]) -> list[Answer | Refusal]: ...


class Identity(Protocol):
    """Standing of one person at one partner ("" for any), read fresh. Raises RENTER_NOT_FOUND."""

    async def check(self, renter_id: str, partner_id: str) -> RenterAtPartner: ...
