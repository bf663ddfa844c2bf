"""Weight of evidence: how much more often a bin holds good outcomes than the whole does, as a logarithm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from services.scoring.fitting.arrays import Bools, Floats

PRIOR_ROWS = 1.0
"""Every bin is given this many rows of average outcome, so that a small bin without a bad row claims no certainty."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Good and bad rows of the whole."""

    goods: int
    bads: int

    @property
    def rows(self) -> int:
        return self.goods + self.bads

    def weigh(self, goods: Any, bads: Any) -> Floats:
        """ln(good share / bad share) of bins with these counts; 0 for an empty one."""
        good, bad = self._with_prior(goods, bads)
        weights: Floats = np.log(good / bad) - np.log(self.goods / self.bads)
        return weights

    def inform(self, goods: Any, bads: Any) -> Floats:
        """What bins with these counts add to the information value."""
        good, bad = self._with_prior(goods, bads)
        value: Floats = (good / self.goods - bad / self.bads) * self.weigh(goods, bads)
        return value

    def _with_prior(self, goods: Any, bads: Any) -> tuple[Floats, Floats]:
        share = self.bads / self.rows
        return np.asarray(goods) + PRIOR_ROWS * (1 - share), np.asarray(bads) + PRIOR_ROWS * share


def totals_of(bad: Bools) -> Totals:
    """The totals of an outcome."""
    return Totals(int((~bad).sum()), int(bad.sum()))
