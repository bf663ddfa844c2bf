"""A column in its best bins: where they start or what they group, what was seen in each, and the evidence of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.scoring.domain.scorecard import Direction
from services.scoring.fitting.arrays import Bools, Floats, Ints
from services.scoring.fitting.binning import Limits, best_binning
from services.scoring.fitting.evidence import Totals, totals_of
from services.scoring.fitting.table import Categories, Column, Numbers

FINE_BINS = 20


@dataclass(frozen=True, slots=True)
class Binned:
    """The bins of one column. Arrays have one slot per bin, and a last one for what is absent or was never seen."""

    name: str
    starts: tuple[int, ...]
    groups: tuple[tuple[str, ...], ...]
    decimals: int
    direction: Direction
    goods: Ints
    bads: Ints
    weights: Floats
    value: float

    def places(self, column: Column) -> Ints:
        """The slot of every row."""
        if isinstance(column, Numbers):
            return _number_places(column, self.starts)
        return _category_places(column, self.groups)


def bin_column(column: Column, bad: Bools, limits: Limits, direction: Direction = Direction.NONE) -> Binned:
    """The best bins of a column. A direction that is not NONE is kept; categories never have one."""
    totals = totals_of(bad)
    if isinstance(column, Numbers):
        starts, way = _number_starts(column, bad, totals, limits, direction)
        places = _number_places(column, starts)
        return _seen(column.name, starts, (), column.decimals, way, places, bad, totals)
    groups = _groups(column, bad, totals, limits)
    places = _category_places(column, groups)
    return _seen(column.name, (), groups, 0, Direction.NONE, places, bad, totals)


def _seen(
    name: str,
    starts: tuple[int, ...],
    groups: tuple[tuple[str, ...], ...],
    decimals: int,
    direction: Direction,
    places: Ints,
    bad: Bools,
    totals: Totals,
) -> Binned:
    slots = len(starts) + len(groups) + 1
    goods, bads = _counts(places, bad, slots)
    weights = totals.weigh(goods, bads)
    return Binned(
        name, starts, groups, decimals, direction, goods, bads, weights, float(totals.inform(goods, bads).sum())
    )


def _counts(places: Ints, bad: Bools, slots: int) -> tuple[Ints, Ints]:
    return np.bincount(places[~bad], minlength=slots), np.bincount(places[bad], minlength=slots)


def _number_starts(
    column: Numbers, bad: Bools, totals: Totals, limits: Limits, direction: Direction
) -> tuple[tuple[int, ...], Direction]:
    present = column.units[~column.absent]
    if not len(present):
        return (0,), Direction.UP if direction is Direction.NONE else direction
    steps = np.linspace(0, 1, FINE_BINS + 1)[:-1]
    edges = np.unique(np.quantile(present, steps, method="inverted_cdf")).astype(np.int64)
    edges[0] = min(0, int(edges[0]))
    fine = np.searchsorted(edges, present, side="right") - 1
    goods, bads = _counts(fine, bad[~column.absent], len(edges))
    ways = (Direction.UP, Direction.DOWN) if direction is Direction.NONE else (direction,)
    found = [(best_binning(goods, bads, totals, limits, way), way) for way in ways]
    binning, way = max(found, key=lambda pair: pair[0].value)
    return tuple(int(edges[start]) for start in binning.starts), way


def _number_places(column: Numbers, starts: tuple[int, ...]) -> Ints:
    places = np.clip(np.searchsorted(starts, column.units, side="right") - 1, 0, None)
    return np.where(column.absent, len(starts), places).astype(np.int64)


def _groups(column: Categories, bad: Bools, totals: Totals, limits: Limits) -> tuple[tuple[str, ...], ...]:
    """Categories in the order of their evidence, worst first, neighbours joined as numbers are."""
    names = sorted({value for value in column.values if value is not None})
    if not names:
        return ((),)
    places = _category_places(column, tuple((name,) for name in names))
    goods, bads = (counts[:-1] for counts in _counts(places, bad, len(names) + 1))
    order = np.argsort(totals.weigh(goods, bads), kind="stable")
    starts = best_binning(goods[order], bads[order], totals, limits, Direction.UP).starts
    ends = (*starts[1:], len(names))
    return tuple(tuple(sorted(names[i] for i in order[start:end])) for start, end in zip(starts, ends, strict=True))


def _category_places(column: Categories, groups: tuple[tuple[str, ...], ...]) -> Ints:
    known = {value: place for place, group in enumerate(groups) for value in group}
    return np.fromiter((known.get(value, len(groups)) for value in column.values), np.int64, len(column.values))
