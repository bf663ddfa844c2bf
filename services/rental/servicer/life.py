"""LifeService on the wire: each method decodes, calls once, encodes."""

from __future__ import annotations

from typing import Protocol

import grpc

from freehold.rental.v1 import life_service_pb2 as pb
from freehold.rental.v1 import life_service_pb2_grpc as rpc
from services.rental.domain import RentalId
from services.rental.operations import Ask, Living
from services.rental.servicer.encoding import encode_rental
from services.rental.wire import moment
from services.runtime.interceptors import current_call
from services.values.access import MANAGERS, SERVING, Reach, Rule

LIFE_ACCESS = {
    "PauseRental": Rule(partner=Reach.OWN, scope="RENTALS"),
    "ResumeRental": Rule(partner=Reach.OWN, scope="RENTALS"),
    "ReportLost": Rule(partner=Reach.OWN, renter=Reach.OWN, scope="RENTALS", staff=SERVING),
    "ReportFound": Rule(partner=Reach.OWN, operator=Reach.ANY, scope="RENTALS", staff=MANAGERS),
    "ReportReturn": Rule(renter=Reach.OWN),
    "ResolveReturn": Rule(partner=Reach.OWN, operator=Reach.ANY, scope="RENTALS", staff=MANAGERS),
}
"""Who may call what."""

_Context = grpc.aio.ServicerContext[object, object]


class LifeServicer(rpc.LifeServiceServicer):
    """What happens between start and end."""

    def __init__(self, living: Living) -> None:
        self._living = living

    async def PauseRental(self, request: pb.PauseRentalRequest, _: _Context) -> pb.PauseRentalResponse:
        """Pauses."""
        return pb.PauseRentalResponse(rental=encode_rental(await self._living.pause(_ask(request))))

    async def ResumeRental(self, request: pb.ResumeRentalRequest, _: _Context) -> pb.ResumeRentalResponse:
        """Goes on."""
        return pb.ResumeRentalResponse(rental=encode_rental(await self._living.resume(_ask(request))))

    async def ReportLost(self, request: pb.ReportLostRequest, _: _Context) -> pb.ReportLostResponse:
        """Buys what is gone."""
        return pb.ReportLostResponse(rental=encode_rental(await self._living.report_lost(_ask(request))))

    async def ReportFound(self, request: pb.ReportFoundRequest, _: _Context) -> pb.ReportFoundResponse:
        """Undoes a purchase."""
        at = moment(request.returned_at) if request.HasField("returned_at") else None
        return pb.ReportFoundResponse(rental=encode_rental(await self._living.report_found(_ask(request), at)))

    async def ReportReturn(self, request: pb.ReportReturnRequest, _: _Context) -> pb.ReportReturnResponse:
        """Opens a dispute."""
        at = moment(request.claimed_end_at) if request.HasField("claimed_end_at") else None
        rental = await self._living.report_return(_ask(request), at, tuple(request.evidence))
        return pb.ReportReturnResponse(rental=encode_rental(rental))

    async def ResolveReturn(self, request: pb.ResolveReturnRequest, _: _Context) -> pb.ResolveReturnResponse:
        """Answers a dispute."""
        accepted = request.answer == pb.RETURN_ANSWER_ACCEPTED
        rental = await self._living.resolve_return(_ask(request), accepted)
        return pb.ResolveReturnResponse(rental=encode_rental(rental))


class _Command(Protocol):
    request_id: str
    rental_id: str


def _ask(request: _Command) -> Ask:
    return Ask(current_call().caller, request.request_id, RentalId(request.rental_id))
