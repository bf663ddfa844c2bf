"""A partner's assets in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.rental.domain import AssetId, PartnerId
from services.rental.domain.fleet import (
    AssetPage,
    FleetAsset,
    Found,
    Nearby,
    PublicCode,
    SetAssetState,
    UpdateAsset,
    commanded_from,
)
from services.rental.domain.refusals import asset_not_found, asset_state_not_allowed
from services.rental.operations.fleet import AssetKey
from services.rental.store.fleet.rows import fleet_asset_of, found_of
from services.rental.store.once import Made, once
from services.runtime.database import Database
from services.runtime.queries import load_queries


@dataclass(frozen=True, slots=True)
class PostgresFleet:
    """The `FleetStore` of the operations."""

    db: Database

    async def asset(self, partner_id: PartnerId, asset_id: AssetId) -> FleetAsset | None:
        """One statement."""
        row = await self.db.fetchrow(_SQL.fleet_asset, partner_id, asset_id)
        return None if row is None else fleet_asset_of(row)

    async def assets(self, page: AssetPage) -> list[FleetAsset]:
        """One statement."""
        filters = (page.asset_kind, page.state, page.city)
        rows = await self.db.fetch(_SQL.list_fleet, page.partner_id, page.after, *filters, page.size)
        return [fleet_asset_of(row) for row in rows]

    async def update(self, command: UpdateAsset, fingerprint: bytes, at: datetime) -> FleetAsset:
        """One transaction."""
        key = (command.caller, command.asset_id)

        async def make(c: Any) -> FleetAsset:
            scope = (command.city, command.asset_class, command.monthly_rent_minor)
            if await c.fetchval(_SQL.update_asset, *key, *scope) is None:
                raise asset_not_found()
            await c.execute(_SQL.update_details, *key, command.condition, command.photo_refs, command.rotates)
            return await _look(c, key)

        async def look(c: Any, _: str) -> FleetAsset:
            return await _look(c, key)

        return await once(self.db, Made(command, fingerprint, command.asset_id, at), make, look)

    async def set_state(
        self, command: SetAssetState, fingerprint: bytes, at: datetime, check_at: datetime | None
    ) -> FleetAsset:
        """One transaction; a claim that is faster wins."""
        key = (command.caller, command.asset_id)

        async def make(c: Any) -> FleetAsset:
            if check_at is not None:
                await c.execute(_SQL.watch_asset, *key, check_at)
            moved = await c.fetchval(_SQL.set_asset_state, *key, command.state, commanded_from(command.state))
            asset = await _look(c, key)
            if moved is None:
                raise asset_state_not_allowed(asset.asset.state)
            return asset

        async def look(c: Any, _: str) -> FleetAsset:
            return await _look(c, key)

        return await once(self.db, Made(command, fingerprint, command.asset_id, at), make, look)

    async def codes(self, keys: Sequence[AssetKey]) -> dict[AssetKey, PublicCode]:
        """One statement, none for nothing."""
        if not keys:
            return {}
        rows = await self.db.fetch(_SQL.read_codes, *_columns(keys))
        return {(row["partner_id"], row["asset_id"]): PublicCode(row["public_code"], row["uses"]) for row in rows}

    async def make_codes(self, codes: Sequence[tuple[AssetKey, str]]) -> None:
        """One statement."""
        await self.db.execute(_SQL.make_codes, *_columns([key for key, _ in codes]), [code for _, code in codes])

    async def search(self, cells: Sequence[str], nearby: Nearby) -> list[Found]:
        """One statement."""
        whose = (nearby.partner_id, nearby.asset_kind, nearby.limit)
        rows = await self.db.fetch(
            _SQL.search_assets, cells, *nearby.center.degrees, float(nearby.radius_meters), *whose
        )
        return [found_of(row) for row in rows]


_SQL = load_queries("services.rental")


async def _look(c: Any, key: AssetKey) -> FleetAsset:
    row = await c.fetchrow(_SQL.fleet_asset, *key)
    if row is None:
        raise asset_not_found()
    return fleet_asset_of(row)


def _columns(keys: Sequence[AssetKey]) -> tuple[list[str], list[str]]:
    return [partner_id for partner_id, _ in keys], [asset_id for _, asset_id in keys]
