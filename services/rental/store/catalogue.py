"""Price plans and assets in PostgreSQL: what a command makes is written in one transaction with the command itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from asyncpg import ForeignKeyViolationError, UniqueViolationError

from services.rental.domain import Asset, CreateAsset, CreatePricePlan, PricePlan
from services.rental.domain.refusals import (
    asset_code_taken,
    price_plan_currency,
    price_plan_not_found,
)
from services.rental.store.once import Made, once
from services.rental.store.price_rows import plan_of, rules_json, segments_json
from services.rental.store.rows import asset_of
from services.runtime.database import Database
from services.runtime.queries import load_queries


@dataclass(frozen=True, slots=True)
class PostgresCatalogue:
    """The `CatalogueStore` of the operations."""

    db: Database

    async def create_plan(self, command: CreatePricePlan, fingerprint: bytes, plan: PricePlan) -> PricePlan:
        """One transaction; a second when somebody else made the first plan of this name meanwhile."""

        async def make(c: Any) -> PricePlan:
            return await _insert_plan(c, await _next_version(c, plan))

        async def look(c: Any, plan_id: str) -> PricePlan:
            return plan_of(await c.fetchrow(_SQL.read_plan, plan.partner_id, plan_id))

        made = Made(command, fingerprint, plan.price_plan_id, plan.created_at)
        try:
            return await once(self.db, made, make, look)
        except UniqueViolationError:
            return await once(self.db, made, make, look)

    async def create_asset(self, command: CreateAsset, fingerprint: bytes, asset: Asset) -> Asset:
        """One transaction. The partner's plan and the free code are the schema's to check."""

        async def make(c: Any) -> Asset:
            values = (asset.asset_kind, asset.code, asset.price_plan_id, asset.state, asset.created_at)
            scope = (asset.city, asset.asset_class, asset.monthly_rent_minor, asset.price_plan_name)
            name = asset.price_plan_name
            if name and await c.fetchrow(_SQL.newest_plan, asset.partner_id, name) is None:
                raise price_plan_not_found()
            await c.execute(_SQL.create_asset, asset.partner_id, asset.asset_id, *values, *scope)
            return asset

        async def look(c: Any, asset_id: str) -> Asset:
            return asset_of(await c.fetchrow(_SQL.read_asset, asset.partner_id, asset_id))

        try:
            return await once(self.db, Made(command, fingerprint, asset.asset_id, asset.created_at), make, look)
        except UniqueViolationError:
            raise asset_code_taken() from None
        except ForeignKeyViolationError:
            raise price_plan_not_found() from None


async def _next_version(c: Any, plan: PricePlan) -> PricePlan:
    """The plan as the next version of its name, whose makers wait for each other."""
    if not plan.name:
        return plan
    await c.fetchval(_SQL.lock_plan_name, plan.partner_id, plan.name)
    newest = await c.fetchrow(_SQL.newest_plan, plan.partner_id, plan.name)
    if newest is None:
        return plan
    if newest["currency"] != plan.terms.currency:
        raise price_plan_currency()
    return replace(plan, version=newest["version"] + 1)


async def _insert_plan(c: Any, plan: PricePlan) -> PricePlan:
    terms = plan.terms
    named = (plan.partner_id, plan.price_plan_id, plan.name, plan.version)
    columns = (terms.currency, terms.base_minor, segments_json(terms), terms.cap_per_day_minor)
    await c.execute(_SQL.create_plan, *named, *columns, rules_json(terms), plan.created_at)
    return plan


_SQL = load_queries("services.rental")
