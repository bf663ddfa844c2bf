"""Logistic regression on weight of evidence; a column whose weight turns against its own evidence is left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from services.scoring.fitting.arrays import Bools, Floats


@dataclass(frozen=True, slots=True)
class Weights:
    """ln(odds of good) = intercept + the sum of coefficient times evidence; 0 for what was left out."""

    intercept: float
    coefficients: Floats


def regress(evidence: Floats, bad: Bools) -> Weights:
    """The weights of columns of evidence, none below 0: one that is would give points against what was seen."""
    kept = np.arange(evidence.shape[1])
    coefficients = np.zeros(evidence.shape[1])
    intercept = float(np.log((~bad).sum() / bad.sum()))
    while len(kept):
        found = LogisticRegression(solver="newton-cholesky").fit(evidence[:, kept], ~bad)
        worst = int(np.argmin(found.coef_[0]))
        if found.coef_[0][worst] > 0:
            coefficients[kept], intercept = found.coef_[0], float(found.intercept_[0])
            break
        kept = np.delete(kept, worst)
    return Weights(intercept, coefficients)
