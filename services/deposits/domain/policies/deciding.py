"""What a version of a policy makes of a score: which of its lines lie below it, and what is taken then.

Pure, so that the decision, its preview, its remaking and a simulation over old scores are one rule.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from enum import StrEnum

from services.deposits.domain.deposits import AdmittanceOutcome
from services.deposits.domain.policies.bounds import BOUNDS
from services.deposits.domain.policies.policy import AssuranceLevel, PolicyDraft, Tier
from services.values.money import Money

NO_SCORING_CONSENT = "NO_SCORING_CONSENT"
SCORING_UNAVAILABLE = "SCORING_UNAVAILABLE"
EXPOSURE_CAP_REACHED = "EXPOSURE_CAP_REACHED"
BAD_RECORD = "BAD_RECORD"
ASSURANCE_TOO_LOW = "ASSURANCE_TOO_LOW"


class DecidedBy(StrEnum):
    """Which rule made a decision; names as in `freehold.deposits.v1.DecidedBy`."""

    THRESHOLD = "THRESHOLD"
    TIER = "TIER"
    NO_LINE = "NO_LINE"
    EXPOSURE_CAP = "EXPOSURE_CAP"
    RECORD = "RECORD"
    ASSURANCE = "ASSURANCE"
    NO_SCORE = "NO_SCORE"
    CANCELLATION = "CANCELLATION"


_BY_CODE = {
    EXPOSURE_CAP_REACHED: DecidedBy.EXPOSURE_CAP,
    BAD_RECORD: DecidedBy.RECORD,
    ASSURANCE_TOO_LOW: DecidedBy.ASSURANCE,
}


@dataclass(frozen=True, slots=True)
class Terms:
    """What is taken, minor units of the policy's currency.

    `full_minor` is the whole deposit: what a waiver waives, what compensation is limited to, and what is taken when a
    cap stands against the waiver. `amount_minor` is less only where `tier` reduces it.
    """

    waives: bool
    full_minor: int
    amount_minor: int
    tier: Tier | None = None


def lines_passed(draft: PolicyDraft, score: int | None) -> int:
    """How many lines the score lies strictly above; none without a score."""
    return 0 if score is None else bisect_left(draft.lines, score)


def terms(draft: PolicyDraft, passed: int, monthly_rent: Money | None) -> Terms:
    """What is taken of somebody whose score lies above so many lines."""
    full = _full_minor(draft, monthly_rent)
    if passed >= len(draft.lines):
        return Terms(True, full, full)
    if not passed:
        return Terms(False, full, full)
    tier = draft.tiers[passed - 1]
    return Terms(False, full, reduced_minor(tier, full), tier)


def reduced_minor(tier: Tier, full_minor: int) -> int:
    """A tier's part of the deposit, rounded down for the renter, at least one minor unit."""
    return min(full_minor, tier.amount_minor) if tier.amount_minor else max(1, full_minor * tier.percent // 100)


def _full_minor(draft: PolicyDraft, monthly_rent: Money | None) -> int:
    """The fixed deposit, or so many tenths of the rent, rounded down, never beyond what the kind allows."""
    fixed = draft.deposit
    if not draft.rent_multiple_tenths or monthly_rent is None or monthly_rent.currency != fixed.currency:
        return fixed.amount_minor
    bounds = BOUNDS[draft.asset_kind]
    asked = monthly_rent.amount_minor * draft.rent_multiple_tenths // 10
    return min(max(asked, bounds.least_deposit_minor), bounds.most_deposit_minor)


def falls_short(draft: PolicyDraft, level: AssuranceLevel) -> bool:
    """Whether the person is believed on lesser grounds than the policy requires."""
    return level < draft.required_assurance


def decided_by(
    outcome: AdmittanceOutcome, reason_codes: tuple[str, ...], amount_minor: int, full_minor: int
) -> DecidedBy:
    """Which rule made a decision that is on record."""
    by_code = next((_BY_CODE[code] for code in reason_codes if code in _BY_CODE), None)
    if by_code is not None:
        return by_code
    if outcome is AdmittanceOutcome.NOT_ADMITTED:
        return DecidedBy.TIER if amount_minor < full_minor else DecidedBy.NO_LINE
    return {
        AdmittanceOutcome.ADMITTED: DecidedBy.THRESHOLD,
        AdmittanceOutcome.CANNOT_ASSESS: DecidedBy.NO_SCORE,
        AdmittanceOutcome.NONE: DecidedBy.CANCELLATION,
    }[outcome]
