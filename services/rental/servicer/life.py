"""LifeService on the wire: each method decodes, calls once, encodes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, Protocol

import grpc

from freehold.money.v1 import money_pb2
from freehold.rental.v1 import life_service_pb2 as pb
from freehold.rental.v1 import life_service_pb2_grpc as rpc
from services.rental.domain import Happened, RentalId
from services.rental.operations import Ask, Living, Watching
from services.rental.servicer.encoding import encode_rental
from services.rental.wire import moment, money, timestamp
from services.runtime.interceptors import current_call
from services.values.access import MANAGERS, SERVING, Reach, Rule
from services.values.money import Money

LIFE_ACCESS = {
    "PauseRental": Rule(partner=Reach.OWN, scope="RENTALS"),
    "ResumeRental": Rule(partner=Reach.OWN, scope="RENTALS"),
    "ReportLost": Rule(partner=Reach.OWN, renter=Reach.OWN, scope="RENTALS", staff=SERVING),
    "ReportFound": Rule(partner=Reach.OWN, operator=Reach.ANY, scope="RENTALS", staff=MANAGERS),
    "ReportReturn": Rule(renter=Reach.OWN),
    "WatchRental": Rule(partner=Reach.OWN, renter=Reach.OWN, operator=Reach.ANY, scope="RENTALS", staff=SERVING),
    "ResolveReturn": Rule(partner=Reach.OWN, operator=Reach.ANY, scope="RENTALS", staff=MANAGERS),
}
"""Who may call what."""

_Context = grpc.aio.ServicerContext[object, object]


class LifeServicer(rpc.LifeServiceServicer):
    """What happens between start and end."""

    def __init__(self, living: Living, watching: Watching) -> None:
        self._living = living
        self._watching = watching

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

    async def WatchRental(self, request: pb.WatchRentalRequest, _: _Context) -> AsyncIterator[pb.WatchRentalResponse]:
        """Tells what happens."""
        caller, rental_id = current_call().caller, RentalId(request.rental_id)
        async for seen in self._watching.watch(caller, rental_id, request.after_sequence):
            yield pb.WatchRentalResponse(
                events=[_event(happened) for happened in seen.events],
                rental=encode_rental(seen.rental),
                price=money(seen.price) if seen.price else None,
            )


class _Command(Protocol):
    request_id: str
    rental_id: str


def _event(happened: Happened) -> pb.RentalEvent:
    data = happened.event.data
    claimed = data.get("claimed_end_at")
    return pb.RentalEvent(
        sequence=happened.sequence,
        kind=happened.event.kind,
        occurred_at=timestamp(happened.occurred_at),
        charge=_amount(data, "charge_minor"),
        purchase=_amount(data, "purchase_minor"),
        reason=data.get("reason", ""),
        claimed_end_at=timestamp(datetime.fromisoformat(claimed)) if claimed else None,
        evidence=data.get("evidence", ()),
    )


def _amount(data: Mapping[str, Any], name: str) -> money_pb2.Money | None:
    return money(Money(data["currency_code"], data[name])) if name in data else None


def _ask(request: _Command) -> Ask:
    return Ask(current_call().caller, request.request_id, RentalId(request.rental_id))
