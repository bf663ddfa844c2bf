"""Events that tell scoring of uses: one for all of a batch, in no order, about many people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.deposits.domain import ScoreUse


def uses_payload(uses: Sequence[ScoreUse]) -> dict[str, Any] | None:
    """The event's payload; None when there is nothing to tell."""
    return {"uses": [_row(use) for use in uses]} if uses else None


def _row(use: ScoreUse) -> dict[str, Any]:
    return {
        "use_id": use.use_id,
        "renter_id": use.renter_id,
        "partner_id": use.partner_id,
        "asset_kind": use.asset_kind,
        "kind": use.kind,
        "threshold": use.threshold,
        "outcome": use.outcome,
        "reason_codes": use.reason_codes,
        "model_version": use.model_version,
        "facts_version": use.facts_version,
        "used_at": use.used_at.isoformat(),
    }
