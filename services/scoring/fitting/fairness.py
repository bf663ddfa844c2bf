"""How a scorecard treats groups of people: who is admitted, how those turn out, and whether scores mean the same.

The groups are never in a scorecard; they come from a table that was kept for this purpose.
"""

from __future__ import annotations

import bisect
import itertools
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pandas as pd

from services.scoring.domain.cells import is_absent, number_of
from services.scoring.domain.training import Scaling
from services.scoring.fitting.arrays import Bools, Ints
from services.scoring.fitting.errors import FittingError
from services.scoring.fitting.metrics import rate_interval
from services.scoring.fitting.reading import require_columns
from services.scoring.fitting.scaling import bad_rate_at

SMALL = 30
"""With fewer rows than this nothing is concluded about a group."""

FOUR_FIFTHS = 0.8
ABSENT = "(absent)"


@dataclass(frozen=True, slots=True)
class Grouping:
    """A column whose values are the groups, or, with bands, the numbers at which the next group begins."""

    column: str
    bands: tuple[Decimal, ...] = ()


@dataclass(frozen=True, slots=True)
class Treatment:
    """One group. Rates are None where there is nobody to count; `impact` compares its approval with the best group's.

    `bad_rate` with its 95 % interval is over all rows of the group; `stated_bad_rate` is what their scores stand for.
    """

    group: str
    rows: int
    admitted: int
    approval_rate: float
    impact: float | None
    bad_rate_of_admitted: float | None
    approval_rate_of_good: float | None
    bad_rate: float
    bad_rate_interval: tuple[float, float]
    stated_bad_rate: float | None

    @property
    def small(self) -> bool:
        """Too few people to conclude anything."""
        return self.rows < SMALL

    @property
    def below_four_fifths(self) -> bool:
        """Admitted less than four fifths as often as the best group: a sign to look closer, not a proof of anything."""
        return not self.small and self.impact is not None and self.impact < FOUR_FIFTHS

    @property
    def miscalibrated(self) -> bool:
        """The stated bad rate lies outside what was seen."""
        low, high = self.bad_rate_interval
        return not self.small and self.stated_bad_rate is not None and not low <= self.stated_bad_rate <= high


def parse_grouping(text: str) -> Grouping:
    """`COLUMN` or `COLUMN:26,41`, where bands begin; raises FittingError."""
    column, colon, bands = text.rpartition(":") if ":" in text else (text, "", "")
    try:
        edges = tuple(number_of(band) for band in bands.split(",")) if colon else ()
    except ValueError as error:
        raise FittingError(f"{text}: {error}") from None
    if list(edges) != sorted(set(edges)):
        raise FittingError(f"{text}: bands go up")
    return Grouping(column, edges)


def treat(
    frame: pd.DataFrame, scores: Ints, bad: Bools, grouping: Grouping, threshold: int, scaling: Scaling | None
) -> tuple[Treatment, ...]:
    """How every group is treated at a threshold; raises FittingError for a column that is not there or no number."""
    places, names = _groups(frame, grouping)
    admitted = scores > threshold
    large = [float(admitted[places == place].mean()) for place in range(len(names)) if (places == place).sum() >= SMALL]
    best = max(large, default=0.0)
    stated = None if scaling is None else bad_rate_at(scores, scaling)
    return tuple(
        _treatment(name, admitted[here], bad[here], None if stated is None else float(stated[here].mean()), best)
        for place, name in enumerate(names)
        if (here := places == place).any()
    )


def _treatment(group: str, admitted: Bools, bad: Bools, stated: float | None, best: float) -> Treatment:
    rows, approval = len(bad), float(admitted.mean())
    return Treatment(
        group,
        rows,
        int(admitted.sum()),
        approval,
        approval / best if best else None,
        float(bad[admitted].mean()) if admitted.any() else None,
        float(admitted[~bad].mean()) if (~bad).any() else None,
        float(bad.mean()),
        rate_interval(int(bad.sum()), rows),
        stated,
    )


def _groups(frame: pd.DataFrame, grouping: Grouping) -> tuple[Ints, list[str]]:
    """The place of every row's group among the names of the groups, in order."""
    require_columns(frame, [grouping.column])
    cells = [str(cell) for cell in frame[grouping.column]]
    if grouping.bands:
        return _bands(cells, grouping)
    labels = [ABSENT if is_absent(cell) else cell.strip() for cell in cells]
    names = sorted(set(labels))
    return np.array([names.index(label) for label in labels], dtype=np.int64), names


def _bands(cells: list[str], grouping: Grouping) -> tuple[Ints, list[str]]:
    edges = grouping.bands
    between = [f"{low} to below {high}" for low, high in itertools.pairwise(edges)]
    names = [f"below {edges[0]}", *between, f"{edges[-1]} or more", ABSENT]
    try:
        places = [len(edges) + 1 if is_absent(cell) else bisect.bisect_right(edges, number_of(cell)) for cell in cells]
    except ValueError as error:
        raise FittingError(f"{grouping.column}: {error}") from None
    return np.array(places, dtype=np.int64), names
