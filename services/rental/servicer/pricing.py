"""PricingService on the wire: prices line by line, and renters' passes."""

from __future__ import annotations

from datetime import timedelta

import grpc

from freehold.rental.v1 import pricing_service_pb2 as pb
from freehold.rental.v1 import pricing_service_pb2_grpc as rpc
from services.rental.domain import GrantPass, PartnerId, Pass, PricePlanId, RentalId, RenterId
from services.rental.domain.refusals import caller_not_allowed
from services.rental.operations import Origin, Passes, Prices, Quotation
from services.rental.servicer.calling import calling_partner
from services.rental.servicer.price_plans import decode_usage, encode_price
from services.rental.wire import ASSET_KINDS, moment, timestamp
from services.runtime.interceptors import current_call
from services.values.access import MANAGERS, SERVING, Reach, Rule
from services.values.callers import Caller, Role
from services.values.errors import invalid

PRICING_ACCESS = {
    "Quote": Rule(partner=Reach.OWN, scope="RENTALS", staff=SERVING),
    "EstimateCost": Rule(partner=Reach.OWN, renter=Reach.OWN, operator=Reach.ANY, scope="RENTALS", staff=SERVING),
    "GetReceipt": Rule(partner=Reach.OWN, renter=Reach.OWN, operator=Reach.ANY, scope="RENTALS", staff=SERVING),
    "GrantPass": Rule(partner=Reach.OWN, scope="RENTALS", staff=MANAGERS),
    "ListPasses": Rule(partner=Reach.OWN, renter=Reach.OWN, scope="RENTALS", staff=SERVING),
}
"""Who may call what."""

_Context = grpc.aio.ServicerContext[object, object]


class PricingServicer(rpc.PricingServiceServicer):
    """Explains prices and keeps passes."""

    def __init__(self, prices: Prices, passes: Passes) -> None:
        self._prices = prices
        self._passes = passes

    async def Quote(self, request: pb.QuoteRequest, _: _Context) -> pb.QuoteResponse:
        """Tells what a ride would cost."""
        asked = Quotation(
            partner_id=calling_partner(),
            asset_code=request.asset_code,
            price_plan_id=PricePlanId(request.price_plan_id) if request.price_plan_id else None,
            price_plan_name=request.price_plan_name,
            starts_at=moment(request.starts_at) if request.HasField("starts_at") else None,
            takes=timedelta(seconds=request.duration_seconds),
            usage=decode_usage(request.distance_metres, request.fee_codes, request.discount_code),
            renter_id=RenterId(request.renter_id) if request.renter_id else None,
        )
        return pb.QuoteResponse(price=encode_price(await self._prices.quote(asked)))

    async def EstimateCost(self, request: pb.EstimateCostRequest, _: _Context) -> pb.EstimateCostResponse:
        """Tells what a running rental would cost now."""
        usage = decode_usage(request.distance_metres, request.fee_codes, request.discount_code)
        priced = await self._prices.estimate(current_call().caller, RentalId(request.rental_id), usage)
        return pb.EstimateCostResponse(price=encode_price(priced))

    async def GetReceipt(self, request: pb.GetReceiptRequest, _: _Context) -> pb.GetReceiptResponse:
        """Tells what an ended rental cost."""
        rental, priced = await self._prices.receipt(current_call().caller, RentalId(request.rental_id))
        return pb.GetReceiptResponse(
            rental_id=rental.rental_id,
            price=encode_price(priced),
            started_at=timestamp(rental.started_at) if rental.started_at else None,
            distance_metres=rental.usage.distance_metres,
        )

    async def GrantPass(self, request: pb.GrantPassRequest, _: _Context) -> pb.GrantPassResponse:
        """Gives a renter a pass."""
        call = current_call()
        command = GrantPass(
            caller=calling_partner(),
            request_id=request.request_id,
            by=call.caller.id,
            renter_id=RenterId(request.renter_id),
            asset_kind=ASSET_KINDS.decode(request.asset_kind),
            free_minutes=request.free_minutes,
            percent_off=request.percent_off,
            valid_from=moment(request.valid_from) if request.HasField("valid_from") else None,
            valid_until=moment(request.valid_until),
        )
        granted = await self._passes.grant(command, Origin(call.deadline, call.traceparent))
        return pb.GrantPassResponse(granted=_encode_pass(granted))

    async def ListPasses(self, request: pb.ListPassesRequest, _: _Context) -> pb.ListPassesResponse:
        """Tells a renter's passes."""
        renter_id, partner_id = _whose(current_call().caller, request.renter_id)
        found = await self._passes.list_passes(renter_id, partner_id)
        return pb.ListPassesResponse(passes=[_encode_pass(one) for one in found])


def _whose(caller: Caller, asked: str) -> tuple[RenterId, PartnerId | None]:
    """A renter lists their own, at every partner; a partner those it granted to somebody it names."""
    if caller.role is Role.RENTER:
        if asked not in ("", caller.id):
            raise caller_not_allowed()
        return RenterId(caller.id), None
    if not asked:
        raise invalid("renter_id", "says whose passes")
    return RenterId(asked), calling_partner()


def _encode_pass(one: Pass) -> pb.Pass:
    return pb.Pass(
        pass_id=one.gives.pass_id,
        partner_id=one.partner_id,
        renter_id=one.renter_id,
        asset_kind=ASSET_KINDS.encode(one.asset_kind),
        free_minutes=one.gives.free_minutes,
        percent_off=one.gives.percent_off,
        valid_from=timestamp(one.valid_from),
        valid_until=timestamp(one.valid_until),
        granted_at=timestamp(one.granted_at),
    )
