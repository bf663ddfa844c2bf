"""Past decisions as a histogram of scores: a simulation never sees a single one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.deposits.domain import PolicyDraft
from services.deposits.domain.policies.deciding import ASSURANCE_TOO_LOW, BAD_RECORD, EXPOSURE_CAP_REACHED
from services.deposits.domain.simulation import Cell, History
from services.deposits.store.rows import Part

_NOT_BY_SCORE = [EXPOSURE_CAP_REACHED, BAD_RECORD, ASSURANCE_TOO_LOW]


class Simulating(Part):
    """Implements `PastDecisions`."""

    async def past_decisions(self, draft: PolicyDraft, since: datetime, until: datetime) -> History:
        """The partner's decisions that the draft would have made, from `since` to before `until`."""
        scope = (draft.asset_class, draft.city)
        key = (draft.partner_id, draft.asset_kind, draft.deposit.currency, since, until)
        rows = await self._db.fetch(self._sql.past_decisions, *key, *scope, _NOT_BY_SCORE)
        unmoved = [row for row in rows if row["low"] is None]
        return History(
            since,
            until,
            draft.deposit.currency,
            tuple(_cell(row) for row in rows if row["low"] is not None),
            sum(row["decisions"] for row in unmoved),
            sum(row["deposits_minor"] for row in unmoved),
        )


def _cell(row: Any) -> Cell:
    return Cell(**{name: row[name] for name in Cell.__dataclass_fields__})
