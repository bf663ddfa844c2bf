"""RentalInternalService on the wire: deposits tells how far deposits and charges have come."""

from __future__ import annotations

import grpc

from freehold.rental.v1 import rental_internal_service_pb2 as pb
from freehold.rental.v1 import rental_internal_service_pb2_grpc as rpc
from services.rental.domain import DepositEvent, RentalId, Settlement
from services.rental.operations import ClosingRentals
from services.rental.wire import DEPOSIT_STATES, PAYMENT_STATUSES, moment
from services.runtime.statuses import to_item_status
from services.values.errors import Refusal, invalid

_Context = grpc.aio.ServicerContext[object, object]


class RentalInternalServicer(rpc.RentalInternalServiceServicer):
    """Takes events at least once; telling one twice changes nothing."""

    def __init__(self, closing: ClosingRentals) -> None:
        self._closing = closing

    async def Deliver(self, request: pb.DeliverRequest, _: _Context) -> pb.DeliverResponse:
        """Applies events, in order per rental."""
        events = [_decode(event) for event in request.events]
        good = [event for event in events if isinstance(event, DepositEvent)]
        told = iter(await self._closing.tell(good))
        outcomes = [event if isinstance(event, Refusal) else next(told) for event in events]
        return pb.DeliverResponse(statuses=[to_item_status(outcome) for outcome in outcomes])


def _decode(event: pb.DepositEvent) -> DepositEvent | Refusal:
    state, status = DEPOSIT_STATES.decode(event.deposit_state), PAYMENT_STATUSES.decode(event.payment_status)
    if state is None or status is None:
        return invalid("deposit_state" if state is None else "payment_status", "is not known here")
    return DepositEvent(
        event_id=event.event_id,
        rental_id=RentalId(event.rental_id),
        settlement=Settlement(state, status),
        occurred_at=moment(event.occurred_at),
        hold_expired=event.hold_event == pb.HOLD_EVENT_EXPIRED,
    )
