"""The measurements: Freehold, the plain build and pgbench take turns, so that a slow minute of the machine hits all."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

from benchmarks.books import Books
from benchmarks.houses import House
from benchmarks.load import Run, Scan, start_rentals
from benchmarks.machine import CpuMeter
from benchmarks.population import ASSETS, SCORED, UNSCORED, asset_code, renter_id

UNSCORED_ONE_IN = 5


@dataclass(frozen=True, slots=True)
class Figure:
    """One load: rentals per second until the outbox was empty, latencies to the answer, CPU per rental by process."""

    in_flight: int
    per_second: float
    p50_ms: float
    p99_ms: float
    rentals: int
    cpu_us: dict[str, float]


@dataclass
class Contestant:
    """A house under load; each asset is scanned once, renters take turns."""

    name: str
    house: House
    books: Books
    assets: Iterator[int] = field(default_factory=lambda: iter(range(ASSETS)))
    acknowledged: int = 0
    figures: dict[str, list[Figure]] = field(default_factory=dict)

    async def measure(self, label: str, in_flight: int, seconds: float, *, mixed: bool = False) -> Figure:
        """One load, timed until everything that it caused has been delivered."""
        meter = CpuMeter(self.house.pids)
        run = await start_rentals(self.house.target, self._scans(mixed), in_flight, seconds)
        await self.books.until_delivered()
        took = time.perf_counter() - run.began
        self.acknowledged += len(run.rental_ids)
        figure = _figure(run, took, meter.used())
        self.figures.setdefault(label, []).append(figure)
        return figure

    def _scans(self, mixed: bool) -> Iterator[Scan]:
        unscored = itertools.cycle(range(SCORED, SCORED + UNSCORED))
        luck = random.Random(self.acknowledged)
        for asset in self.assets:
            without_score = mixed and luck.randrange(UNSCORED_ONE_IN) == 0
            yield Scan(renter_id(next(unscored) if without_score else asset % SCORED), asset_code(asset))


def _figure(run: Run, took: float, cpu_seconds: dict[str, float]) -> Figure:
    count = len(run.rental_ids)
    return Figure(
        run.in_flight,
        count / took,
        run.percentile_ms(0.5),
        run.percentile_ms(0.99),
        count,
        {name: 1e6 * used / count for name, used in cpu_seconds.items()},
    )


def middle(figures: list[Figure]) -> Figure:
    """The figure with the median rate."""
    rate = median(figure.per_second for figure in figures)
    return min(figures, key=lambda figure: abs(figure.per_second - rate))
