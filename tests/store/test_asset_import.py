"""ImportAssets on a real PostgreSQL: good lines land, every bad one is named, and the same request tells the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from rental_house import House, a_renter, open_house
from rental_kit import TERMS

from services.rental.domain import NO_USAGE, AssetKind, CreatePricePlan, Rental
from services.rental.domain.fleet import AssetPage, Condition, FleetAsset, Nearby, Point
from services.rental.domain.fleet.importing import MOST_LINES, ImportAssets, ImportReport, decoded
from services.rental.operations import Quotation
from services.rental.operations.prices import Priced
from services.values.errors import Refusal


@pytest.fixture(scope="module")
def dsn(fresh_database: Callable[..., str]) -> str:
    return fresh_database("rental_import", "rental")


@pytest.fixture
async def house(dsn: str) -> AsyncIterator[House]:
    async with open_house(dsn) as house:
        yield house


async def load(house: House, content: str, request_id: str = "import-1") -> ImportReport:
    """ImportAssets."""
    return await house.importing.import_assets(ImportAssets(house.partner_id, request_id, house.partner_id, content))


async def a_plan(house: House) -> str:
    """A price plan of the house's partner."""
    (bike,) = await house.bikes("taken")
    return bike.price_plan_id


async def fleet(house: House) -> dict[str, FleetAsset]:
    """Every asset by code."""
    found = await house.fleet.list_assets(AssetPage(house.partner_id, None, None, None, "", 100))
    return {one.asset.code: one for one in found}


async def quote(house: House, code: str) -> Priced:
    """What an hour by the asset with a code costs."""
    hour = timedelta(hours=1)
    return await house.prices.quote(Quotation(house.partner_id, code, None, "", None, hour, NO_USAGE, None))


def named(report: ImportReport) -> list[tuple[int, str, str]]:
    """Line, field and reason of each fault."""
    return [(fault.line, fault.field, fault.reason) for fault in report.faults]


async def test_good_lines_land_and_every_bad_one_is_named(house: House) -> None:
    plan = await a_plan(house)
    lines = [
        "code,asset_kind,price_plan_id,city,asset_class,monthly_rent_minor,condition,rotates_code,latitude,longitude",
        f"B-1,BIKE,{plan},shanghai,comfort,,WORN,true,31.2300004,121.47",
        f"U-1,umbrella,{plan},,,,,,,",
        f"B 2,ROCKET,{plan},SHANGHAI,,,,,,",
        f"B-1,BIKE,{plan},,,,,,,",
        f"taken,BIKE,{plan},,,,,,,",
        f"B-3,BIKE,pln_{'0' * 26},,,,,,,",
        f"B-4,BIKE,{plan},,,-1,SHINY,maybe,91,",
        f"B-5,BIKE,{plan},,,,,,31.2,",
        f"B-6,BIKE,{plan}",
        "",
        f'"B-7",E_BIKE,{plan},,,12,,FALSE,-90,-180',
    ]
    report = await load(house, "\r\n".join(lines))
    assert named(report) == [
        (4, "code", "INVALID_FIELD"),
        (4, "asset_kind", "INVALID_FIELD"),
        (4, "city", "INVALID_FIELD"),
        (5, "code", "ASSET_CODE_TAKEN"),
        (6, "code", "ASSET_CODE_TAKEN"),
        (7, "price_plan_id", "PRICE_PLAN_NOT_FOUND"),
        (8, "monthly_rent_minor", "INVALID_FIELD"),
        (8, "condition", "INVALID_FIELD"),
        (8, "rotates_code", "INVALID_FIELD"),
        (9, "longitude", "INVALID_FIELD"),
        (10, "", "INVALID_FIELD"),
    ]
    assert not any(value in fault.description for fault in report.faults for value in ("ROCKET", "B 2", "SHINY"))
    made = await fleet(house)
    assert (report.made, set(made)) == (3, {"taken", "B-1", "U-1", "B-7"})
    first = made["B-1"]
    assert (first.asset.city, first.asset.asset_class) == ("shanghai", "comfort")
    assert (first.details.condition, first.details.rotates) == (Condition.WORN, True)
    assert first.whereabouts is not None
    assert first.whereabouts.point == Point(31_230_000, 121_470_000)
    assert (made["U-1"].asset.asset_kind, made["U-1"].whereabouts) == (AssetKind.UMBRELLA, None)
    assert made["B-7"].asset.monthly_rent_minor == 12


async def test_the_same_request_tells_the_same_and_makes_nothing_twice(house: House) -> None:
    plan = await a_plan(house)
    content = f"code,asset_kind,price_plan_id\nN-1,BIKE,{plan}\nN-2,BIKE,{plan}\nN-2,BIKE,{plan}\n"
    first, second = await asyncio.gather(load(house, content), load(house, content))
    assert first == second == await load(house, content)
    assert (first.made, named(first)) == (2, [(4, "code", "ASSET_CODE_TAKEN")])
    with pytest.raises(Refusal, match="REQUEST_ID_REUSED"):
        await load(house, content + f"N-3,BIKE,{plan}\n")
    again = await load(house, content, "import-2")
    assert (again.made, named(again)[:2]) == (0, [(2, "code", "ASSET_CODE_TAKEN"), (3, "code", "ASSET_CODE_TAKEN")])
    assert set(await fleet(house)) == {"taken", "N-1", "N-2"}


async def test_what_has_a_plans_name_costs_what_its_newest_version_says(house: House) -> None:
    named_plan = CreatePricePlan(house.partner_id, "plan-1", house.partner_id, TERMS, "city")
    await house.catalogue.create_plan(named_plan)
    plan = await a_plan(house)
    lines = ["N-1,BIKE,,city,30,120", f"N-2,BIKE,{plan},city,,", "N-3,BIKE,,,,", "N-4,BIKE,,town,,"]
    report = await load(house, "\n".join(["code,asset_kind,price_plan_id,price_plan_name,latitude,longitude", *lines]))
    assert named(report) == [
        (3, "price_plan_id", "INVALID_FIELD"),
        (4, "price_plan_id", "INVALID_FIELD"),
        (5, "price_plan_name", "PRICE_PLAN_NOT_FOUND"),
    ]
    newest = await house.catalogue.create_plan(replace(named_plan, request_id="plan-2"))
    assert (await fleet(house))["N-1"].asset.price_plan_name == "city"
    there = Point(30_000_000, 120_000_000)
    ((found, code),) = await house.searching.search(Nearby(there, 9, house.partner_id, None, 9))
    assert found.price_plan_id == newest.price_plan_id
    assert (await quote(house, code)).price_plan_id == newest.price_plan_id
    rental = await house.start(a_renter(), code)
    assert isinstance(rental, Rental)
    assert rental.price_plan_id == newest.price_plan_id
    with pytest.raises(Refusal, match="ASSET_NOT_FOUND"):
        await quote(house, code)


async def test_another_partners_plan_is_none(house: House) -> None:
    plan = await a_plan(house)
    other = house.another()
    other.partner_id = type(house.partner_id)("ptn_" + "0" * 26)
    report = await load(other, f"code,asset_kind,price_plan_id\nN-1,BIKE,{plan}")
    assert named(report) == [(2, "price_plan_id", "PRICE_PLAN_NOT_FOUND")]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "code,asset_kind\n",
        "code,code,asset_kind,price_plan_id\n",
        "code,asset_kind,price_plan_id,colour\n",
        'code,asset_kind,price_plan_id\n"a"b,BIKE,x',
        "code,asset_kind,price_plan_id\n" + "x,BIKE,y\n" * (MOST_LINES + 1),
    ],
    ids=["empty", "column missing", "column twice", "column unknown", "no csv", "too long"],
)
async def test_what_is_no_such_file_is_refused_whole(house: House, content: str) -> None:
    with pytest.raises(Refusal, match="csv"):
        await load(house, content)


def test_a_file_that_is_not_utf8_is_refused() -> None:
    assert decoded("\ufeffcode".encode()) == "code"
    with pytest.raises(Refusal, match="csv"):
        decoded(b"\xff\xfe")


async def test_the_largest_file_lands_in_time(house: House) -> None:
    plan = await a_plan(house)
    lines = [f"L-{n},BIKE,{plan},{31 + n / 1e5},121.4" for n in range(MOST_LINES)]
    begun = time.perf_counter()
    report = await load(house, "\n".join(["code,asset_kind,price_plan_id,latitude,longitude", *lines]))
    assert (report.made, report.faults) == (MOST_LINES, ())
    assert time.perf_counter() - begun < 8, "a public call has ten seconds"
