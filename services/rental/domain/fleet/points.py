"""Points on the earth in whole microdegrees (about 0.11 m), and the cells that find what is near one.

Cells are geohashes: a letter more cuts a cell into 32, and whatever lies in a cell begins with its letters.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import asin, cos, degrees, floor, radians, sin, sqrt

from pygeohash import BoundingBox, encode, geohashes_in_box

MICRO = 1_000_000
EARTH_METERS = 6_371_008.8
"""Mean radius of the earth (IUGG)."""
CELL_LETTERS = 8
"""A cell of 8 letters is 38 m by 19 m at the equator."""
_MOST_CELLS = 32


@dataclass(frozen=True, slots=True)
class Point:
    """A position (WGS 84), in microdegrees."""

    lat_microdegrees: int
    lon_microdegrees: int

    @property
    def degrees(self) -> tuple[float, float]:
        """Latitude and longitude in degrees."""
        return self.lat_microdegrees / MICRO, self.lon_microdegrees / MICRO

    @property
    def cell(self) -> str:
        """The smallest cell around it."""
        return encode(*self.degrees, precision=CELL_LETTERS)


def meters_between(one: Point, other: Point) -> float:
    """The way between two points as the crow flies (haversine)."""
    lat, lon = (radians(part) for part in one.degrees)
    lat2, lon2 = (radians(part) for part in other.degrees)
    half = sin((lat2 - lat) / 2) ** 2 + cos(lat) * cos(lat2) * sin((lon2 - lon) / 2) ** 2
    return 2 * EARTH_METERS * asin(sqrt(min(1.0, half)))


def cells_around(center: Point, radius_meters: float) -> list[str]:
    """Cells that together hold whatever is within the radius: as small as 32 of them can be, none in another."""
    boxes = _boxes(center, radius_meters)
    letters = next(n for n in range(CELL_LETTERS, 0, -1) if n == 1 or sum(_count(b, n) for b in boxes) <= _MOST_CELLS)
    return sorted({cell for box in boxes for cell in geohashes_in_box(box, precision=letters)})


def _boxes(center: Point, radius_meters: float) -> list[BoundingBox]:
    """The box around the circle; two when it crosses the date line, all longitudes when it holds a pole."""
    lat, lon = center.degrees
    reach = degrees(radius_meters / EARTH_METERS)
    south, north = max(lat - reach, -90.0), min(lat + reach, 90.0)
    if south == -90.0 or north == 90.0:
        return [BoundingBox(south, -180.0, north, 180.0)]
    wide = degrees(asin(min(1.0, sin(radians(reach)) / cos(radians(lat)))))
    west, east = lon - wide, lon + wide
    if west < -180.0:
        return [BoundingBox(south, west + 360.0, north, 180.0), BoundingBox(south, -180.0, north, east)]
    if east > 180.0:
        return [BoundingBox(south, west, north, 180.0), BoundingBox(south, -180.0, north, east - 360.0)]
    return [BoundingBox(south, west, north, east)]


def _count(box: BoundingBox, letters: int) -> int:
    """How many cells of so many letters the box touches."""
    lon_bits, lat_bits = (5 * letters + 1) // 2, 5 * letters // 2
    return _span(box.min_lat + 90, box.max_lat + 90, 180 / 2**lat_bits) * _span(
        box.min_lon + 180, box.max_lon + 180, 360 / 2**lon_bits
    )


def _span(low: float, high: float, size: float) -> int:
    return floor(high / size) - floor(low / size) + 1
