"""The rules of a fleet: which state follows which, what silence means, and that cells hold whatever is near."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from pathlib import Path

import pytest
from rental_kit import NOON

from services.rental.domain import KINDS, AssetId, AssetKind, AssetState, PartnerId, ZoneId
from services.rental.domain.fleet import (
    COMMANDED,
    STEPS,
    AssetStep,
    Point,
    Verdict,
    Watched,
    Zone,
    cells_around,
    commanded_from,
    coordinates_of,
    meters_between,
    read_geojson,
    seen,
    silent,
    zone_at,
)
from services.rental.domain.fleet.page import fleet_page
from services.rental.domain.fleet.points import CELL_LETTERS, MICRO
from services.values.errors import Refusal

DAY = timedelta(days=1)
S = AssetState


def test_the_page_of_assets_is_what_the_code_says() -> None:
    page = (Path(__file__).parents[3] / "docs" / "states" / "assets.md").read_text(encoding="utf-8")
    assert page == fleet_page(), "run .ci/state_pages.py"


def a_bike(state: AssetState, seen_ago: timedelta | None = None, check_at: object = None) -> Watched:
    seen_at = None if seen_ago is None else NOON - seen_ago
    return Watched(PartnerId("p"), AssetId("a"), AssetKind.BIKE, state, seen_at, check_at)  # type: ignore[arg-type]


def test_what_is_out_or_reserved_is_moved_by_its_rental_alone() -> None:
    of_rentals = {AssetStep.RESERVE, AssetStep.LET_GO, AssetStep.RENT, AssetStep.GIVE_BACK, AssetStep.LOSE}
    for step, ways in STEPS.items():
        for pair in ways.items():
            assert bool({S.RENTED, S.RESERVED} & set(pair)) is (step in of_rentals), step
    for state in S:
        assert set(commanded_from(state)) & {S.RENTED, S.RESERVED} == set()
        assert bool(commanded_from(state)) is (state in COMMANDED)


@pytest.mark.parametrize(
    ("before", "seen_ago", "after", "next_check"),
    [
        (S.AVAILABLE, 0.5 * DAY, None, NOON + 0.5 * DAY),
        (S.AVAILABLE, DAY, S.NON_CONTACTABLE, NOON + 6 * DAY),
        (S.NON_CONTACTABLE, 6 * DAY, None, NOON + DAY),
        (S.NON_CONTACTABLE, 7 * DAY, S.MISSING, None),
        (S.AVAILABLE, 30 * DAY, S.NON_CONTACTABLE, NOON - 23 * DAY),
        (S.RENTED, 30 * DAY, None, NOON + DAY),
        (S.RESERVED, 30 * DAY, None, NOON + DAY),
        (S.MAINTENANCE, 30 * DAY, None, None),
        (S.REMOVED, 30 * DAY, None, None),
        (S.MISSING, 30 * DAY, None, None),
    ],
)
def test_silence(before: AssetState, seen_ago: timedelta, after: AssetState | None, next_check: object) -> None:
    assert silent(a_bike(before, seen_ago, NOON), NOON) == Verdict(after, next_check)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "known_ago", "seen_ago", "expected"),
    [
        (S.AVAILABLE, None, timedelta(), Verdict(None, NOON + DAY)),
        (S.NON_CONTACTABLE, 3 * DAY, timedelta(), Verdict(S.AVAILABLE, NOON + DAY)),
        (S.MISSING, 9 * DAY, timedelta(), Verdict(S.MAINTENANCE, NOON + DAY)),
        (S.NON_CONTACTABLE, 3 * DAY, 2 * DAY, Verdict(None, NOON - DAY)),
        (S.NON_CONTACTABLE, 3 * DAY, 3 * DAY, None),
        (S.RENTED, DAY, timedelta(), Verdict(None, NOON + DAY)),
    ],
)
def test_being_seen(
    before: AssetState, known_ago: timedelta | None, seen_ago: timedelta, expected: Verdict | None
) -> None:
    assert seen(a_bike(before, known_ago), NOON - seen_ago, NOON) == expected


def test_a_kind_without_a_device_is_never_silent() -> None:
    basket = Watched(PartnerId("p"), AssetId("a"), AssetKind.SHOP_VISIT, S.AVAILABLE, NOON - 99 * DAY, NOON)
    assert KINDS[AssetKind.SHOP_VISIT].contact is None
    assert silent(basket, NOON) == Verdict(None, None)


@pytest.mark.parametrize("radius", [1, 250, 20_000])
@pytest.mark.parametrize(
    "center",
    [Point(31_230_000, 121_470_000), Point(-33_868_800, 151_209_300), Point(0, 179_999_990), Point(1, -179_999_990),
     Point(89_990_000, 5), Point(-89_999_999, -170_000_000), Point(0, 0), Point(78_220_000, 15_650_000)],
    ids=str,
)  # fmt: skip
def test_whatever_is_within_the_radius_lies_in_exactly_one_of_the_cells(center: Point, radius: int) -> None:
    chance = random.Random(7)
    cells = cells_around(center, radius)
    assert len(cells) <= 64
    within = 0
    for _ in range(3000):
        reach = min(radius / 80_000, 0.5) + 0.0001
        lat = center.lat_microdegrees + round(chance.uniform(-reach, reach) * MICRO)
        lon = center.lon_microdegrees + round(chance.uniform(-180, 180) * MICRO * chance.random() ** 12)
        point = Point(max(-90 * MICRO, min(90 * MICRO, lat)), (lon + 180 * MICRO) % (360 * MICRO) - 180 * MICRO)
        if meters_between(center, point) <= radius:
            within += 1
            assert len(point.cell) == CELL_LETTERS
            assert sum(point.cell.startswith(cell) for cell in cells) == 1
    assert within > 0 or radius == 1


def test_the_way_between_two_points_is_that_of_the_books() -> None:
    shanghai, beijing = Point(31_230_400, 121_473_700), Point(39_904_200, 116_407_400)
    assert meters_between(shanghai, beijing) == pytest.approx(1_067_000, rel=0.002)
    assert meters_between(Point(0, 179_999_500), Point(0, -179_999_500)) == pytest.approx(111.2, rel=0.001)


RING = [[0, 0], [4, 0], [4, 4], [2, 2], [0, 4], [0, 0]]
HOLE = [[0.5, 0.5], [1, 0.5], [1, 1], [0.5, 0.5]]


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize(
    ("lon", "lat", "inside"),
    [
        (1, 2, True), (2, 3, False), (2, 2, True), (2, 2.000001, False), (0, 0, True), (-0.000001, 0, False),
        (4, 4, True), (3.999999, 4, False), (0.75, 0.6, False), (0.5, 0.5, True), (1, 0.75, True), (2, 0, True),
        (5, 2, False), (-1, 2, False), (-1, 0, False), (0.3, 0.5, True),
    ],
)  # fmt: skip
def test_inside_is_exact_and_the_border_belongs_to_it(lon: float, lat: float, inside: bool, backwards: bool) -> None:
    rings = [ring[::-1] if backwards else ring for ring in (RING, HOLE)]
    polygons = read_geojson(json.dumps({"type": "Polygon", "coordinates": rings}))
    zone = Zone(ZoneId("z"), PartnerId("p"), "z", "Z", polygons, NOON)
    assert (zone_at([zone], Point(round(lat * MICRO), round(lon * MICRO))) is zone) is inside


def test_a_shape_is_told_back_as_it_was_told() -> None:
    shape = {"type": "MultiPolygon", "coordinates": [[RING, HOLE], [[[9.000001, 1], [9, 2], [8, 2], [9.000001, 1]]]]}
    assert coordinates_of(read_geojson(json.dumps({"type": "Feature", "geometry": shape}))) == shape["coordinates"]


@pytest.mark.parametrize(
    "geojson",
    ["{", "7", "[]", "null", '{"type": "Point", "coordinates": [1, 2]}', '{"type": "Feature", "geometry": null}',
     '{"type": "Polygon"}', '{"type": "Polygon", "coordinates": []}', '{"type": "MultiPolygon", "coordinates": []}',
     '{"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0]]]}',
     '{"type": "Polygon", "coordinates": [[["a", 0]]]}',
     '{"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]}',
     '{"type": "Polygon", "coordinates": [[[0, 0], [181, 0], [1, 1], [0, 0]]]}',
     '{"type": "Polygon", "coordinates": [[[0, 0], [NaN, 0], [1, 1], [0, 0]]]}',
     '{"type": "Polygon", "coordinates": [[[0, 0], [1e999, 0], [1, 1], [0, 0]]]}', "[" * 100_000],
    ids=lambda text: text[:60],
)  # fmt: skip
def test_a_shape_that_is_none_is_refused(geojson: str) -> None:
    with pytest.raises(Refusal, match="geojson"):
        read_geojson(geojson)
