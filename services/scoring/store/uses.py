"""Uses of scores, as deposits tells them: appended once each, and only about people who are known here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.scoring.domain import Asked, Use
from services.scoring.store.rows import Part
from services.values.ids import bucket_of


class Uses(Part):
    """Uses, newest first."""

    async def add_uses(self, uses: Sequence[Use]) -> None:
        """Appends uses; known ones change nothing, and nothing is kept of people who were erased."""
        await self._db.execute(self._sql.insert_uses, [_row(use) for use in uses])

    async def list_uses(self, renter_id: str, before: tuple[datetime, str], limit: int) -> list[Use]:
        """Uses of a person's score before a moment (and use_id), newest first."""
        rows = await self._db.fetch(self._sql.list_uses, bucket_of(renter_id), renter_id, *before, limit)
        return [use_of(row) for row in rows]

    async def last_asked(self, renter_id: str) -> list[Asked]:
        """The threshold that each partner last asked about, per kind of asset."""
        rows = await self._db.fetch(self._sql.last_asked, bucket_of(renter_id), renter_id)
        return [Asked(**row) for row in rows]


def use_of(row: Any) -> Use:
    """A use from its row."""
    fields = dict(row)
    fields["reason_codes"] = tuple(fields["reason_codes"])
    fields["negative_record_ids"] = tuple(fields["negative_record_ids"])
    return Use(**fields)


def _row(use: Use) -> dict[str, Any]:
    return {
        "bucket": bucket_of(use.renter_id),
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
