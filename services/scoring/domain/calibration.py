"""A bureau's scale on ours: equal odds give equal scores. A table made offline, read by integers."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.scoring.domain.training import Scaling

LOWEST, HIGHEST = 350, 950


@dataclass(frozen=True, slots=True)
class Knot:
    """This raw score of the bureau states the odds that `common` states here."""

    raw: int
    common: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """One version of one bureau's table. `record` says on what it was made."""

    version: str
    bureau: str
    raw_lowest: int
    raw_highest: int
    scaling: Scaling
    knots: tuple[Knot, ...]
    rationale: str
    record: Mapping[str, Any]

    def knows(self, raw: int) -> bool:
        """Whether the bureau's scale has that number."""
        return self.raw_lowest <= raw <= self.raw_highest

    def common_of(self, raw: int) -> int:
        """The score here that states the same odds: between two knots in proportion, beyond them as at the last."""
        if raw <= self.knots[0].raw:
            return _limited(self.knots[0].common)
        for low, high in itertools.pairwise(self.knots):
            if raw <= high.raw:
                share = (high.common - low.common) * (raw - low.raw)
                return _limited(low.common + share // (high.raw - low.raw))
        return _limited(self.knots[-1].common)


def _limited(score: int) -> int:
    return min(HIGHEST, max(LOWEST, score))
