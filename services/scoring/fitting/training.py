"""Training: every column in its best bins, the regression over their evidence, and both as whole points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from services.scoring.domain.scorecard import HIGHEST, LOWEST, Direction
from services.scoring.domain.training import Scaling
from services.scoring.fitting.arrays import Ints
from services.scoring.fitting.binning import Limits
from services.scoring.fitting.bins import Binned, bin_column
from services.scoring.fitting.regression import regress
from services.scoring.fitting.scaling import DEFAULT_SCALING, base_points_of, points_of
from services.scoring.fitting.table import Table


@dataclass(frozen=True, slots=True)
class Plan:
    """How to fit. A column whose information value is below `minimum_value` is left out."""

    limits: Limits = field(default_factory=Limits)
    minimum_value: float = 0.01
    scaling: Scaling = DEFAULT_SCALING
    directions: Mapping[str, Direction] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fitted:
    """Points per slot of every column that was kept, and why others were not."""

    base_points: int
    scaling: Scaling
    binned: tuple[Binned, ...]
    coefficients: tuple[float, ...]
    points: tuple[Ints, ...]
    left_out: dict[str, str]

    def score(self, table: Table) -> Ints:
        """The score of every row, the same that the written scorecard gives."""
        total = np.full(len(table.bad), self.base_points, dtype=np.int64)
        for binned, points in zip(self.binned, self.points, strict=True):
            total += points[binned.places(table.column(binned.name))]
        return np.clip(total, LOWEST, HIGHEST)


def train(table: Table, plan: Plan) -> Fitted:
    """The scorecard of a table. The same table and plan give the same points."""
    every = [bin_column(c, table.bad, plan.limits, plan.directions.get(c.name, Direction.NONE)) for c in table.columns]
    telling = [binned for binned in every if binned.value >= plan.minimum_value]
    evidence = [binned.weights[binned.places(table.column(binned.name))] for binned in telling]
    weights = regress(np.array(evidence).reshape(len(telling), len(table.bad)).T, table.bad)
    chosen = [(b, float(c)) for b, c in zip(telling, weights.coefficients, strict=True) if c > 0]
    return Fitted(
        base_points_of(weights.intercept, plan.scaling),
        plan.scaling,
        tuple(b for b, _ in chosen),
        tuple(c for _, c in chosen),
        tuple(points_of(c * b.weights, plan.scaling) for b, c in chosen),
        _left_out(every, {b.name for b, _ in chosen}, plan),
    )


def _left_out(every: list[Binned], chosen: set[str], plan: Plan) -> dict[str, str]:
    return {
        binned.name: f"information value {binned.value:.3f} is below {plan.minimum_value:g}"
        if binned.value < plan.minimum_value
        else "beside the others its weight turns against its own evidence"
        for binned in every
        if binned.name not in chosen
    }
