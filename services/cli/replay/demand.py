"""When people ride: the hours of one real day, thinned to a size that one machine replays in less than a minute."""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass
from importlib import resources

MEDIAN_MINUTES, SPREAD = 11.0, 0.6
SHORTEST_MINUTES, LONGEST_MINUTES = 4.0, 90.0


@dataclass(frozen=True, slots=True)
class Ride:
    """One ride: when it starts (hours of the day) and how long it takes (minutes), in business time."""

    starts_at_hour: float
    minutes: float


def hourly_rides() -> list[int]:
    """Rides in each of the 24 hours; the file tells its source and licence."""
    lines = (resources.files("services.cli") / "data" / "bike_day.csv").read_text(encoding="utf-8").splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return [int(row["rides"]) for row in rows]


def rides_of_the_day(one_in: int, seed: int = 4) -> list[Ride]:
    """One ride in `one_in` of the day, in order; the same for the same arguments.

    Starts are spread evenly at random over their hour. Durations are log-normal, as trip times of bike-share schemes
    are; the data set has none.
    """
    luck = random.Random(seed)  # noqa: S311 (a repeatable day)
    rides, carried = [], 0
    for hour, count in enumerate(hourly_rides()):
        number, carried = divmod(count + carried, one_in)
        rides += [Ride(hour + luck.random(), _minutes(luck)) for _ in range(number)]
    return sorted(rides, key=lambda ride: ride.starts_at_hour)


def _minutes(luck: random.Random) -> float:
    drawn = MEDIAN_MINUTES * luck.lognormvariate(0.0, SPREAD)
    return min(LONGEST_MINUTES, max(SHORTEST_MINUTES, drawn))
