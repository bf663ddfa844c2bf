"""Prices on a real database: a plan is kept whole, versions supersede each other, a receipt says what was charged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from rental_house import House, a_renter, open_house
from rental_kit import GOOD, NOON, TERMS

from services.rental.domain import (
    NO_USAGE,
    AssetKind,
    CreateAsset,
    CreatePricePlan,
    Discount,
    DistanceSegment,
    Fee,
    GrantPass,
    LineKind,
    NightRule,
    Pass,
    PriceCap,
    PricePlan,
    PriceSegment,
    PriceTerms,
    Rental,
    RentalState,
    RenterId,
    Usage,
)
from services.rental.operations import Origin, Quotation
from services.rental.store import PostgresPricing
from services.runtime import personal_data
from services.runtime.queries import load_queries
from services.values.callers import Caller, Role
from services.values.errors import Refusal
from services.values.ids import new_id

RICH = PriceTerms(
    currency="CNY",
    base_minor=100,
    segments=(PriceSegment(0, 0, 250, 30),),
    cap_per_day_minor=2000,
    distance_segments=(DistanceSegment(0, 0, 80, 1000),),
    caps=(PriceCap(4320, 5000),),
    total_cap_minor=9900,
    free_minutes=5,
    nights=(NightRule(1320, 420, 0),),
    time_zone="Europe/Berlin",
    fees=(Fee("OUT_OF_ZONE", 500),),
    discounts=(Discount("MAY", 10, 0, NOON, NOON + timedelta(days=1)), Discount("FIVE", 0, 500, None, None)),
)


@pytest.fixture(scope="module")
def dsn(fresh_database: Callable[..., str]) -> str:
    return fresh_database("rental_prices", "rental")


@pytest_asyncio.fixture
async def house(dsn: str) -> AsyncIterator[House]:
    async with open_house(dsn) as one:
        yield one


async def a_plan(house: House, terms: PriceTerms = TERMS, name: str = "", **fields: Any) -> PricePlan:
    command = CreatePricePlan(house.partner_id, new_id("req"), house.partner_id, terms, name)
    return await house.catalogue.create_plan(replace(command, **fields))


async def a_bike(house: House, code: str, **priced: Any) -> None:
    fields = {"price_plan_id": None, **priced}
    command = CreateAsset(house.partner_id, f"asset-{code}", house.partner_id, AssetKind.BIKE, code, **fields)
    await house.catalogue.create_asset(command)


def a_grant(house: House, renter_id: RenterId, **fields: Any) -> GrantPass:
    until = NOON + timedelta(days=30)
    grant = GrantPass(house.partner_id, "pass-1", house.partner_id, renter_id, None, 30, 0, None, until)
    return replace(grant, **fields)


async def grant(house: House, renter_id: RenterId, **fields: Any) -> Pass:
    return await house.passes.grant(a_grant(house, renter_id, **fields), Origin())


def partner(house: House) -> Caller:
    return Caller(Role.PARTNER, house.partner_id, house.partner_id)


def a_quotation(house: House, **fields: Any) -> Quotation:
    return replace(Quotation(house.partner_id, "", None, "", None, timedelta(), NO_USAGE, None), **fields)


async def reason(call: Any) -> str:
    with pytest.raises(Refusal) as refused:
        await call
    return refused.value.reason


async def test_a_plan_is_kept_whole(house: House) -> None:
    command = CreatePricePlan(house.partner_id, "plan-1", house.partner_id, RICH, "city")
    made = await house.catalogue.create_plan(command)
    assert await house.catalogue.create_plan(command) == made
    again = replace(command, terms=replace(RICH, fees=(Fee("OUT_OF_ZONE", 501),)))
    assert await reason(house.catalogue.create_plan(again)) == "REQUEST_ID_REUSED"
    await a_bike(house, "b1", price_plan_id=made.price_plan_id)
    plan, kind = await PostgresPricing(house.db).plan_of_asset(house.partner_id, "b1")
    assert (plan, kind) == (made, AssetKind.BIKE)
    assert (plan.terms, plan.name, plan.version) == (RICH, "city", 1)


async def test_new_rentals_cost_what_the_newest_version_says_and_running_ones_what_theirs_said(house: House) -> None:
    first = await a_plan(house, name="city")
    await a_bike(house, "follows", price_plan_name="city")
    await a_bike(house, "follows-too", price_plan_name="city")
    await a_bike(house, "fixed", price_plan_id=first.price_plan_id)
    running = await house.riding("follows")
    second = await a_plan(house, replace(TERMS, base_minor=700), "city")
    assert (first.version, second.version) == (1, 2)
    later, fixed = await house.riding("follows-too"), await house.riding("fixed")
    pinned = [running.price_plan_id, later.price_plan_id, fixed.price_plan_id]
    assert pinned == [first.price_plan_id, second.price_plan_id, first.price_plan_id]
    house.hands.turn(minutes=10)
    ended = [await house.end(rental.rental_id, f"end-{n}") for n, rental in enumerate((running, later, fixed))]
    assert [rental.charge.amount_minor for rental in ended] == [150, 850, 150]
    assert (await house.prices.quote(a_quotation(house, price_plan_name="city"))).price_plan_id == second.price_plan_id


async def test_versions_made_at_once_are_counted_without_a_gap(house: House) -> None:
    plans = await asyncio.gather(*(a_plan(house, name="city") for _ in range(6)))
    assert sorted(plan.version for plan in plans) == [1, 2, 3, 4, 5, 6]
    assert await reason(a_plan(house, replace(TERMS, currency="EUR"), "city")) == "PRICE_PLAN_CURRENCY"
    assert (await a_plan(house, replace(TERMS, currency="EUR"), "other")).version == 1


@pytest.mark.parametrize(
    ("priced", "expected"),
    [
        ({"price_plan_name": "nobody-made-it"}, "PRICE_PLAN_NOT_FOUND"),
        ({}, "INVALID_FIELD"),
        ({"price_plan_id": "pln_1", "price_plan_name": "city"}, "INVALID_FIELD"),
    ],
)
async def test_an_asset_has_a_plan_or_the_name_of_one(house: House, priced: dict[str, Any], expected: str) -> None:
    assert await reason(a_bike(house, "b1", **priced)) == expected


async def test_a_quote_an_estimate_the_charge_and_its_receipt_agree(house: House) -> None:
    plan, renter = await a_plan(house, RICH), a_renter()
    await a_bike(house, "b1", price_plan_id=plan.price_plan_id)
    held = await grant(house, renter, percent_off=20)
    usage = Usage(2300, ("OUT_OF_ZONE",), "MAY")
    quoted = await house.prices.quote(
        a_quotation(house, asset_code="b1", takes=timedelta(hours=3), usage=usage, renter_id=renter)
    )
    rental = await house.riding("b1", renter)
    house.hands.turn(hours=3)
    estimated = await house.prices.estimate(partner(house), rental.rental_id, usage)
    (ended, statements) = await house.count(lambda: house.end(rental.rental_id, usage=usage))
    assert statements == 3, "one read, one write of the return, one of what deposits answered"
    _, receipt = await house.prices.receipt(partner(house), rental.rental_id)
    assert quoted.itemisation == estimated.itemisation == receipt.itemisation
    assert receipt.itemisation.total == ended.charge
    assert receipt.itemisation.pass_used == held.gives
    kinds = [line.kind for line in receipt.itemisation.lines]
    assert kinds[-4:] == [LineKind.DISTANCE, LineKind.PASS, LineKind.DISCOUNT, LineKind.FEE]
    assert (await house.now(rental.rental_id)).usage == usage


async def test_the_same_return_with_another_usage_is_another_command(house: House) -> None:
    plan = await a_plan(house, RICH)
    await a_bike(house, "b1", price_plan_id=plan.price_plan_id)
    rental = await house.riding("b1")
    first = await house.end(rental.rental_id, usage=Usage(900))
    assert isinstance(first, Rental)
    assert await house.end(rental.rental_id, usage=Usage(900)) == await house.now(rental.rental_id)
    other = await house.end(rental.rental_id, usage=Usage(901))
    assert isinstance(other, Refusal)
    assert other.reason == "REQUEST_ID_REUSED"


async def test_a_return_for_what_the_plan_does_not_know_is_refused_and_leaves_the_rental_running(house: House) -> None:
    plan = await a_plan(house, RICH)
    await a_bike(house, "b1", price_plan_id=plan.price_plan_id)
    house.hands.turn(days=1)
    rental = await house.riding("b1")
    wrong = [Usage(fee_codes=("RE_DISPATCH",)), Usage(discount_code="JUNE"), Usage(discount_code="MAY")]
    for usage, expected in zip(wrong, ["FEE_NOT_IN_PLAN", "DISCOUNT_NOT_IN_PLAN", "DISCOUNT_NOT_VALID"], strict=True):
        refusal = await house.end(rental.rental_id, usage=usage)
        assert isinstance(refusal, Refusal)
        assert refusal.reason == expected
        assert await reason(house.prices.estimate(partner(house), rental.rental_id, usage)) == expected
    assert (await house.now(rental.rental_id)).state is RentalState.ACTIVE
    assert isinstance(await house.end(rental.rental_id), Rental), "the same request_id, without"


async def test_a_pass_is_granted_once_to_whoever_is_linked(house: House) -> None:
    renter, stranger = a_renter(), a_renter()
    granted = await asyncio.gather(*(grant(house, renter) for _ in range(4)))
    assert len({one.gives.pass_id for one in granted}) == 1
    house.identity.standings[renter] = replace(GOOD, linked=False)
    assert await grant(house, renter) == granted[0], "what was granted stays granted"
    assert await reason(grant(house, renter, request_id="pass-2")) == "RENTER_NOT_LINKED"
    assert await reason(grant(house, renter, free_minutes=31)) == "REQUEST_ID_REUSED"
    house.identity.down = True
    assert await reason(grant(house, stranger)) == "UPSTREAM_UNAVAILABLE"
    assert await house.passes.list_passes(renter, None) == [granted[0]]
    assert await house.passes.list_passes(renter, house.another().partner_id) == [granted[0]]
    assert await house.passes.list_passes(stranger, None) == []


@pytest.mark.parametrize(
    "fields", [{"free_minutes": 0}, {"valid_until": NOON}, {"valid_from": NOON + timedelta(days=40)}]
)
async def test_a_pass_that_gives_nothing_is_refused(house: House, fields: dict[str, Any]) -> None:
    assert await reason(grant(house, a_renter(), **fields)) == "INVALID_FIELD"


@pytest.mark.parametrize(
    ("fields", "charge_minor"),
    [
        ({}, 150),
        ({"free_minutes": 0, "percent_off": 50}, 150),
        ({"free_minutes": 60}, 0),
        ({"asset_kind": AssetKind.BIKE}, 150),
        ({"asset_kind": AssetKind.E_BIKE}, 300),
        ({"valid_from": NOON + timedelta(seconds=1)}, 300),
        ({"valid_from": NOON - timedelta(days=2), "valid_until": NOON}, 300),
        ({"valid_until": NOON + timedelta(seconds=1)}, 150),
    ],
)
async def test_a_pass_counts_for_rides_that_start_while_it_is_valid(
    house: House, fields: dict[str, Any], charge_minor: int
) -> None:
    await house.bikes("b1")
    renter = a_renter()
    await grant(house, renter, **fields)
    rental = await house.riding("b1", renter)
    house.hands.turn(hours=1)
    ended = await house.end(rental.rental_id)
    assert isinstance(ended, Rental)
    assert ended.charge is not None
    assert ended.charge.amount_minor == charge_minor


async def test_a_pass_of_another_partner_or_person_does_not_count(house: House) -> None:
    await house.bikes("b1")
    renter, other = a_renter(), house.another()
    other.partner_id = type(other.partner_id)(new_id("ptn"))
    await grant(other, renter, free_minutes=600)
    await grant(house, a_renter(), free_minutes=600)
    rental = await house.riding("b1", renter)
    house.hands.turn(minutes=5)
    ended = await house.end(rental.rental_id)
    assert isinstance(ended, Rental)
    assert ended.charge is not None
    assert ended.charge.amount_minor == 150
    assert {one.partner_id for one in await house.passes.list_passes(renter, None)} == {other.partner_id}


async def test_a_receipt_is_of_an_ended_rental_and_says_what_was_charged(house: House) -> None:
    await house.bikes("b1")
    rental = await house.riding("b1")
    assert await reason(house.prices.receipt(partner(house), rental.rental_id)) == "RENTAL_NOT_ENDED"
    house.hands.turn(minutes=31)
    await house.end(rental.rental_id)
    assert await reason(house.prices.estimate(partner(house), rental.rental_id, NO_USAGE)) == "RENTAL_NOT_ACTIVE"
    _, receipt = await house.prices.receipt(partner(house), rental.rental_id)
    assert [(line.kind, line.amount_minor) for line in receipt.itemisation.lines] == [(LineKind.TIME, 300)]
    await house.db.execute("UPDATE rentals SET charge_minor = 290 WHERE rental_id = $1", rental.rental_id)
    _, other = await house.prices.receipt(partner(house), rental.rental_id)
    assert [(line.kind, line.amount_minor) for line in other.itemisation.lines][1:] == [(LineKind.ADJUSTMENT, -10)]
    assert other.itemisation.total.amount_minor == 290
    stranger = Caller(Role.RENTER, a_renter(), None)
    assert await reason(house.prices.receipt(stranger, rental.rental_id)) == "RENTAL_NOT_FOUND"


async def test_the_estimate_says_that_the_purchase_price_is_reached(house: House) -> None:
    plan = await a_plan(house, replace(TERMS, total_cap_minor=9900))
    await a_bike(house, "b1", price_plan_id=plan.price_plan_id)
    rental = await house.riding("b1")
    house.hands.turn(hours=32)
    almost = await house.prices.estimate(partner(house), rental.rental_id, NO_USAGE)
    house.hands.turn(hours=2)
    bought = await house.prices.estimate(partner(house), rental.rental_id, NO_USAGE)
    reached = [priced.itemisation.total_cap_reached for priced in (almost, bought)]
    assert (reached, bought.itemisation.total.amount_minor) == ([False, True], 9900)


async def test_a_persons_passes_are_in_their_copy_and_go_with_them(house: House) -> None:
    renter = a_renter()
    granted = await grant(house, renter)
    sql = load_queries("services.rental")
    copy = await personal_data.collect(house.db, sql, renter)
    assert [one["pass_id"] for one in copy["passes"]] == [granted.gives.pass_id]

    async def erase(connection: Any) -> personal_data.Erased:
        return await personal_data.erase(connection, sql, renter)

    assert (await house.db.transaction(erase)).erased["passes"] == 1
    assert await house.passes.list_passes(renter, None) == []
