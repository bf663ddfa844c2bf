"""A partner's assets: read, told more of, put from state to state, labelled."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from services.rental.domain import KINDS, AssetId, AssetState, PartnerId, fingerprint
from services.rental.domain.fleet import AssetPage, FleetAsset, PublicCode, SetAssetState, UpdateAsset
from services.rental.domain.refusals import asset_not_found
from services.rental.operations.fleet.ports import AssetKey, FleetStore
from services.values.clock import Clock


class Fleet:
    """`new_code` makes public codes, which nobody can guess."""

    def __init__(self, store: FleetStore, clock: Clock, new_code: Callable[[], str]) -> None:
        self._store = store
        self._clock = clock
        self._new_code = new_code

    async def get(self, partner_id: PartnerId, asset_id: AssetId) -> FleetAsset:
        """One asset. Raises ASSET_NOT_FOUND, also for another partner's."""
        found = await self._store.asset(partner_id, asset_id)
        if found is None:
            raise asset_not_found()
        return found

    async def list_assets(self, page: AssetPage) -> list[FleetAsset]:
        """A page of assets, by id."""
        return await self._store.assets(page)

    async def update(self, command: UpdateAsset) -> FleetAsset:
        """Tells something else of an asset; rentals that run keep what they were started under.

        Raises ASSET_NOT_FOUND, REQUEST_ID_REUSED.
        """
        return await self._store.update(command, fingerprint(command), self._clock.now())

    async def set_state(self, command: SetAssetState) -> FleetAsset:
        """Puts an asset into a state. One that is put in service has its kind's time until it counts as silent.

        Raises ASSET_NOT_FOUND, ASSET_STATE_NOT_ALLOWED, REQUEST_ID_REUSED.
        """
        now = self._clock.now()
        kind = KINDS[(await self.get(command.caller, command.asset_id)).asset.asset_kind]
        in_service = command.state is AssetState.AVAILABLE and kind.contact is not None
        check_at = now + kind.contact.silent_after if in_service and kind.contact else None
        return await self._store.set_state(command, fingerprint(command), now, check_at)

    async def public_codes(self, keys: Sequence[AssetKey]) -> dict[AssetKey, PublicCode]:
        """The public code of each asset, good until a rental of it begins; made when first asked for."""
        known = await self._store.codes(keys)
        missing = [key for key in keys if key not in known]
        if missing:
            await self._store.make_codes([(key, self._new_code()) for key in missing])
            known |= await self._store.codes(missing)
        return known

    async def shown_code(self, asset: FleetAsset) -> str:
        """The code that the asset's label shows."""
        if not asset.details.rotates:
            return asset.asset.code
        key = (asset.asset.partner_id, asset.asset.asset_id)
        return (await self.public_codes([key]))[key].code
