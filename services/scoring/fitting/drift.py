"""Population stability: how far the people of today have moved from those that a scorecard was fitted on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from services.scoring.domain.scorecard import Model
from services.scoring.fitting.arrays import Floats, Ints
from services.scoring.fitting.reading import rows_of, score_rows

SCORE = "score"
STABLE, MOVED = 0.1, 0.25
"""Under the first nothing has moved; from the second on a scorecard is due for a new fit."""

_PARTS = 10
_SMOOTHING = 0.5


@dataclass(frozen=True, slots=True)
class Drift:
    """The population stability index of the score or of a characteristic."""

    name: str
    index: float

    @property
    def verdict(self) -> str:
        if self.index < STABLE:
            return "stable"
        return "watch" if self.index < MOVED else "moved"


def drift_between(model: Model, before: pd.DataFrame, after: pd.DataFrame) -> tuple[Drift, ...]:
    """The drift of the score, in tenths of the earlier people, and of every characteristic, in its bins."""
    earlier, later = score_rows(model, before), score_rows(model, after)
    edges = np.unique(np.quantile(earlier, np.linspace(0, 1, _PARTS + 1)[1:-1]))
    score = _index(
        _tally(np.searchsorted(edges, earlier), len(edges)), _tally(np.searchsorted(edges, later), len(edges))
    )
    labels = _labels(model, before), _labels(model, after)
    return (
        Drift(SCORE, score),
        *(Drift(c.name, _index_of(*(table[c.name] for table in labels))) for c in model.characteristics),
    )


def _tally(places: Ints, last: int) -> Ints:
    return np.bincount(places, minlength=last + 1)


def _labels(model: Model, frame: pd.DataFrame) -> pd.DataFrame:
    rows = (
        {c.name: c.entry_of(values[c.name]).label for c in model.characteristics} for values in rows_of(model, frame)
    )
    return pd.DataFrame(list(rows))


def _index_of(before: pd.Series, after: pd.Series) -> float:
    counts = pd.DataFrame({"before": before.value_counts(), "after": after.value_counts()}).fillna(0)
    return _index(counts["before"].to_numpy(), counts["after"].to_numpy())


def _index(before: Ints, after: Ints) -> float:
    """The sum of (share after - share before) times the logarithm of their ratio."""
    shares: list[Floats] = [(counts + _SMOOTHING) / (counts + _SMOOTHING).sum() for counts in (before, after)]
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())
