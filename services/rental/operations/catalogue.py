"""Price plans and assets: made by partners, never changed; a plan with a name may have a next version."""

from __future__ import annotations

from services.rental.domain import (
    Asset,
    AssetId,
    AssetState,
    CreateAsset,
    CreatePricePlan,
    PricePlan,
    PricePlanId,
    check_terms,
    fingerprint,
)
from services.rental.operations.ports import CatalogueStore
from services.values.clock import Clock
from services.values.errors import invalid
from services.values.ids import new_id


class Catalogue:
    """Makes price plans and assets."""

    def __init__(self, store: CatalogueStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def create_plan(self, command: CreatePricePlan) -> PricePlan:
        """Keeps a plan. Raises INVALID_FIELD, PRICE_PLAN_CURRENCY, REQUEST_ID_REUSED."""
        check_terms(command.terms)
        plan_id = PricePlanId(new_id("pln"))
        plan = PricePlan(plan_id, command.caller, command.terms, self._clock.now(), command.name)
        return await self._store.create_plan(command, fingerprint(command), plan)

    async def create_asset(self, command: CreateAsset) -> Asset:
        """Makes an asset, to be rented at once.

        Raises INVALID_FIELD, PRICE_PLAN_NOT_FOUND, ASSET_CODE_TAKEN, REQUEST_ID_REUSED.
        """
        if bool(command.price_plan_id) is bool(command.price_plan_name):
            raise invalid("price_plan_id", "an asset has either a plan or the name of one")
        asset = Asset(
            asset_id=AssetId(new_id("ast")),
            partner_id=command.caller,
            asset_kind=command.asset_kind,
            code=command.code,
            price_plan_id=command.price_plan_id,
            price_plan_name=command.price_plan_name,
            state=AssetState.AVAILABLE,
            created_at=self._clock.now(),
            city=command.city,
            asset_class=command.asset_class,
            monthly_rent_minor=command.monthly_rent_minor,
        )
        return await self._store.create_asset(command, fingerprint(command), asset)
