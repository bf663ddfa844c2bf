"""Zones in which assets may be left: GeoJSON polygons (RFC 7946) on whole microdegrees, so that inside is exact.

Edges are straight lines in longitude and latitude; a zone does not cross the date line. The border belongs to the zone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from services.rental.domain.commands import CatalogueCommand
from services.rental.domain.fleet.points import MICRO, Point
from services.rental.domain.ids import PartnerId, ZoneId
from services.values.errors import Refusal, invalid

MOST_POINTS = 5_000

Ring = tuple[Point, ...]
Polygon = tuple[Ring, ...]
"""An outer ring and holes; each ring ends where it begins."""
Box = tuple[int, int, int, int]
"""South, west, north, east, in microdegrees."""


@dataclass(frozen=True, slots=True)
class SetZone(CatalogueCommand):
    """Make the zone with this code, or say where it is now. Without polygons it is nowhere."""

    code: str
    name: str
    polygons: tuple[Polygon, ...]


@dataclass(frozen=True, slots=True)
class Zone:
    """A partner's zone."""

    zone_id: ZoneId
    partner_id: PartnerId
    code: str
    name: str
    polygons: tuple[Polygon, ...]
    updated_at: datetime


def zone_at(zones: Sequence[Zone], point: Point) -> Zone | None:
    """The first zone that the point lies in."""
    return next((zone for zone in zones if any(_in_polygon(polygon, point) for polygon in zone.polygons)), None)


def box_of(polygons: Sequence[Polygon]) -> Box | None:
    """What holds all of them; None for nothing."""
    points = [point for polygon in polygons for ring in polygon for point in ring]
    if not points:
        return None
    lats, lons = [point.lat_microdegrees for point in points], [point.lon_microdegrees for point in points]
    return min(lats), min(lons), max(lats), max(lons)


def read_geojson(text: str) -> tuple[Polygon, ...]:
    """The polygons of a Polygon, a MultiPolygon, or a Feature of one of them; none for nothing at all.

    Raises:
        Refusal: INVALID_FIELD, saying which rule of GeoJSON is broken.
    """
    if not text:
        return ()
    try:
        told = json.loads(text)
        shape = told["geometry"] if told["type"] == "Feature" else told
        polygons = {"Polygon": lambda c: [c], "MultiPolygon": list}[shape["type"]](shape["coordinates"])
        read = polygons_of(polygons)
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError):
        raise _broken("must be a GeoJSON Polygon, MultiPolygon, or a Feature of one of them") from None
    _check(read)
    return read


def polygons_of(coordinates: Sequence[Any]) -> tuple[Polygon, ...]:
    """The coordinates of a GeoJSON MultiPolygon as polygons."""
    return tuple(
        tuple(tuple(_point(*position[:2]) for position in ring) for ring in polygon) for polygon in coordinates
    )


def coordinates_of(polygons: Sequence[Polygon]) -> list[list[list[list[float]]]]:
    """Polygons as the coordinates of a GeoJSON MultiPolygon: longitude first."""
    return [[[[*reversed(point.degrees)] for point in ring] for ring in polygon] for polygon in polygons]


def _point(lon: float, lat: float) -> Point:
    return Point(round(lat * MICRO), round(lon * MICRO))


def _check(polygons: Sequence[Polygon]) -> None:
    rings = [ring for polygon in polygons for ring in polygon]
    if not polygons or not all(polygons):
        raise _broken("must have a ring in every polygon")
    if any(len(ring) < 4 or ring[0] != ring[-1] for ring in rings):
        raise _broken("must have rings of at least four positions that end where they begin")
    if sum(len(ring) for ring in rings) > MOST_POINTS:
        raise _broken(f"must not have more than {MOST_POINTS} positions")
    if any(abs(p.lat_microdegrees) > 90 * MICRO or abs(p.lon_microdegrees) > 180 * MICRO for r in rings for p in r):
        raise _broken("must have longitudes up to 180 and latitudes up to 90 degrees, longitude first")


def _broken(rule: str) -> Refusal:
    return invalid("geojson", rule)


def _in_polygon(polygon: Polygon, point: Point) -> bool:
    outer, *holes = polygon
    return _side(outer, point) >= 0 and all(_side(hole, point) <= 0 for hole in holes)


def _side(ring: Ring, point: Point) -> int:
    """1 inside, 0 on the border, -1 outside: how often a ray to the east crosses the ring, in exact integers."""
    x, y, inside = point.lon_microdegrees, point.lat_microdegrees, False
    for start, end in pairwise(ring):
        x1, y1, x2, y2 = start.lon_microdegrees, start.lat_microdegrees, end.lon_microdegrees, end.lat_microdegrees
        turn = (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)
        if turn == 0 and min(x1, x2) <= x <= max(x1, x2) and min(y1, y2) <= y <= max(y1, y2):
            return 0
        if (y1 <= y) != (y2 <= y) and (turn > 0) == (y2 > y1):
            inside = not inside
    return 1 if inside else -1
