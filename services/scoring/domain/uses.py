"""Uses of a score: who asked, what for, and what was answered. They are the person's to read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Use:
    """One use; `kind` and `outcome` are names of the contract's UseKind and Outcome."""

    use_id: str
    renter_id: str
    partner_id: str
    asset_kind: str
    kind: str
    threshold: int
    outcome: str
    reason_codes: tuple[str, ...]
    model_version: str
    facts_version: int
    used_at: datetime
    negative_record_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """The threshold that a partner last asked about, for one kind of asset."""

    partner_id: str
    asset_kind: str
    threshold: int
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Gap:
    """A threshold that a score does not lie above, and how many points more would."""

    asked: Asked
    points_short: int


def gaps(score: int, asked: Iterable[Asked]) -> list[Gap]:
    """The thresholds that were missed, the nearest first. Above is strictly above (PRODUCT: Admittance)."""
    missed = [Gap(one, one.threshold + 1 - score) for one in asked if score <= one.threshold]
    return sorted(missed, key=lambda gap: (gap.points_short, gap.asked.partner_id, gap.asked.asset_kind))
