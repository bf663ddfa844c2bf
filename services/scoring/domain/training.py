"""How a scorecard came about: what it was fitted on, and what odds its points mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Method(StrEnum):
    """Where points come from."""

    EXPERT = "expert"
    LOGISTIC_REGRESSION = "logistic_regression"


@dataclass(frozen=True, slots=True)
class Scaling:
    """What a score means: `base_score` stands for `base_odds` good to one bad; `pdo` points more double the odds."""

    base_score: int
    base_odds: int
    pdo: int


@dataclass(frozen=True, slots=True)
class Training:
    """How the points were made. The record of a fit names its data, its seed and what was measured; no wall clock."""

    method: Method
    rationale: str
    record: Mapping[str, object]
