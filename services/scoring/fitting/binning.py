"""Optimal monotonic binning: of all ways to join neighbouring fine bins, the one with the most information value.

Exact, by dynamic programming: the best way to end in the bin [i, j) continues the best way to end in some [h, i) whose
evidence is on the right side of it (docs/decisions/0010-own-optimal-binning.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.scoring.domain.scorecard import Direction
from services.scoring.fitting.arrays import Floats, Ints
from services.scoring.fitting.evidence import Totals

_NEVER = -np.inf


@dataclass(frozen=True, slots=True)
class Limits:
    """At most so many bins, each with at least this share of all rows."""

    maximum_bins: int = 6
    minimum_share: float = 0.05


@dataclass(frozen=True, slots=True)
class Binning:
    """Where bins start among the fine ones, first 0, and their information value."""

    starts: tuple[int, ...]
    value: float


def best_binning(goods: Ints, bads: Ints, totals: Totals, limits: Limits, direction: Direction) -> Binning:
    """The best binning of fine bins with these counts, in their order.

    From bin to bin the evidence strictly rises, or falls for DOWN. One bin is always a binning, whatever its share.
    """
    weights, values = _spans(goods, bads, totals, limits)
    rising = -weights if direction is Direction.DOWN else weights
    return _best(rising, values, limits.maximum_bins)


def _spans(goods: Ints, bads: Ints, totals: Totals, limits: Limits) -> tuple[Floats, Floats]:
    """Evidence and information value of every bin [i, j); what is too small is worth minus infinity."""
    good = np.concatenate(([0], np.cumsum(goods)))
    bad = np.concatenate(([0], np.cumsum(bads)))
    every_good, every_bad = good[None, :] - good[:, None], bad[None, :] - bad[:, None]
    size = len(good)
    allowed = np.triu(np.ones((size, size), dtype=bool), k=1)
    allowed &= every_good + every_bad >= limits.minimum_share * totals.rows
    allowed[0, size - 1] = True
    some_good, some_bad = np.where(allowed, every_good, 0), np.where(allowed, every_bad, 0)
    weights = totals.weigh(some_good, some_bad)
    return weights, np.where(allowed, totals.inform(some_good, some_bad), _NEVER)


def _best(rising: Floats, values: Floats, maximum_bins: int) -> Binning:
    """Goes through 1, 2, … bins; `best[i, j]` is the most that [0, j) can be worth with [i, j) as its last bin."""
    end = len(values) - 1
    best = np.full_like(values, _NEVER)
    best[0] = values[0]
    answer, came_from = Binning((0,), float(best[0, end])), []
    for _ in range(1, maximum_bins):
        best, before = _one_more(best, rising, values)
        came_from.append(before)
        last = int(np.argmax(best[:, end]))
        if best[last, end] > answer.value:
            answer = Binning(_walk_back(came_from, last, end), float(best[last, end]))
    return answer


def _one_more(best: Floats, rising: Floats, values: Floats) -> tuple[Floats, Ints]:
    following = np.full_like(values, _NEVER)
    before = np.zeros(values.shape, dtype=np.int64)
    for i in range(1, len(values) - 1):
        rises = rising[:i, i][:, None] < rising[i][None, :]
        reached = np.where(rises, best[:i, i][:, None], _NEVER)
        before[i] = np.argmax(reached, axis=0)
        following[i] = np.max(reached, axis=0) + values[i]
    return following, before


def _walk_back(came_from: list[Ints], start: int, end: int) -> tuple[int, ...]:
    starts = [start]
    for before in reversed(came_from):
        start, end = int(before[start, end]), start
        starts.append(start)
    return tuple(reversed(starts))
