"""Whose plan prices what, and passes, in PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.rental.domain import (
    AssetKind,
    GrantPass,
    PartnerId,
    Pass,
    PricePlan,
    PricePlanId,
    RenterId,
    RidePass,
)
from services.rental.domain.refusals import (
    asset_not_found,
    price_plan_not_found,
    renter_not_found,
    request_id_reused,
)
from services.rental.store.price_rows import pass_of, plan_of
from services.runtime.database import Database
from services.runtime.queries import load_queries
from services.values.ids import bucket_of


@dataclass(frozen=True, slots=True)
class PostgresPricing:
    """The `PricingStore` of the operations."""

    db: Database

    async def plan(self, partner_id: PartnerId, price_plan_id: PricePlanId) -> PricePlan:
        """One statement."""
        return await self._plan(_SQL.read_plan, partner_id, price_plan_id)

    async def newest_plan(self, partner_id: PartnerId, name: str) -> PricePlan:
        """One statement."""
        return await self._plan(_SQL.newest_plan, partner_id, name)

    async def plan_of_asset(self, partner_id: PartnerId, code: str) -> tuple[PricePlan, AssetKind]:
        """One statement."""
        row = await self.db.fetchrow(_SQL.plan_of_asset, partner_id, code)
        if row is None:
            raise asset_not_found()
        return plan_of(row), AssetKind(row["asset_kind"])

    async def usable_passes(
        self, renter_id: RenterId, partner_id: PartnerId, kind: AssetKind | None, at: datetime
    ) -> list[RidePass]:
        """One statement."""
        rows = await self.db.fetch(_SQL.usable_passes, bucket_of(renter_id), renter_id, partner_id, kind, at)
        return [RidePass(row["pass_id"], row["free_minutes"], row["percent_off"]) for row in rows]

    async def granted(self, command: GrantPass, fingerprint: bytes) -> Pass | None:
        """One statement."""
        whose = (bucket_of(command.renter_id), command.renter_id)
        row = await self.db.fetchrow(_SQL.find_granted, *whose, command.by, command.request_id)
        if row is not None and row["fingerprint"] != fingerprint:
            raise request_id_reused()
        return None if row is None else pass_of(row)

    async def grant(self, command: GrantPass, fingerprint: bytes, new: Pass) -> Pass:
        """One statement, and another look when the same request was faster."""
        gives = (new.gives.free_minutes, new.gives.percent_off, new.valid_from, new.valid_until, new.granted_at)
        values = (bucket_of(new.renter_id), new.gives.pass_id, new.renter_id, new.partner_id, new.asset_kind, *gives)
        request = (command.by, command.request_id, fingerprint)
        if await self.db.fetchval(_SQL.grant_pass, *values, *request) is not None:
            return new
        before = await self.granted(command, fingerprint)
        if before is None:
            raise renter_not_found()
        return before

    async def passes(self, renter_id: RenterId, partner_id: PartnerId | None, limit: int) -> list[Pass]:
        """One statement."""
        rows = await self.db.fetch(_SQL.list_passes, bucket_of(renter_id), renter_id, partner_id, limit)
        return [pass_of(row) for row in rows]

    async def _plan(self, sql: str, *key: str) -> PricePlan:
        row = await self.db.fetchrow(sql, *key)
        if row is None:
            raise price_plan_not_found()
        return plan_of(row)


_SQL = load_queries("services.rental")
