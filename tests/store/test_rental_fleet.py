"""A fleet on a real PostgreSQL: told, moved, seen and silent, found nearby, claimed by public codes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from rental_house import House, a_renter, open_house, reasons
from rental_kit import NOON

from services.rental.domain import AssetId, AssetKind, AssetState, PartnerId, Rental
from services.rental.domain.fleet import (
    AssetPage,
    Condition,
    Nearby,
    Point,
    SetAssetState,
    Sighting,
    UpdateAsset,
    meters_between,
)
from services.values.errors import Refusal
from services.values.ids import new_id

HERE = Point(31_230_000, 121_470_000)


@pytest.fixture(scope="module")
def dsn(fresh_database: Callable[..., str]) -> str:
    return fresh_database("rental_fleet", "rental")


@pytest.fixture
async def house(dsn: str) -> AsyncIterator[House]:
    async with open_house(dsn) as house:
        yield house


async def put(house: House, asset_id: AssetId, state: AssetState, request_id: str = "") -> str:
    """SetAssetState; the state that it answers, or the reason of its refusal."""
    command = SetAssetState(house.partner_id, request_id or new_id("req"), house.partner_id, asset_id, state)
    try:
        return (await house.fleet.set_state(command)).asset.state
    except Refusal as refusal:
        return refusal.reason


async def report(house: House, code: str, point: Point | None = HERE, **more: Any) -> None:
    """One report of now."""
    assert await house.sightings.report(house.partner_id, [Sighting(code, house.hands.now(), point, **more)]) == [None]


async def search(house: House, radius: int = 500, limit: int = 50, **more: Any) -> list[tuple[AssetId, str, float]]:
    """Who is near HERE, with their public codes."""
    nearby = Nearby(HERE, radius, more.get("partner_id", house.partner_id), more.get("kind"), limit)
    return [(one.asset_id, code, one.meters) for one, code in await house.searching.search(nearby)]


async def test_what_is_told_of_an_asset_stays_and_what_is_left_out_does_not_change(house: House) -> None:
    (bike,) = await house.bikes("f1")
    first = UpdateAsset(house.partner_id, "u-1", house.partner_id, bike.asset_id, city="shanghai", photo_refs=("p/1",))
    await house.fleet.update(first)
    worn = UpdateAsset(house.partner_id, "u-2", house.partner_id, bike.asset_id, condition=Condition.WORN)
    told = await house.fleet.update(worn)
    assert (told.asset.city, told.details.photo_refs, told.details.condition) == ("shanghai", ("p/1",), Condition.WORN)
    assert await house.fleet.update(first) == told, "a repeated command tells the asset as it is"
    changed = UpdateAsset(house.partner_id, "u-1", house.partner_id, bike.asset_id, city="beijing")
    with pytest.raises(Refusal, match="REQUEST_ID_REUSED"):
        await house.fleet.update(changed)
    stranger = UpdateAsset(PartnerId(new_id("ptn")), "u-1", "x", bike.asset_id, city="beijing")
    with pytest.raises(Refusal, match="ASSET_NOT_FOUND"):
        await house.fleet.update(stranger)


async def test_a_rented_asset_is_moved_by_its_rental_alone(house: House) -> None:
    (bike,) = await house.bikes("f1")
    rental = await house.riding("f1")
    assert await put(house, bike.asset_id, AssetState.MAINTENANCE) == "ASSET_STATE_NOT_ALLOWED"
    await house.end(rental.rental_id)
    assert await put(house, bike.asset_id, AssetState.MAINTENANCE, "s-1") == "MAINTENANCE"
    assert reasons([await house.start(a_renter(), "f1", "start-2")]) == ["ASSET_NOT_AVAILABLE"]
    assert await put(house, bike.asset_id, AssetState.AVAILABLE) == "AVAILABLE"
    assert await put(house, bike.asset_id, AssetState.MAINTENANCE, "s-1") == "AVAILABLE", "a replay moves nothing"
    assert isinstance(await house.start(a_renter(), "f1", "start-3"), Rental)


async def test_a_claim_and_a_partner_who_takes_it_in_never_both_win(house: House) -> None:
    codes = [f"r{n}" for n in range(12)]
    bikes = await house.bikes(*codes)
    starts = [house.start(a_renter(), code) for code in codes]
    takes = [put(house, bike.asset_id, AssetState.MAINTENANCE) for bike in bikes]
    outcomes = await asyncio.gather(*starts, *takes)
    for started, taken in zip(outcomes[:12], outcomes[12:], strict=True):
        assert isinstance(started, Rental) is (taken == "ASSET_STATE_NOT_ALLOWED")


async def test_silence_goes_its_way_and_a_report_brings_back(house: House) -> None:
    await house.bikes("talks", "silent", "never", "out")
    for code in ("talks", "silent", "out"):
        await report(house, code)
    rental = await house.riding("out")
    for day in range(1, 9):
        house.hands.turn(days=1)
        await report(house, "talks")
        await house.sightings.sweep()
        expected = "NON_CONTACTABLE" if day < 7 else "MISSING"
        assert await house.asset_states() == {
            "talks": "AVAILABLE",
            "silent": expected,
            "never": "AVAILABLE",
            "out": "RENTED",
        }
    await house.end(rental.rental_id)
    house.hands.turn(days=1)
    await house.sightings.sweep()
    await report(house, "silent")
    states = await house.asset_states()
    assert (states["out"], states["silent"]) == ("NON_CONTACTABLE", "MAINTENANCE")
    await report(house, "out")
    assert (await house.asset_states())["out"] == "AVAILABLE"


async def test_what_a_renter_has_lost_belongs_to_the_rental_until_it_is_found(house: House) -> None:
    (bike,) = await house.bikes("f1")
    await report(house, "f1")
    rental = await house.riding("f1")
    house.hands.turn(days=31)
    while await house.passing.sweep():
        pass
    assert await house.asset_states() == {"f1": "MISSING"}
    await report(house, "f1")
    assert await put(house, bike.asset_id, AssetState.AVAILABLE) == "ASSET_STATE_NOT_ALLOWED"
    assert (await house.asset_states(), (await house.now(rental.rental_id)).state) == ({"f1": "MISSING"}, "LOST")


async def test_a_reserved_bike_is_found_by_nobody_and_rented_by_its_public_code(house: House) -> None:
    (bike,) = await house.bikes("f1")
    await report(house, "f1")
    ((_, code, _),) = await search(house)
    renter = a_renter()
    await house.reserving.reserve(house.partner_id, "keep-1", renter, code)
    assert await search(house) == []
    assert await put(house, bike.asset_id, AssetState.MAINTENANCE) == "ASSET_STATE_NOT_ALLOWED"
    assert reasons([await house.start(a_renter(), code)]) == ["ASSET_NOT_AVAILABLE"]
    assert isinstance(await house.start(renter, code), Rental)


async def test_what_is_put_in_service_is_watched_again(house: House) -> None:
    (bike,) = await house.bikes("f1")
    await report(house, "f1")
    await put(house, bike.asset_id, AssetState.MAINTENANCE)
    house.hands.turn(days=2)
    assert await house.sightings.sweep() == 1
    await put(house, bike.asset_id, AssetState.AVAILABLE)
    house.hands.turn(hours=23)
    assert await house.sightings.sweep() == 0
    house.hands.turn(hours=1)
    assert await house.sightings.sweep() == 1
    assert (await house.asset_states())["f1"] == "NON_CONTACTABLE"


async def test_an_old_report_and_a_clock_that_runs_ahead_change_nothing(house: House) -> None:
    (bike,) = await house.bikes("f1")
    far = Point(10_000_000, 10_000_000)
    await report(house, "f1", battery_percent=40)
    late = Sighting("f1", NOON - timedelta(hours=1), far)
    ahead = Sighting("f1", NOON + timedelta(days=1), far)
    unknown = Sighting("nope", NOON)
    outcomes = await house.sightings.report(house.partner_id, [late, ahead, unknown])
    assert [outcome and outcome.reason for outcome in outcomes] == [None, None, "ASSET_NOT_FOUND"]
    known = (await house.fleet.get(house.partner_id, bike.asset_id)).whereabouts
    assert known is not None
    assert (known.seen_at, known.point, known.battery_percent) == (NOON, HERE, 40)
    house.hands.turn(minutes=1)
    await house.sightings.report(house.partner_id, [Sighting("f1", house.hands.now(), None, 39)])
    known = (await house.fleet.get(house.partner_id, bike.asset_id)).whereabouts
    assert known is not None
    assert (known.point, known.battery_percent) == (HERE, 39), "what a report leaves out stays"


async def test_search_finds_the_nearest_that_can_be_rented(house: House) -> None:
    chance = random.Random(3)
    bikes = await house.bikes(*(f"b{n}" for n in range(60)))
    points = {bike.asset_id: a_point(chance) for bike in bikes}
    for bike in bikes:
        await report(house, bike.code, points[bike.asset_id])
    for bike in bikes[:10]:
        await house.riding(bike.code)
    (ebike,) = await house.bikes("e", kind=AssetKind.E_BIKE)
    await report(house, "e", HERE)
    points[ebike.asset_id] = HERE
    able = {a: meters_between(HERE, p) for a, p in points.items() if a not in {b.asset_id for b in bikes[:10]}}
    for radius, limit in ((400, 50), (2000, 50), (2000, 7), (20_000, 1), (20_000, 200)):
        found = await search(house, radius, limit)
        wanted = sorted((m, a) for a, m in able.items() if m <= radius)[:limit]
        assert [(a, pytest.approx(m)) for m, a in wanted] == [(a, m) for a, _, m in found]
    assert [a for a, _, _ in await search(house, kind=AssetKind.E_BIKE)] == [ebike.asset_id]
    assert await search(house, partner_id=PartnerId(new_id("ptn"))) == []
    assert len(await search(house, 20_000, 200, partner_id=None)) == 51


def a_point(chance: random.Random) -> Point:
    """Somewhere within two kilometres or so, more often near."""
    reach = chance.random() ** 2 * 20_000
    return Point(
        HERE.lat_microdegrees + round(chance.uniform(-reach, reach)),
        HERE.lon_microdegrees + round(chance.uniform(-reach, reach)),
    )


async def test_a_public_code_starts_one_rental(house: House) -> None:
    (bike, _) = await house.bikes("f1", "f2")
    await report(house, "f1")
    ((_, code, _),) = await search(house)
    assert [c for _, c, _ in await search(house)] == [code], "it is the same until a rental begins"
    renter = a_renter()
    rental = await house.start(renter, code, "by-code")
    assert isinstance(rental, Rental)
    assert (rental.asset_id, rental.asset_code) == (bike.asset_id, code)
    assert await house.start(renter, code, "by-code") == await house.now(rental.rental_id), "a repeated scan is found"
    await house.end(rental.rental_id)
    assert reasons([await house.start(a_renter(), code, "again")]) == ["ASSET_NOT_FOUND"]
    ((_, new_code, _),) = await search(house)
    assert new_code != code
    both = await asyncio.gather(house.start(a_renter(), new_code), house.start(a_renter(), "f1"))
    assert sorted(reasons(both)) == ["ACTIVE", "ASSET_NOT_AVAILABLE"], "fixed and public code are one asset"


async def test_who_looks_while_a_ride_begins_does_not_know_the_bike_again_at_its_end(house: House) -> None:
    await house.bikes("f1")
    await report(house, "f1")
    make, rides = house.fleet.public_codes, []

    async def while_it_begins(keys: Any) -> Any:
        rides.append(await house.riding("f1"))
        return await make(keys)

    house.fleet.public_codes = while_it_begins  # type: ignore[method-assign]
    assert await search(house) == [], "where it stood is not told with the code of its next rental"
    assert len(rides) == 1


async def test_the_label_shows_the_code_that_the_partner_chose(house: House) -> None:
    (bike,) = await house.bikes("f1")
    assert await house.fleet.shown_code(await house.fleet.get(house.partner_id, bike.asset_id)) == "f1"
    rotates = UpdateAsset(house.partner_id, "u-1", house.partner_id, bike.asset_id, rotates=True)
    first = await house.fleet.shown_code(await house.fleet.update(rotates))
    rental = await house.riding(first)
    await house.end(rental.rental_id)
    second = await house.fleet.shown_code(await house.fleet.get(house.partner_id, bike.asset_id))
    assert len({first, second, "f1"}) == 3


async def test_pages_hold_every_asset_once(house: House) -> None:
    await house.bikes(*(f"b{n}" for n in range(7)))
    seen, after = [], ""
    while page := await house.fleet.list_assets(AssetPage(house.partner_id, AssetKind.BIKE, None, None, after, 3)):
        seen += [one.asset.code for one in page]
        after = page[-1].asset.asset_id
    assert seen == [f"b{n}" for n in range(7)]
    assert await house.fleet.list_assets(AssetPage(house.partner_id, None, AssetState.REMOVED, None, "", 3)) == []


async def test_a_claim_changes_no_indexed_column(house: House) -> None:
    """Then PostgreSQL writes the row alone (HOT), and the hot path costs no index."""
    rows = await house.db.fetch(
        """
        SELECT DISTINCT c.attname AS name FROM pg_index x
        JOIN pg_attribute c ON c.attrelid = x.indrelid AND c.attnum = ANY(x.indkey)
        WHERE x.indrelid = 'assets'::regclass
        """
    )
    indexed = {row["name"] for row in rows}
    assert "code" in indexed
    assert not indexed & {"state", "rental_id", "uses", "reservation_id", "reserved_for", "reserved_until"}
