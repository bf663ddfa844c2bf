"""What feeds tell, in PostgreSQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from services.rental.domain import AssetKind, AssetState, PartnerId, PricePlan
from services.rental.domain.fleet import Profile, SetFleetProfile
from services.rental.domain.fleet.gbfs import VEHICLE_KINDS, Types
from services.rental.operations.fleet import SeenVehicle
from services.rental.store.fleet.rows import whereabouts_of
from services.rental.store.once import Made, once
from services.rental.store.price_rows import plan_of
from services.runtime.database import Database
from services.runtime.queries import load_queries


@dataclass(frozen=True, slots=True)
class PostgresFeeds:
    """The `FeedStore` of the operations."""

    db: Database

    async def profile(self, partner_id: PartnerId) -> Profile | None:
        """One statement."""
        row = await self.db.fetchrow(_SQL.read_profile, partner_id)
        return None if row is None else Profile(**row)

    async def set_profile(self, command: SetFleetProfile, fingerprint: bytes, at: datetime) -> Profile:
        """One transaction."""

        async def look(c: Any, _: str) -> Profile:
            return Profile(**await c.fetchrow(_SQL.read_profile, command.caller))

        async def make(c: Any) -> Profile:
            await c.execute(_SQL.set_profile, command.caller, *asdict(command.profile).values(), at)
            return command.profile

        return await once(self.db, Made(command, fingerprint, command.caller, at), make, look)

    async def types(self, partner_id: PartnerId) -> Types:
        """One statement."""
        types: dict[tuple[AssetKind, str], list[str]] = defaultdict(list)
        for row in await self.db.fetch(_SQL.feed_types, partner_id, list(VEHICLE_KINDS)):
            types[AssetKind(row["asset_kind"]), row["asset_class"]].append(row["price_plan_id"])
        return types

    async def plans(self, partner_id: PartnerId, plan_ids: Sequence[str]) -> list[PricePlan]:
        """One statement."""
        return [plan_of(row) for row in await self.db.fetch(_SQL.feed_plans, partner_id, plan_ids)]

    async def vehicles_after(self, partner_id: PartnerId, after: str, size: int) -> list[SeenVehicle]:
        """One statement."""
        rows = await self.db.fetch(_SQL.feed_vehicles, partner_id, after, list(VEHICLE_KINDS), size)
        return [
            SeenVehicle(
                asset_id=row["asset_id"],
                asset_kind=AssetKind(row["asset_kind"]),
                asset_class=row["asset_class"],
                price_plan_id=row["price_plan_id"],
                state=AssetState(row["state"]),
                whereabouts=whereabouts_of(row),
                uses=row["uses"],
            )
            for row in rows
        ]


_SQL = load_queries("services.rental")
