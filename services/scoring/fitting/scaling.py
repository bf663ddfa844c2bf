"""From odds to points and back: `base_score` stands for `base_odds` good to one bad, `pdo` points double the odds."""

from __future__ import annotations

import math

import numpy as np

from services.scoring.domain.training import Scaling
from services.scoring.fitting.arrays import Floats, Ints

DEFAULT_SCALING = Scaling(base_score=600, base_odds=5, pdo=40)


def points_of(log_odds: Floats, scaling: Scaling) -> Ints:
    """A part of the log odds of good in whole points."""
    points: Ints = np.rint(log_odds * scaling.pdo / math.log(2)).astype(np.int64)
    return points


def base_points_of(intercept: float, scaling: Scaling) -> int:
    """The points of somebody of whom every characteristic says nothing."""
    per_unit = scaling.pdo / math.log(2)
    return round(scaling.base_score + per_unit * (intercept - math.log(scaling.base_odds)))


def bad_rate_at(scores: Ints, scaling: Scaling) -> Floats:
    """The share of bad outcomes that scores promise, as far as 350 and 950 let them."""
    odds: Floats = scaling.base_odds * np.exp2((scores - scaling.base_score) / scaling.pdo)
    return 1 / (1 + odds)
