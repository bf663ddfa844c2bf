"""Repeated stratified cross-validation: what is tested has had no part in the bins, the weights or the points."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import StratifiedKFold

from services.scoring.fitting.arrays import Floats, Ints
from services.scoring.fitting.errors import FittingError
from services.scoring.fitting.metrics import Estimate, auc, estimate, ks
from services.scoring.fitting.table import Table
from services.scoring.fitting.training import Plan, train

Learn = Callable[[Table, Table], Ints | Floats]
"""Fits on the first table and scores the second; more is better."""


@dataclass(frozen=True, slots=True)
class Folds:
    """So many folds, shuffled by `seed`, `seed` + 1, … `repeats` times."""

    count: int = 10
    repeats: int = 5
    seed: int = 20261123


@dataclass(frozen=True, slots=True)
class Validated:
    """AUC per fold, and the score that every row got while it was not in the training, once per repeat."""

    name: str
    auc: Estimate
    ks: float
    per_fold: tuple[float, ...]
    held_out: tuple[Floats, ...]


def scorecard(plan: Plan) -> Learn:
    """The scorecard as something to validate: its whole points, as they would be served."""
    return lambda training, testing: train(training, plan).score(testing)


def validate(name: str, table: Table, learn: Learn, folds: Folds) -> Validated:
    """Cross-validates; raises FittingError with fewer rows of one outcome than folds."""
    rarest = int(min(table.bad.sum(), (~table.bad).sum()))
    if rarest < folds.count:
        raise FittingError(f"{folds.count} folds need as many rows of each outcome; there are {rarest} of one")
    per_fold: list[float] = []
    held_out: list[Floats] = []
    for splits in _repeats(table, folds):
        scores = np.zeros(len(table.bad))
        for training, testing in splits:
            test = table.take(testing)
            scores[testing] = learn(table.take(training), test)
            per_fold.append(auc(scores[testing], test.bad))
        held_out.append(scores)
    separation = float(np.mean([ks(scores, table.bad) for scores in held_out]))
    return Validated(name, estimate(per_fold, folds.count), separation, tuple(per_fold), tuple(held_out))


def _repeats(table: Table, folds: Folds) -> Iterator[list[tuple[Ints, Ints]]]:
    for repeat in range(folds.repeats):
        split = StratifiedKFold(folds.count, shuffle=True, random_state=folds.seed + repeat)
        yield list(split.split(table.bad, table.bad))
