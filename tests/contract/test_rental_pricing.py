"""Prices over the sockets: every rule of a plan survives the wire, and each price says why it is what it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from rental_world import World, now, refusal_of, rental_world, token

from freehold.rental.v1 import price_plan_pb2 as prices
from freehold.rental.v1 import pricing_service_pb2 as pricing
from freehold.rental.v1 import rental_service_pb2 as pb
from freehold.rental.v1.pricing_service_pb2_grpc import PricingServiceStub
from services.values.ids import new_renter_id

PLAN = {
    "requestId": "plan-1",
    "currencyCode": "CNY",
    "baseMinor": "100",
    "segments": [{"startMinute": 10, "endMinute": 600, "rateMinor": "50", "intervalMinutes": 15}],
    "capPerDayMinor": "1200",
    "name": "e-bikes",
    "distanceSegments": [{"startMetre": 500, "endMetre": 90000, "rateMinor": "20", "intervalMetres": 1000}],
    "caps": [{"windowMinutes": 120, "capMinor": "500"}],
    "totalCapMinor": "9900",
    "freeMinutes": 3,
    "nights": [{"fromMinute": 1320, "toMinute": 420, "capMinor": "150"}],
    "timeZone": "Europe/Berlin",
    "fees": [{"code": "OUT_OF_ZONE", "amountMinor": "700"}],
    "discounts": [
        {"code": "MAY", "percent": 10, "validFrom": "2026-05-01T00:00:00Z", "validUntil": "2026-06-01T00:00:00Z"}
    ],
}


@pytest.fixture(scope="module")
def dsn(fresh_database: Callable[..., str]) -> str:
    return fresh_database("rental_prices_contract", "rental")


@pytest.fixture
async def world(dsn: str, tmp_path: Path) -> AsyncIterator[World]:
    async with rental_world(dsn, tmp_path) as world:
        yield world


async def ask(world: World, method: str, request: Any, bearer: str | None = None) -> Any:
    metadata = (("authorization", f"Bearer {bearer or world.partner_key}"),)
    return await getattr(PricingServiceStub(world.channel), method)(request, timeout=10, metadata=metadata)


async def refused(call: Any) -> tuple[str, str, dict[str, str], list[str]]:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return refusal_of(raised.value)


def create(**fields: Any) -> pb.CreatePricePlanRequest:
    return ParseDict({**PLAN, **fields}, pb.CreatePricePlanRequest())


async def a_bike(world: World, code: str, **priced: Any) -> Any:
    request = pb.CreateAssetRequest(request_id=code, code=code, asset_kind="ASSET_KIND_BIKE", **priced)
    return (await world.call("CreateAsset", request)).asset


async def test_a_plan_comes_back_as_it_was_sent(world: World) -> None:
    answered = (await world.call("CreatePricePlan", create())).price_plan
    told = MessageToDict(answered)
    assert {key: told[key] for key in PLAN if key != "requestId"} == {k: v for k, v in PLAN.items() if k != "requestId"}
    assert answered.version == 1
    second = (await world.call("CreatePricePlan", create(requestId="plan-2"))).price_plan
    assert (second.version, second.name) == (2, "e-bikes")
    follows = await a_bike(world, "b1", price_plan_name="e-bikes")
    assert (follows.price_plan_id, follows.price_plan_name) == ("", "e-bikes")
    assert (await a_bike(world, "b2", price_plan_id=answered.price_plan_id)).price_plan_name == ""


@pytest.mark.parametrize(
    ("fields", "blamed"),
    [
        ({"caps": [{"windowMinutes": 59, "capMinor": "1"}]}, ["caps[0].window_minutes"]),
        ({"caps": [{"windowMinutes": 60}]}, ["caps[0].cap_minor"]),
        ({"timeZone": "Mars/Olympus"}, ["time_zone"]),
        ({"fees": [{"code": "out", "amountMinor": "1"}]}, ["fees[0].code"]),
        ({"fees": [{"code": "A", "amountMinor": "1"}] * 2}, ["fees[1].code"]),
        ({"nights": [{"fromMinute": 1440}]}, ["nights[0].from_minute"]),
        ({"name": "E Bikes"}, ["name"]),
    ],
)
async def test_wrong_terms_name_their_fields(world: World, fields: dict[str, Any], blamed: list[str]) -> None:
    answer = await refused(world.call("CreatePricePlan", create(**fields)))
    assert (answer[:2], answer[3]) == (("INVALID_ARGUMENT", "INVALID_FIELD"), blamed)


async def test_a_ride_is_explained_before_during_and_after(world: World) -> None:
    plan = create(nights=[], discounts=[{"code": "TEN", "percent": 10}])
    await world.call("CreatePricePlan", plan)
    await a_bike(world, "b1", price_plan_name="e-bikes")
    quote = pricing.QuoteRequest(
        asset_code="b1", duration_seconds=29 * 60, distance_metres=2000, fee_codes=["OUT_OF_ZONE"], discount_code="TEN"
    )
    quoted = (await ask(world, "Quote", quote)).price
    lines = [
        (prices.PriceLineKind.Name(line.kind)[16:], line.quantity, line.size, line.amount_minor)
        for line in quoted.lines
    ]
    assert lines == [
        ("BASE", 1, 1, 100),
        ("FREE_MINUTES", 3, 1, 0),
        ("TIME", 2, 15, 100),
        ("DISTANCE", 2, 1000, 40),
        ("DISCOUNT", 1, 1, -24),
        ("FEE", 1, 1, 700),
    ]
    assert [line.code for line in quoted.lines[-2:]] == ["TEN", "OUT_OF_ZONE"]
    assert quoted.lines[2].text_key == "price.time"
    assert quoted.total.amount_minor == sum(line.amount_minor for line in quoted.lines) == 916

    renter = new_renter_id("rnt")
    rental = await world.start("b1", renter)
    mine = token("renter", renter, world.partner_id)
    estimate = pricing.EstimateCostRequest(rental_id=rental.rental_id, distance_metres=800)
    running = (await ask(world, "EstimateCost", estimate, mine)).price
    assert (running.total.amount_minor, running.price_plan_id) == (20, rental.price_plan_id)
    unended = await refused(ask(world, "GetReceipt", pricing.GetReceiptRequest(rental_id=rental.rental_id), mine))
    assert unended[:3] == ("FAILED_PRECONDITION", "RENTAL_NOT_ENDED", {"state": "ACTIVE"})

    end = pb.EndRentalRequest(
        request_id="e", rental_id=rental.rental_id, distance_metres=800, fee_codes=["OUT_OF_ZONE"]
    )
    ended = (await world.call("EndRental", end)).rental
    receipt = await ask(world, "GetReceipt", pricing.GetReceiptRequest(rental_id=rental.rental_id), mine)
    assert receipt.price.total == ended.charge
    assert (receipt.price.total.amount_minor, receipt.distance_metres) == (720, 800)
    end.fee_codes[:] = []
    assert (await refused(world.call("EndRental", end)))[1] == "REQUEST_ID_REUSED"
    stranger = token("renter", new_renter_id("rnt"), world.partner_id)
    assert (await refused(ask(world, "EstimateCost", estimate, stranger)))[1] == "RENTAL_NOT_FOUND"


async def test_whoever_asks_for_no_plan_or_another_partners_gets_none(world: World) -> None:
    assert (await refused(ask(world, "Quote", pricing.QuoteRequest())))[3] == ["subject"]
    nowhere = [pricing.QuoteRequest(asset_code="b9"), pricing.QuoteRequest(price_plan_name="nobodys")]
    assert [(await refused(ask(world, "Quote", one)))[1] for one in nowhere] == [
        "ASSET_NOT_FOUND",
        "PRICE_PLAN_NOT_FOUND",
    ]
    await world.bikes("b1")
    fee = pricing.QuoteRequest(asset_code="b1", fee_codes=["OUT_OF_ZONE"])
    assert (await refused(ask(world, "Quote", fee)))[:2] == ("FAILED_PRECONDITION", "FEE_NOT_IN_PLAN")


async def test_a_pass_is_granted_listed_and_used(world: World) -> None:
    await world.bikes("b1")
    renter, until = new_renter_id("rnt"), now() + timedelta(days=30)
    grant = pricing.GrantPassRequest(request_id="p-1", renter_id=renter, free_minutes=30)
    grant.valid_until.FromDatetime(until)
    granted = (await ask(world, "GrantPass", grant)).granted
    assert (granted.renter_id, granted.free_minutes, granted.percent_off) == (renter, 30, 0)
    assert (await ask(world, "GrantPass", grant)).granted == granted
    mine = token("renter", renter, world.partner_id)
    by_renter = await ask(world, "ListPasses", pricing.ListPassesRequest(), mine)
    by_partner = await ask(world, "ListPasses", pricing.ListPassesRequest(renter_id=renter))
    assert list(by_renter.passes) == list(by_partner.passes) == [granted]
    assert (await refused(ask(world, "ListPasses", pricing.ListPassesRequest())))[3] == ["renter_id"]
    other = pricing.ListPassesRequest(renter_id=new_renter_id("rnt"))
    assert (await refused(ask(world, "ListPasses", other, mine)))[1] == "CALLER_NOT_ALLOWED"
    rental = await world.start("b1", renter)
    assert (await world.end(rental.rental_id)).charge.amount_minor == 0
    receipt = await ask(world, "GetReceipt", pricing.GetReceiptRequest(rental_id=rental.rental_id))
    used = receipt.price.lines[-1]
    assert (used.kind, used.code, used.amount_minor) == (prices.PRICE_LINE_KIND_PASS, granted.pass_id, -150)


async def test_only_whoever_is_linked_gets_a_pass(world: World) -> None:
    stranger = new_renter_id("rnt")
    world.identity.servicer.answers = {stranger: {"linked": False}}
    grant = pricing.GrantPassRequest(request_id="p-1", renter_id=stranger, free_minutes=30)
    grant.valid_until.FromDatetime(now() + timedelta(days=1))
    assert (await refused(ask(world, "GrantPass", grant)))[:2] == ("FAILED_PRECONDITION", "RENTER_NOT_LINKED")
    grant.free_minutes = 0
    assert (await refused(ask(world, "GrantPass", grant)))[3] == ["percent_off"]
