"""Assessments as they are stored: whole, so that each explains itself when its scorecard is long gone.

They are most of what a pass over everybody writes: the text of each line and each reason is made once, as a list.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import astuple
from functools import lru_cache
from typing import Any, TypeVar

from services.scoring.domain import Assessment, Line, Reason, UnscoredReason

Part = TypeVar("Part")

_TEXTS = 10_000
"""Lines and reasons that are remembered: a scorecard has about a hundred."""


def assessment_text(made: Assessment) -> str:
    """An assessment as JSON."""
    head = {
        "score": made.score,
        "unscored": made.unscored,
        "base_points": made.base_points,
        "model_version": made.model_version,
        "facts": made.facts,
    }
    lines = ",".join([_text(line) for line in made.lines])
    reasons = ",".join([_text(reason) for reason in made.reasons])
    return f'{json.dumps(head)[:-1]}, "lines": [{lines}], "reasons": [{reasons}]}}'


@lru_cache(_TEXTS)
def _text(part: Line | Reason) -> str:
    return json.dumps(astuple(part), ensure_ascii=False)


def assessment_of(stored: Mapping[str, Any]) -> Assessment | None:
    """An assessment as it was stored, None before the first."""
    if not stored:
        return None
    unscored = stored["unscored"]
    return Assessment(
        stored["score"],
        None if unscored is None else UnscoredReason(unscored),
        stored["base_points"],
        tuple(_named(Line, line) for line in stored["lines"]),
        tuple(_named(Reason, reason) for reason in stored["reasons"]),
        stored["model_version"],
        stored["facts"],
    )


def _named(kind: Callable[..., Part], stored: Any) -> Part:
    """A line or a reason; those of earlier versions were stored with the names of their fields."""
    return kind(**stored) if isinstance(stored, dict) else kind(*stored)
