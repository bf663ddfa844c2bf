"""A city full of assets: the nearest are found in milliseconds, as by looking at every one; silence costs what is due.

A few thousand here; `make soak` fills the city with 100,000 and writes docs/results/asset_search.json.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from rental_house import House, open_house
from rental_kit import NOON

from services.rental.domain import AssetState
from services.rental.domain.fleet import Nearby, Point, Profile, SetFleetProfile, cells_around, meters_between
from services.rental.domain.fleet.gbfs import TTL_SECONDS, Feed
from services.runtime.queries import load_queries
from services.values.ids import new_id

SOAK = bool(os.environ.get("FREEHOLD_SOAK"))
ASSETS = 100_000 if SOAK else 4_000
SEARCHES = 300 if SOAK else 15
CHECKED = 40 if SOAK else 15
CENTER = Point(31_230_000, 121_470_000)
RESULTS = Path(__file__).parents[2] / "docs" / "results" / "asset_search.json"
SQL = load_queries("services.rental")

City = dict[str, tuple[Point, AssetState]]


@pytest.fixture(scope="module")
def dsn(fresh_database: Callable[..., str]) -> str:
    return fresh_database("rental_city", "rental")


@pytest.fixture
async def house(dsn: str) -> AsyncIterator[House]:
    async with open_house(dsn) as house:
        yield house


def somewhere(chance: random.Random, spread_meters: float = 5_000) -> Point:
    """Dense in the middle, thin at the edges."""
    return Point(
        CENTER.lat_microdegrees + round(chance.gauss(0, spread_meters * 9)),
        CENTER.lon_microdegrees + round(chance.gauss(0, spread_meters * 10.5)),
    )


async def settle(house: House, count: int) -> City:
    """Bikes of one partner all over the city; every fifth is out."""
    chance = random.Random(20_261_128)
    (first,) = await house.bikes("first")
    city: City = {}
    for n in range(count):
        state = AssetState.MAINTENANCE if n % 5 == 0 else AssetState.AVAILABLE
        city[new_id("ast")] = (somewhere(chance), state)
    ids, points = list(city), [point for point, _ in city.values()]
    await house.db.execute(
        "INSERT INTO assets (partner_id, asset_id, asset_kind, code, price_plan_id, state, created_at)"
        " SELECT $1, a, 'BIKE', a, $2, s, $3 FROM unnest($4::text[], $5::text[]) AS w (a, s)",
        *(house.partner_id, first.price_plan_id, NOON, ids, [state for _, state in city.values()]),
        timeout=120,
    )
    await house.db.execute(
        "INSERT INTO asset_places (partner_id, asset_id, asset_kind, lat_microdegrees, lon_microdegrees, cell,"
        " seen_at, check_at) SELECT $1, a, 'BIKE', lat, lon, cell, $2, $3"
        " FROM unnest($4::text[], $5::int[], $6::int[], $7::text[]) AS w (a, lat, lon, cell)",
        *(house.partner_id, NOON, NOON + timedelta(days=1), ids),
        *([p.lat_microdegrees for p in points], [p.lon_microdegrees for p in points], [p.cell for p in points]),
        timeout=120,
    )
    await house.db.execute("ANALYZE assets", timeout=60)
    await house.db.execute("ANALYZE asset_places", timeout=60)
    return city


def by_looking_at_all(city: City, nearby: Nearby) -> list[str]:
    """The slow reference."""
    ways = (
        (meters_between(nearby.center, point), asset_id)
        for asset_id, (point, state) in city.items()
        if state is AssetState.AVAILABLE
    )
    return [asset_id for way, asset_id in sorted(ways) if way <= nearby.radius_meters][: nearby.limit]


async def timed(house: House, radius: int, limit: int) -> list[float]:
    """How long searches from many places take, milliseconds, in order of length."""
    chance, took = random.Random(5), []
    for _ in range(SEARCHES):
        nearby = Nearby(somewhere(chance, 3_000), radius, house.partner_id, None, limit)
        begun = time.perf_counter()
        await house.searching.search(nearby)
        took.append((time.perf_counter() - begun) * 1000)
    return sorted(took)


async def test_the_nearest_of_a_city(house: House) -> None:
    city = await settle(house, ASSETS)
    chance = random.Random(11)
    for n in range(CHECKED):
        nearby = Nearby(somewhere(chance), (300, 1_000, 20_000)[n % 3], house.partner_id, None, (20, 200)[n % 2])
        found = [one.asset_id for one, _ in await house.searching.search(nearby)]
        assert found == by_looking_at_all(city, nearby)
    figures: dict[str, dict[str, float]] = {}
    for radius, limit in ((500, 50), (2_000, 50), (20_000, 50), (20_000, 200)):
        await timed(house, radius, limit)  # gives those that are found their public codes
        took = await timed(house, radius, limit)
        figures[f"{radius} m, {limit} wanted"] = {
            "p50_ms": round(took[len(took) // 2], 2),
            "p99_ms": round(took[int(len(took) * 0.99)], 2),
        }
    figures["vehicle_status of all"] = await feed(house)
    if SOAK:
        assert all(each["p50_ms"] < 25 for name, each in figures.items() if "wanted" in name)
        _write({"assets": ASSETS, "searches_each": SEARCHES, "checked_against_every_asset": CHECKED, **figures})


async def feed(house: House) -> dict[str, float]:
    """How long the map's largest file takes, the first time and later, and how long others wait for it meanwhile."""
    told = Profile("Town", "en", "Asia/Shanghai", "feeds@bikes.example", "24/7", "https://bikes.example/")
    await house.feeds.set_profile(SetFleetProfile(house.partner_id, "profile", house.partner_id, told))
    waits: list[float] = []
    watch = asyncio.create_task(_waits(waits))
    took = []
    for _ in range(2):
        begun = time.perf_counter()
        made = await house.feeds.get(house.partner_id, Feed.VEHICLE_STATUS, "")
        took.append(time.perf_counter() - begun)
        house.hands.turn(seconds=TTL_SECONDS)
    watch.cancel()
    shown = len(json.loads(made.content)["data"]["vehicles"])
    assert shown == ASSETS, "each has told where it is"
    return {
        "first_seconds": round(took[0], 2),
        "later_seconds": round(took[1], 2),
        "mib": round(len(made.content) / 2**20, 1),
        "longest_wait_of_others_ms": round(max(waits) * 1000, 1),
    }


async def _waits(waits: list[float]) -> None:
    """How late the loop wakes somebody who sleeps for a millisecond."""
    while True:
        begun = time.perf_counter()
        await asyncio.sleep(0.001)
        waits.append(time.perf_counter() - begun - 0.001)


async def test_neither_search_nor_sweep_reads_a_whole_table(house: House) -> None:
    await settle(house, 4_000)
    around = (cells_around(CENTER, 250), *CENTER.degrees, 250.0, house.partner_id, None, 50)
    search = await plan(house, SQL.search_assets, *around)
    assert not [node for node in search if node["Node Type"] == "Seq Scan"]
    read = sum(
        node["Actual Rows"] * node["Actual Loops"] for node in search if node.get("Relation Name") == "asset_places"
    )
    assert 0 < read < 400, "only what is in the cells is read"
    await house.db.execute("UPDATE asset_places SET check_at = $1 WHERE asset_id LIKE '%7'", NOON)
    await house.db.execute("ANALYZE asset_places")
    sweep = await plan(house, SQL.take_silent, NOON, 500)
    assert {node["Node Type"] for node in sweep if node.get("Relation Name")} <= {"Index Scan", "Bitmap Heap Scan"}
    due = await house.db.fetchval("SELECT count(*) FROM asset_places WHERE check_at <= $1", NOON)
    assert rows_of_places(sweep) == due


async def plan(house: House, statement: str, *values: Any) -> list[dict[str, Any]]:
    """The nodes of the plan by which the statement ran."""

    async def work(c: Any) -> list[dict[str, Any]]:
        told = await c.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *values)
        return _nodes(json.loads(told)[0]["Plan"])

    return await house.db.transaction(work)


def rows_of_places(nodes: list[dict[str, Any]]) -> float:
    """How many rows of `asset_places` were read from the table."""
    read = [node for node in nodes if node.get("Relation Name") == "asset_places"]
    return sum(node["Actual Rows"] * node["Actual Loops"] for node in read)


def _nodes(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [node, *(below for child in node.get("Plans", []) for below in _nodes(child))]


def _write(figures: dict[str, object]) -> None:
    here = Path(__file__).parent
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True)
    result = {
        "what": "SearchAssets in one city without its doors: from the ask to the answer, public codes included",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip(),
        "seed": "positions are drawn with the seed 20261128",
        "machine": f"{os.cpu_count()} cores, {round(psutil.virtual_memory().total / 2**30)} GiB",
        **figures,
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
