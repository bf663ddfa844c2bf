"""ReservationService on the wire: each method decodes, calls once, encodes."""

from __future__ import annotations

import grpc

from freehold.rental.v1 import reservation_service_pb2 as pb
from freehold.rental.v1 import reservation_service_pb2_grpc as rpc
from services.rental.domain import PartnerId, RenterId, Reservation, ReservationId
from services.rental.domain.refusals import caller_not_allowed
from services.rental.operations import Reserving
from services.rental.wire import RESERVATION_STATES, timestamp
from services.runtime.interceptors import current_call
from services.runtime.rates import Limit
from services.values.access import SERVING, Reach, Rule

RESERVATION_ACCESS = {
    "ReserveAsset": Rule(partner=Reach.OWN, scope="RENTALS"),
    "CancelReservation": Rule(partner=Reach.OWN, renter=Reach.OWN, scope="RENTALS"),
    "GetReservation": Rule(partner=Reach.OWN, renter=Reach.OWN, operator=Reach.ANY, scope="RENTALS", staff=SERVING),
}
"""Who may call what."""
RESERVATION_LIMITS = {"ReserveAsset": Limit("20/minute", "renter_id")}
"""How often one caller may call about one person: nobody keeps a street of bikes by asking again and again."""

_Context = grpc.aio.ServicerContext[object, object]


class ReservationServicer(rpc.ReservationServiceServicer):
    """Keeps assets for people."""

    def __init__(self, reserving: Reserving) -> None:
        self._reserving = reserving

    async def ReserveAsset(self, request: pb.ReserveAssetRequest, _: _Context) -> pb.ReserveAssetResponse:
        """Keeps one."""
        partner_id = current_call().caller.partner_id
        if partner_id is None:
            raise caller_not_allowed()
        renter_id = RenterId(request.renter_id)
        made = await self._reserving.reserve(PartnerId(partner_id), request.request_id, renter_id, request.asset_code)
        return pb.ReserveAssetResponse(reservation=_encode(made))

    async def CancelReservation(
        self, request: pb.CancelReservationRequest, _: _Context
    ) -> pb.CancelReservationResponse:
        """Lets one go."""
        reservation_id = ReservationId(request.reservation_id)
        over = await self._reserving.cancel(current_call().caller, request.request_id, reservation_id)
        return pb.CancelReservationResponse(reservation=_encode(over))

    async def GetReservation(self, request: pb.GetReservationRequest, _: _Context) -> pb.GetReservationResponse:
        """Tells one."""
        found = await self._reserving.get(current_call().caller, ReservationId(request.reservation_id))
        return pb.GetReservationResponse(reservation=_encode(found))


def _encode(reservation: Reservation) -> pb.Reservation:
    return pb.Reservation(
        reservation_id=reservation.reservation_id,
        partner_id=reservation.partner_id,
        renter_id=reservation.renter_id,
        asset_id=reservation.asset_id,
        asset_code=reservation.asset_code,
        state=RESERVATION_STATES.encode(reservation.state),
        reserved_at=timestamp(reservation.reserved_at),
        expires_at=timestamp(reservation.expires_at),
        rental_id=reservation.rental_id or "",
    )
