"""A policy: the partner's lines for one scope of one kind, and the deposit that is taken below them, versioned.

Of the policies in force the most specific one that fits the asset decides: class and city > class > city > the kind
alone. A class says more about what may be lost than the place does. Of two versions of one scope the one that came into
force later decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum

from services.values.money import Money

DEFAULT_MAX_OPEN_WAIVED = 3
"""PRODUCT: default 3 open waived rentals of one person."""
PREVIEW_STANDS = timedelta(hours=24)
"""The first answer of a preview stands so long: a threshold chosen by the caller would be an oracle."""
MOST_PREVIEWED = 3
"""Scopes of one kind that answer about one person in that time, or scopes would be a way around it."""


class AssuranceLevel(IntEnum):
    """On what grounds a person is believed; numbers and names as in `freehold.identity.v1.AssuranceLevel`.

    A number that is not known here yet falls short of every requirement.
    """

    UNSPECIFIED = 0
    CLAIMED = 1
    DOCUMENT_CHECKED = 2
    FACE_CHECKED = 3

    @classmethod
    def _missing_(cls, _: object) -> AssuranceLevel:
        return cls.UNSPECIFIED


class PolicyState(StrEnum):
    """Where a version stands; names as in `freehold.deposits.v1.PolicyState`."""

    PROPOSED = "PROPOSED"
    SCHEDULED = "SCHEDULED"
    IN_FORCE = "IN_FORCE"
    SUPERSEDED = "SUPERSEDED"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"


class ApprovalReason(StrEnum):
    """Why a version needs a second person; names as in `freehold.deposits.v1.ApprovalReason`."""

    LINE_MOVED = "LINE_MOVED"
    BELOW_SAFE_LINE = "BELOW_SAFE_LINE"
    DEPOSIT_MOVED = "DEPOSIT_MOVED"
    CAP_RAISED = "CAP_RAISED"
    REQUIREMENT_EASED = "REQUIREMENT_EASED"


@dataclass(frozen=True, slots=True)
class Tier:
    """A reduced deposit strictly above a line: hundredths of the full one, or an amount; the other is 0."""

    above: int
    percent: int = 0
    amount_minor: int = 0


@dataclass(frozen=True, slots=True)
class PolicyDraft:
    """What a partner asks for. The deposit is waived strictly above `threshold`.

    Attributes:
        deposit: the fixed deposit; with `rent_multiple_tenths` for assets without a rent in this currency.
        city: only for assets there; "" for all. `asset_class` likewise.
        tiers: reduced deposits, the lowest line first, all below the threshold.
        max_waived_minor: cap on what is waived to one person and open, in the deposit's currency; 0 for none.
        clean_record_years: nothing is waived or reduced for a bad record in so many years; 0 when not asked.
        required_assurance: nothing is waived or reduced below it.
        effective_at: from when on; None for at once.
    """

    partner_id: str
    asset_kind: str
    threshold: int
    deposit: Money
    max_open_waived: int
    reason: str
    city: str = ""
    asset_class: str = ""
    rent_multiple_tenths: int = 0
    tiers: tuple[Tier, ...] = ()
    max_waived_minor: int = 0
    clean_record_years: int = 0
    required_assurance: AssuranceLevel = AssuranceLevel.UNSPECIFIED
    effective_at: datetime | None = None

    @property
    def lines(self) -> tuple[int, ...]:
        """Every line, ascending; above the last one the deposit is waived."""
        return (*(tier.above for tier in self.tiers), self.threshold)


@dataclass(frozen=True, slots=True)
class Policy:
    """One version. Who `ruled_by` names approved, rejected or cancelled it."""

    policy_id: str
    version: int
    author: str
    effective_at: datetime
    draft: PolicyDraft
    state: PolicyState
    created_at: datetime
    approval_reasons: tuple[ApprovalReason, ...] = ()
    ruled_by: str = ""
    ruling_reason: str = ""
