"""RentalService on the wire: each method decodes, calls once, encodes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import grpc

from freehold.rental.v1 import rental_service_pb2 as pb
from freehold.rental.v1 import rental_service_pb2_grpc as rpc
from services.rental.domain import (
    AssetKind,
    CancelRental,
    CreateAsset,
    CreatePricePlan,
    EndRental,
    PaymentMethodId,
    PricePlanId,
    Rental,
    RentalId,
    RenterId,
    StartRental,
)
from services.rental.domain.refusals import caller_not_allowed
from services.rental.operations import Catalogue, Origin, Page, Reading, StartAsk, Started
from services.rental.servicer.calling import calling_partner
from services.rental.servicer.encoding import encode_asset, encode_rental
from services.rental.servicer.paging import read_token, token_after
from services.rental.servicer.price_plans import decode_terms, decode_usage, encode_plan
from services.rental.wire import ASSET_KINDS, RENTAL_STATES, moment
from services.runtime.interceptors import current_call
from services.runtime.rates import Limit
from services.values.access import MANAGERS, SERVING, Reach, Rule
from services.values.callers import Caller, Role
from services.values.errors import invalid
from services.values.money import Money

ACCESS = {
    "CreatePricePlan": Rule(partner=Reach.OWN, scope="ASSETS", staff=MANAGERS),
    "CreateAsset": Rule(partner=Reach.OWN, scope="ASSETS", staff=MANAGERS),
    "StartRental": Rule(partner=Reach.OWN, scope="RENTALS"),
    "EndRental": Rule(partner=Reach.OWN, scope="RENTALS"),
    "CancelRental": Rule(partner=Reach.OWN, scope="RENTALS"),
    "GetRental": Rule(partner=Reach.OWN, renter=Reach.OWN, operator=Reach.ANY, scope="RENTALS", staff=SERVING),
    "ListRentals": Rule(partner=Reach.OWN, renter=Reach.OWN, scope="RENTALS", staff=SERVING),
}
"""Who may call what."""
LIMITS = {"StartRental": Limit("20/second", "renter_id")}
"""How often one caller may call about one person: starts of one person wait for each other."""

DEFAULT_PAGE = 50
ANSWER_MARGIN_SECONDS = 0.25
"""How long before the caller's deadline a rental that still waits for the processor is answered as it is."""

_Context = grpc.aio.ServicerContext[object, object]


class RentalServicer(rpc.RentalServiceServicer):
    """`start`, `end` and `cancel` take one command each; behind them, those that come together go together."""

    def __init__(
        self,
        start: Callable[[StartAsk], Awaitable[Started]],
        end: Callable[[EndRental], Awaitable[Rental]],
        cancel: Callable[[CancelRental], Awaitable[Rental]],
        catalogue: Catalogue,
        reading: Reading,
    ) -> None:
        self._start = start
        self._end = end
        self._cancel = cancel
        self._catalogue = catalogue
        self._reading = reading

    async def CreatePricePlan(self, request: pb.CreatePricePlanRequest, _: _Context) -> pb.CreatePricePlanResponse:
        """Keeps a price plan."""
        caller, terms = calling_partner(), decode_terms(request)
        command = CreatePricePlan(caller, request.request_id, current_call().caller.id, terms, request.name)
        plan = await self._catalogue.create_plan(command)
        return pb.CreatePricePlanResponse(price_plan=encode_plan(plan))

    async def CreateAsset(self, request: pb.CreateAssetRequest, _: _Context) -> pb.CreateAssetResponse:
        """Makes an asset."""
        command = CreateAsset(
            caller=calling_partner(),
            request_id=request.request_id,
            by=current_call().caller.id,
            asset_kind=_kind(request.asset_kind),
            code=request.code,
            price_plan_id=PricePlanId(request.price_plan_id) if request.price_plan_id else None,
            price_plan_name=request.price_plan_name,
            city=request.city,
            asset_class=request.asset_class,
            monthly_rent_minor=request.monthly_rent_minor,
        )
        return pb.CreateAssetResponse(asset=encode_asset(await self._catalogue.create_asset(command)))

    async def StartRental(self, request: pb.StartRentalRequest, _: _Context) -> pb.StartRentalResponse:
        """Rents an asset."""
        call = current_call()
        command = StartRental(
            caller=calling_partner(),
            request_id=request.request_id,
            renter_id=RenterId(request.renter_id),
            asset_code=request.asset_code,
            payment_method_id=PaymentMethodId(request.payment_method_id) if request.payment_method_id else None,
        )
        started = await self._start(StartAsk(command, Origin(call.deadline, call.traceparent)))
        rental = await started.outcome(call.remaining() - ANSWER_MARGIN_SECONDS)
        return pb.StartRentalResponse(rental=encode_rental(rental))

    async def EndRental(self, request: pb.EndRentalRequest, _: _Context) -> pb.EndRentalResponse:
        """Returns an asset."""
        metres = request.distance_metres if request.HasField("distance_metres") else None
        usage = decode_usage(metres, request.fee_codes, request.discount_code)
        rental_id, told = RentalId(request.rental_id), _told_charge(request)
        rental = await self._end(EndRental(calling_partner(), request.request_id, rental_id, usage, told))
        return pb.EndRentalResponse(rental=encode_rental(rental))

    async def CancelRental(self, request: pb.CancelRentalRequest, _: _Context) -> pb.CancelRentalResponse:
        """Undoes a rental."""
        rental = await self._cancel(CancelRental(calling_partner(), request.request_id, RentalId(request.rental_id)))
        return pb.CancelRentalResponse(rental=encode_rental(rental))

    async def GetRental(self, request: pb.GetRentalRequest, _: _Context) -> pb.GetRentalResponse:
        """Tells one rental."""
        rental = await self._reading.get(current_call().caller, RentalId(request.rental_id))
        return pb.GetRentalResponse(rental=encode_rental(rental))

    async def ListRentals(self, request: pb.ListRentalsRequest, _: _Context) -> pb.ListRentalsResponse:
        """Tells a page of rentals."""
        page = _page(current_call().caller, request)
        rentals, more = await self._reading.list_rentals(replace(page, before=read_token(page, request.page_token)))
        return pb.ListRentalsResponse(
            rentals=[encode_rental(rental) for rental in rentals],
            next_page_token=token_after(page, rentals[-1].rental_id) if more else "",
        )


def _told_charge(request: pb.EndRentalRequest) -> Money | None:
    told = request.told_charge
    return Money(told.currency_code, told.amount_minor) if request.HasField("told_charge") else None


def _kind(value: int) -> AssetKind:
    kind = ASSET_KINDS.decode(value)
    if kind is None:
        raise invalid("asset_kind", "is not a kind that can be rented")
    return kind


def _page(caller: Caller, request: pb.ListRentalsRequest) -> Page:
    """A partner lists its own rentals, of one renter or of all; a renter lists their own, at every partner."""
    renter_id = RenterId(request.renter_id) if request.renter_id else None
    partner_id = None
    if caller.role is Role.RENTER:
        if renter_id not in (None, caller.id):
            raise caller_not_allowed()
        renter_id = RenterId(caller.id)
    else:
        partner_id = calling_partner()
    state = RENTAL_STATES.decode(request.state)
    return Page(
        partner_id,
        renter_id,
        state,
        None,
        request.page_size or DEFAULT_PAGE,
        asset_kind=ASSET_KINDS.decode(request.asset_kind),
        asset_code=request.asset_code,
        city=request.city,
        requested_from=moment(request.requested_from) if request.HasField("requested_from") else None,
        requested_before=moment(request.requested_before) if request.HasField("requested_before") else None,
        overdue=request.overdue,
    )
