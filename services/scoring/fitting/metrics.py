"""How well scores separate good from bad, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats
from sklearn.metrics import roc_auc_score, roc_curve

from services.scoring.fitting.arrays import Bools, Floats, Ints

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and its 95 % confidence interval."""

    mean: float
    low: float
    high: float

    def gini(self) -> Estimate:
        """The same of 2 AUC - 1."""
        return Estimate(2 * self.mean - 1, 2 * self.low - 1, 2 * self.high - 1)


def auc(scores: Ints | Floats, bad: Bools) -> float:
    """How often a good one scores above a bad one; a tie counts half."""
    return float(roc_auc_score(~bad, scores))


def ks(scores: Ints | Floats, bad: Bools) -> float:
    """The widest gap between the shares of good and of bad rows that reach a score (Kolmogorov and Smirnov)."""
    false_positives, true_positives, _ = roc_curve(~bad, scores)
    return float(np.max(true_positives - false_positives))


def estimate(values: list[float], folds: int) -> Estimate:
    """The mean over repeated folds. Folds share rows, so their variance is widened (Nadeau and Bengio, 2003)."""
    mean, runs = float(np.mean(values)), len(values)
    error = math.sqrt((1 / runs + 1 / (folds - 1)) * float(np.var(values, ddof=1)))
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, runs - 1)) * error
    return Estimate(mean, max(0.0, mean - reach), min(1.0, mean + reach))


def rate_interval(count: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a rate (Wilson)."""
    found = stats.binomtest(count, of).proportion_ci(CONFIDENCE, method="wilson")
    return float(found.low), float(found.high)
