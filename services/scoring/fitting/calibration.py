"""Whether scores keep their promise: the bad rate that each range of scores stated, and the one that came."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.scoring.domain.scorecard import HIGHEST, LOWEST
from services.scoring.domain.training import Scaling
from services.scoring.fitting.arrays import Bools, Ints
from services.scoring.fitting.metrics import rate_interval
from services.scoring.fitting.scaling import bad_rate_at

STEP = 50


@dataclass(frozen=True, slots=True)
class Step:
    """Scores from `lowest` to `highest`: how many rows, how many bad, and the bad rate with its 95 % interval."""

    lowest: int
    highest: int
    rows: int
    bad: int
    stated: float
    came: float
    low: float
    high: float


def calibrate(scores: Ints, bad: Bools, scaling: Scaling) -> tuple[Step, ...]:
    """The calibration table in steps of 50 points; steps without a row are not in it."""
    stated = bad_rate_at(scores, scaling)
    steps = []
    for lowest in range(LOWEST, HIGHEST, STEP):
        highest = HIGHEST if lowest + STEP == HIGHEST else lowest + STEP - 1
        here = (scores >= lowest) & (scores <= highest)
        if rows := int(here.sum()):
            bads = int(bad[here].sum())
            low, high = rate_interval(bads, rows)
            steps.append(Step(lowest, highest, rows, bads, float(np.mean(stated[here])), bads / rows, low, high))
    return tuple(steps)
