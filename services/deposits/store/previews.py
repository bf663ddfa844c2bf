"""Previews: the first answer stands for a day, and only so many scopes answer about one person."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.deposits.domain import AdmittanceOutcome, ScoreUse
from services.deposits.domain.policies import MOST_PREVIEWED, previewed_too_often
from services.deposits.operations.ports import Preview
from services.deposits.operations.ports.policies import PreviewKey
from services.deposits.store.rows import Part
from services.deposits.store.uses import uses_payload
from services.values.ids import bucket_of, new_id


class Previews(Part):
    """Answers that stand."""

    async def read_preview(self, key: PreviewKey, now: datetime) -> Preview | None:
        return await self._that_stands(self._db, key, now)

    async def save_preview(self, key: PreviewKey, preview: Preview, use: ScoreUse | None, now: datetime) -> Preview:
        """The preview that stands from now on: this one, unless somebody was faster. Raises PREVIEWED_TOO_OFTEN."""

        async def work(connection: Any) -> Preview:
            await connection.execute(self._sql.lock_person, bucket_of(key.renter_id), key.renter_id)
            if await connection.fetchval(self._sql.count_previews, *_key(key), now) >= MOST_PREVIEWED:
                raise previewed_too_often()
            told = (new_id("evt"), uses_payload([use] if use else []), self._real_now())
            await connection.execute(self._sql.save_preview, *_key(key), now, *_values(preview), *told)
            return await self._that_stands(connection, key, now) or preview

        standing = await self._db.transaction(work)
        self._published()
        return standing

    async def _that_stands(self, connection: Any, key: PreviewKey, now: datetime) -> Preview | None:
        row = await connection.fetchrow(self._sql.read_preview, *_key(key), now)
        if row is None:
            return None
        fields = dict(row)
        fields["outcome"] = AdmittanceOutcome(fields["outcome"])
        fields["reason_codes"] = tuple(fields["reason_codes"])
        return Preview(**fields)


def _key(key: PreviewKey) -> tuple[int | str, ...]:
    scope = (key.asset_kind, key.asset_class, key.city)
    return (bucket_of(key.renter_id), key.renter_id, key.partner_id, *scope)


def _values(preview: Preview) -> tuple[Any, ...]:
    return (
        preview.outcome.value,
        preview.waived,
        list(preview.reason_codes),
        preview.policy_id,
        preview.currency,
        preview.amount_minor,
        preview.stands_until,
    )
