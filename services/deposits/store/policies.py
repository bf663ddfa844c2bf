"""Policies and previews."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import asyncpg

from services.deposits.domain import AdmittanceOutcome, Policy, PolicyDraft, ScoreUse
from services.deposits.domain.policies import CHANGES_WINDOW, MOST_CHANGES, changed_too_often
from services.deposits.operations.ports import Preview
from services.deposits.store.rows import Part, policy_of
from services.deposits.store.uses import uses_payload
from services.runtime.requests import claim
from services.values.ids import bucket_of, new_id
from services.values.requests import Request


class Policies(Part):
    """Versions of partners' rules, and the previews that stand."""

    async def set_policy(
        self, request: Request, draft: PolicyDraft, author: str, policy_id: str, now: datetime
    ) -> Policy:
        key = (draft.partner_id, draft.asset_kind)

        async def work(connection: Any) -> Policy:
            newest = await connection.fetchval(self._sql.latest_policy_version, *key)
            first = await claim(connection, request, str(newest + 1), now)
            if first is None:
                changes = await connection.fetchval(self._sql.count_policy_changes, *key, now - CHANGES_WINDOW)
                if changes >= MOST_CHANGES:
                    raise changed_too_often()
                values = (draft.threshold, draft.deposit.currency, draft.deposit.amount_minor, draft.max_open_waived)
                await connection.execute(
                    self._sql.insert_policy, *key, newest + 1, policy_id, *values, draft.reason, author, now
                )
            return policy_of(await connection.fetchrow(self._sql.read_policy, *key, int(first or newest + 1)))

        while True:
            try:
                return await self._db.transaction(work)
            except asyncpg.UniqueViolationError:
                continue  # somebody else made this version; ours is the next

    async def read_policy(self, partner_id: str, asset_kind: str, version: int) -> Policy | None:
        row = await self._db.fetchrow(self._sql.read_policy, partner_id, asset_kind, version)
        return None if row is None else policy_of(row)

    async def read_preview(self, partner_id: str, renter_id: str, asset_kind: str, now: datetime) -> Preview | None:
        key = (bucket_of(renter_id), renter_id, partner_id, asset_kind)
        row = await self._db.fetchrow(self._sql.read_preview, *key, now)
        if row is None:
            return None
        fields = dict(row)
        fields["outcome"] = AdmittanceOutcome(fields["outcome"])
        fields["reason_codes"] = tuple(fields["reason_codes"])
        return Preview(**fields)

    async def save_preview(
        self, partner_id: str, renter_id: str, asset_kind: str, preview: Preview, use: ScoreUse | None, now: datetime
    ) -> Preview:
        await self._db.execute(
            self._sql.save_preview,
            bucket_of(renter_id),
            renter_id,
            partner_id,
            asset_kind,
            now,
            preview.outcome.value,
            preview.waived,
            list(preview.reason_codes),
            preview.policy_id,
            preview.currency,
            preview.amount_minor,
            preview.stands_until,
            new_id("evt"),
            uses_payload([use] if use else []),
            self._real_now(),
        )
        self._published()
        return await self.read_preview(partner_id, renter_id, asset_kind, now) or preview
