"""Price plans and assets in PostgreSQL: what a command makes is written in one transaction with the command itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from asyncpg import ForeignKeyViolationError, UniqueViolationError

from services.rental.domain import Asset, CreateAsset, CreatePricePlan, PricePlan
from services.rental.domain.refusals import asset_code_taken, price_plan_not_found
from services.rental.store.once import Made, once
from services.rental.store.rows import asset_of, plan_of, segments_json
from services.runtime.database import Database
from services.runtime.queries import load_queries


@dataclass(frozen=True, slots=True)
class PostgresCatalogue:
    """The `CatalogueStore` of the operations."""

    db: Database

    async def create_plan(self, command: CreatePricePlan, fingerprint: bytes, plan: PricePlan) -> PricePlan:
        """One transaction."""
        terms = plan.terms

        async def make(c: Any) -> PricePlan:
            segments = segments_json(terms)
            values = (terms.currency, terms.base_minor, segments, terms.cap_per_day_minor, plan.created_at)
            await c.execute(_SQL.create_plan, plan.partner_id, plan.price_plan_id, *values)
            return plan

        async def look(c: Any, plan_id: str) -> PricePlan:
            return plan_of(await c.fetchrow(_SQL.read_plan, plan.partner_id, plan_id))

        return await once(self.db, Made(command, fingerprint, plan.price_plan_id, plan.created_at), make, look)

    async def create_asset(self, command: CreateAsset, fingerprint: bytes, asset: Asset) -> Asset:
        """One transaction. The partner's plan and the free code are the schema's to check."""

        async def make(c: Any) -> Asset:
            values = (asset.asset_kind, asset.code, asset.price_plan_id, asset.state, asset.created_at)
            scope = (asset.city, asset.asset_class, asset.monthly_rent_minor)
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


_SQL = load_queries("services.rental")
