"""Stations, zones and what maps show, on a real PostgreSQL; the feeds are read by a validator that is not ours."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from gbfs_validator import validate_feed
from rental_house import House, a_renter, open_house
from rental_kit import TERMS

from services.rental.domain import (
    AssetKind,
    AssetState,
    CreateAsset,
    CreatePricePlan,
    DistanceSegment,
    PriceSegment,
    PriceTerms,
)
from services.rental.domain.fleet import (
    Nearby,
    Point,
    Profile,
    SetAssetState,
    SetFleetProfile,
    SetStation,
    SetZone,
    Sighting,
    read_geojson,
)
from services.rental.domain.fleet.gbfs import TTL_SECONDS, Feed
from services.rental.operations.fleet import feeds as feeds_room
from services.values.errors import Refusal
from services.values.ids import new_id

HERE = Point(31_230_000, 121_470_000)
SQUARE = json.dumps(
    {
        "type": "Polygon",
        "coordinates": [
            [[121.46, 31.22], [121.48, 31.22], [121.48, 31.24], [121.46, 31.24], [121.46, 31.22]],
            [[121.469, 31.229], [121.471, 31.229], [121.471, 31.231], [121.469, 31.231], [121.469, 31.229]],
        ],
    }
)


@pytest.fixture(scope="module")
def dsn(fresh_database: Callable[..., str]) -> str:
    return fresh_database("rental_places", "rental")


@pytest.fixture
async def house(dsn: str) -> AsyncIterator[House]:
    async with open_house(dsn) as house:
        yield house


async def station(house: House, code: str, *kinds: AssetKind, point: Point = HERE, **more: Any) -> str:
    """A station; its id."""
    whose = (house.partner_id, more.pop("request_id", new_id("req")), house.partner_id)
    told = {"name": code.upper(), "city": "", "slots": 4, "is_open": True} | more
    kept = await house.places.set_station(SetStation(*whose, code=code, asset_kinds=kinds, point=point, **told))
    return kept.station_id


async def at(house: House, code: str, **where: Any) -> None:
    """Something is seen somewhere, a second after whatever was before."""
    house.hands.turn(seconds=1)
    assert await house.sightings.report(house.partner_id, [Sighting(code, house.hands.now(), **where)]) == [None]


async def near(house: House, kind: AssetKind = AssetKind.UMBRELLA) -> dict[str, tuple[int, int | None]]:
    """What can be rented and returned at the stations nearby."""
    found = await house.places.search_stations(Nearby(HERE, 1_000, house.partner_id, kind, 50))
    return {stock.station.code: (stock.rentable, stock.free_slots) for stock in found}


async def test_slots_fill_and_empty(house: House) -> None:
    await station(house, "far", AssetKind.UMBRELLA, point=Point(31_234_000, 121_470_000))
    await station(house, "stand", AssetKind.UMBRELLA, slots=2)
    await station(house, "area", AssetKind.UMBRELLA, slots=0, point=Point(31_232_000, 121_470_000))
    await station(house, "bikes", AssetKind.BIKE)
    await house.bikes("u1", "u2", "u3", kind=AssetKind.UMBRELLA)
    for code in ("u1", "u2"):
        await at(house, code, station_code="stand")
    await at(house, "u3", station_code="area")
    assert list((await near(house)).items()) == [("stand", (2, 0)), ("area", (1, None)), ("far", (0, 4))]
    rental = await house.riding("u1")
    assert (await near(house))["stand"] == (1, 1), "what is out frees its slot"
    await house.end(rental.rental_id)
    await at(house, "u1", station_code="far")
    assert (await near(house)) == {"stand": (1, 1), "area": (1, None), "far": (1, 3)}
    await at(house, "u2", point=Point(31_300_000, 121_400_000))
    assert (await near(house))["stand"] == (0, 2), "what stands elsewhere stands at no station"
    await station(house, "stand", AssetKind.UMBRELLA, is_open=False)
    assert "stand" not in await near(house)
    told = [Sighting("u1", house.hands.now() + timedelta(seconds=1), station_code="nowhere")]
    (outcome,) = await house.sightings.report(house.partner_id, told)
    assert outcome is not None
    assert outcome.reason == "STATION_NOT_FOUND"


async def test_a_station_keeps_its_id_and_a_request_acts_once(house: House) -> None:
    first = await station(house, "dock", AssetKind.BIKE, request_id="s-1", name="Old")
    assert await station(house, "dock", AssetKind.BIKE, request_id="s-2", name="New", slots=9) == first
    assert await station(house, "dock", AssetKind.BIKE, request_id="s-1", name="Old") == first
    (stock,) = await house.places.list_stations(house.partner_id, "", 10)
    assert (stock.station.name, stock.station.slots) == ("New", 9), "a repeated request says nothing again"
    with pytest.raises(Refusal, match="REQUEST_ID_REUSED"):
        await station(house, "dock", AssetKind.BIKE, request_id="s-1", name="Other")


async def zone(house: House, code: str, geojson: str) -> None:
    """A zone."""
    whose = (house.partner_id, new_id("req"), house.partner_id)
    await house.places.set_zone(SetZone(*whose, code, code.upper(), read_geojson(geojson)))


async def test_a_thing_may_be_left_in_a_zone_or_anywhere_without_zones(house: House) -> None:
    async def allowed(lat: int, lon: int) -> tuple[bool, str]:
        may, where = await house.places.return_zone(house.partner_id, Point(lat, lon))
        return may, where.code if where else ""

    assert await allowed(0, 0) == (True, "")
    await zone(house, "park", SQUARE)
    assert await allowed(0, 0) == (False, "")
    assert await allowed(31_225_000, 121_465_000) == (True, "park")
    assert await allowed(31_220_000, 121_470_000) == (True, "park"), "the border belongs to it"
    assert await allowed(31_230_000, 121_470_000) == (False, ""), "in the hole"
    await zone(house, "park", "")
    assert await allowed(0, 0) == (True, ""), "a zone without polygons is none"


def profile(house: House, **other: str) -> SetFleetProfile:
    """What a town's feeds say."""
    told = {
        "name": "西湖单车",
        "language": "zh",
        "time_zone": "Asia/Shanghai",
        "contact_email": "feeds@bikes.example",
        "opening_hours": "24/7",
        "link_prefix": "https://bikes.example/scan/",
    } | other
    return SetFleetProfile(house.partner_id, new_id("req"), house.partner_id, Profile(**told))


async def town(house: House) -> None:
    """Every kind of thing, in every state, with and without stations, batteries, classes and zones."""
    terms = PriceTerms("CNY", 100, (PriceSegment(0, 60, 150, 30), PriceSegment(60, 0, 300, 30)), 2_000)
    yen = PriceTerms("JPY", 0, (PriceSegment(0, 0, 70, 0),), 0, (DistanceSegment(2_000, 0, 30, 1_000),), free_minutes=5)
    plans = [
        await house.catalogue.create_plan(CreatePricePlan(house.partner_id, new_id("req"), house.partner_id, each))
        for each in (TERMS, terms, yen)
    ]
    for number in range(24):
        kind = list(AssetKind)[number % len(AssetKind)]
        whose, code = (house.partner_id, f"c-{number}", house.partner_id), f"T{number}"
        plan_id = plans[number % 3].price_plan_id
        asset_class = "comfort" if number % 4 == 0 else ""
        asset = await house.catalogue.create_asset(CreateAsset(*whose, kind, code, plan_id, asset_class=asset_class))
        point = Point(31_230_000 + 700 * number, 121_470_000 - 300 * number)
        charge = {"battery_percent": 10 * (number % 10)} if number % 3 else {"range_meters": 900 * number}
        await at(house, code, point=point, **charge)
        if number in (5, 6, 10, 11):
            state = (AssetState.MAINTENANCE, AssetState.MISSING, AssetState.REMOVED)[number % 3]
            await house.fleet.set_state(SetAssetState(house.partner_id, f"s-{number}", "x", asset.asset_id, state))
    await station(house, "dock", AssetKind.BIKE, AssetKind.E_BIKE, slots=9, name="断桥")
    await station(house, "area", AssetKind.BIKE, slots=0)
    await station(house, "shut", AssetKind.E_BIKE, is_open=False)
    await station(house, "stand", AssetKind.UMBRELLA)
    for code, where in (("T0", "dock"), ("T1", "dock"), ("T15", "area"), ("T16", "shut"), ("T2", "stand")):
        await at(house, code, station_code=where)
    await zone(house, "park", SQUARE)
    await house.feeds.set_profile(profile(house))


async def written(house: House, folder: Path) -> dict[Feed, Any]:
    """Every feed, as files."""
    documents = {}
    for feed in Feed:
        made = await house.feeds.get(house.partner_id, feed, f"file://{folder}")
        (folder / f"{feed.lower()}.json").write_bytes(made.content)
        documents[feed] = json.loads(made.content)["data"]
    return documents


def complaints(folder: Path) -> dict[str, Any]:
    """What the validator finds wrong, by file."""
    report = validate_feed(f"file://{folder}/gbfs.json", freefloating=True, docked=True)
    assert report["summary"]["version"] == {"detected": "3.0", "validated": "3.0"}
    files = {each["file"]: each for each in report["files"]}
    assert {name for name, each in files.items() if each["exists"]} == {f"{feed.lower()}.json" for feed in Feed}
    return {name: each for name, each in files.items() if each["hasErrors"]}


async def test_the_feeds_of_a_town_pass_a_validator_that_is_not_ours(house: House, tmp_path: Path) -> None:
    await town(house)
    await house.riding("T21")
    documents = await written(house, tmp_path)
    assert complaints(tmp_path) == {}
    vehicles = documents[Feed.VEHICLE_STATUS]["vehicles"]
    assert {each["vehicle_type_id"] for each in vehicles} == {"bike", "bike.comfort", "e_bike", "e_bike.comfort"}
    assert {each["is_disabled"] for each in vehicles} == {True, False}
    assert {station["station_id"] for station in documents[Feed.STATION_STATUS]["stations"]} == {
        station["station_id"] for station in documents[Feed.STATION_INFORMATION]["stations"]
    }
    assert len(documents[Feed.STATION_STATUS]["stations"]) == 3, "a stand of umbrellas is no station of vehicles"
    plans = documents[Feed.SYSTEM_PRICING_PLANS]["plans"]
    rates = {(plan["currency"], plan["per_min_pricing"][0]["rate"]) for plan in plans}
    assert rates == {("CNY", 1.5), ("JPY", 70)}, "whole units of each currency"
    (yen,) = [plan for plan in plans if plan["currency"] == "JPY"]
    assert (yen["per_min_pricing"][0]["start"], yen["per_km_pricing"]) == (5, [{"start": 2, "rate": 30, "interval": 1}])
    assert yen["description"][0]["text"] == "0 JPY (≤ 5 min); 70.0 JPY (> 5 min); 30.0 JPY / 1000 m (> 2000 m)"
    broken = tmp_path / "vehicle_types.json"
    broken.write_text(broken.read_text().replace('"electric_assist"', '"by magic"'))
    assert set(complaints(tmp_path)) == {"vehicle_types.json"}, "the validator would see it"


async def test_the_map_tells_nothing_of_who_rides_where(house: House) -> None:
    await house.bikes("b1", "b2")
    for code in ("b1", "b2"):
        await at(house, code, point=HERE)
    await house.feeds.set_profile(profile(house))

    async def ids() -> list[str]:
        house.hands.turn(seconds=TTL_SECONDS)
        made = await house.feeds.get(house.partner_id, Feed.VEHICLE_STATUS, "")
        vehicles = json.loads(made.content)["data"]["vehicles"]
        assert all(each["rental_uris"]["web"].endswith(f"/scan/{each['vehicle_id']}") for each in vehicles)
        return [each["vehicle_id"] for each in vehicles]

    before = await ids()
    assert await ids() == before
    assert len(before) == 2
    assert not {"b1", "b2"} & set(before)
    rental = await house.riding("b1")
    (other,) = await ids()
    await house.end(rental.rental_id)
    after = await ids()
    assert len(set(before) & set(after)) == 1, "what was ridden has another id"
    assert other in after
    assert (await house.start(a_renter(), next(code for code in after if code != other))).asset_code in after  # type: ignore[union-attr]


async def test_a_feed_is_made_once_in_its_time_and_says_so(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds_room, "PAGE", 2)
    with pytest.raises(Refusal, match="FLEET_PROFILE_NOT_SET"):
        await house.feeds.get(house.partner_id, Feed.VEHICLE_STATUS, "")
    await house.feeds.set_profile(profile(house))
    await house.bikes(*(f"b{n}" for n in range(5)))
    for n in range(5):
        await at(house, f"b{n}", point=HERE)
    first = await house.feeds.get(house.partner_id, Feed.VEHICLE_STATUS, "")
    assert len(json.loads(first.content)["data"]["vehicles"]) == 5, "page after page"
    await at(house, "b0", point=Point(0, 0))
    assert await house.feeds.get(house.partner_id, Feed.VEHICLE_STATUS, "") is first
    house.hands.turn(seconds=TTL_SECONDS)
    second = await house.feeds.get(house.partner_id, Feed.VEHICLE_STATUS, "")
    assert [v["lat"] for v in json.loads(second.content)["data"]["vehicles"]].count(0) == 1


async def test_a_profile_in_no_time_zone_is_refused(house: House) -> None:
    with pytest.raises(Refusal, match="INVALID_FIELD"):
        await house.feeds.set_profile(profile(house, time_zone="Asia/Atlantis"))
