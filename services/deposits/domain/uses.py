"""Uses of a score, for scoring to show to whom it is about: who asked, what for, and what was answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.deposits.domain.deposits import AdmittanceOutcome


class UseKind(StrEnum):
    """What for; names as in `freehold.scoring.v1.UseKind`."""

    DECISION = "DECISION"
    PREVIEW = "PREVIEW"
    DECISION_REMADE = "DECISION_REMADE"


@dataclass(frozen=True, slots=True)
class ScoreUse:
    """One answer of scoring that was used. `use_id` is the deposit's for a decision."""

    use_id: str
    renter_id: str
    partner_id: str
    asset_kind: str
    kind: UseKind
    threshold: int
    outcome: AdmittanceOutcome
    reason_codes: tuple[str, ...]
    model_version: str
    facts_version: int
    used_at: datetime
