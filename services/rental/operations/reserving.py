"""ReserveAsset and CancelReservation: an asset is kept for a renter who may rent it, for as long as its kind allows."""

from __future__ import annotations

from services.rental.domain import KINDS, PartnerId, RenterId, Reservation, ReservationId
from services.rental.domain.refusals import (
    ends_the_rental,
    for_now,
    kind_not_reservable,
    reservation_not_found,
    start_refusal,
)
from services.rental.operations.changing import Changing
from services.rental.operations.ports import CheckItem, Identity, Origin, Reservable, ReservationStore
from services.rental.operations.reading import may_read
from services.values.callers import Caller
from services.values.errors import Refusal
from services.values.ids import bucket_of, new_id_of
from services.values.requests import Request, fingerprint

_BATCH = 256


class Reserving:
    """Each command is carried out once per request_id; a repeat gives the reservation as it stands."""

    def __init__(self, store: ReservationStore, identity: Identity, changing: Changing) -> None:
        self._store = store
        self._identity = identity
        self._changing = changing

    async def reserve(self, partner_id: PartnerId, request_id: str, renter_id: RenterId, code: str) -> Reservation:
        """Keeps an asset for a linked and verified renter who is old enough for it, one at a time.

        Raises ASSET_NOT_FOUND, ASSET_NOT_AVAILABLE, KIND_NOT_RESERVABLE, RESERVATION_OPEN, REQUEST_ID_REUSED, and why
        the renter may not rent.
        """
        said = fingerprint(renter_id, code)
        request = Request(bucket_of(renter_id), partner_id, "ReserveAsset", request_id, said)
        before = await self._store.find(request)
        if before is not None:
            return before
        asset = await self._store.asset(partner_id, code)
        reserve_for = KINDS[asset.asset_kind].reserve_for
        if reserve_for is None:
            raise kind_not_reservable()
        await self._check(partner_id, renter_id, asset)
        now = self._changing.moment().now
        reservation = Reservation(
            reservation_id=ReservationId(new_id_of("rsv", renter_id)),
            partner_id=partner_id,
            renter_id=renter_id,
            asset_id=asset.asset_id,
            asset_code=code,
            reserved_at=now,
            expires_at=now + reserve_for,
        )
        return await self._store.reserve(request, reservation)

    async def cancel(self, caller: Caller, request_id: str, reservation_id: ReservationId) -> Reservation:
        """Frees the asset. Raises RESERVATION_NOT_FOUND, RESERVATION_NOT_HELD, REQUEST_ID_REUSED."""
        reservation = await self.get(caller, reservation_id)
        said = fingerprint(reservation_id)
        request = Request(bucket_of(reservation_id), caller.id, "CancelReservation", request_id, said)
        return await self._store.cancel(request, reservation, self._changing.moment().now)

    async def get(self, caller: Caller, reservation_id: ReservationId) -> Reservation:
        """One reservation. Raises RESERVATION_NOT_FOUND, also for another's."""
        reservation = await self._store.read(reservation_id)
        if reservation is None or not may_read(caller, reservation):
            raise reservation_not_found()
        return reservation

    async def sweep(self) -> int:
        """Frees what was kept for long enough, a batch at a time; answers how many."""
        return await self._store.expire(self._changing.moment().now, _BATCH)

    async def _check(self, partner_id: PartnerId, renter_id: RenterId, asset: Reservable) -> None:
        (standing,) = await self._identity.check([CheckItem(renter_id, partner_id, asset.asset_kind, Origin())])
        if isinstance(standing, Refusal):
            raise start_refusal(standing.reason, {}) if ends_the_rental(standing) else for_now(standing)
        if standing.objection is not None:
            raise start_refusal(standing.objection, {})
