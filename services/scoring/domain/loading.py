"""Loading a scorecard: the file is checked whole, and every fault is named."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from services.scoring.domain.facts import CHARACTERISTICS
from services.scoring.domain.scorecard import (
    HIGHEST,
    LARGEST_LOSS_PER_RECORD,
    LOWEST,
    Bin,
    Characteristic,
    Direction,
    Model,
    Reason,
)

FACTORS = frozenset({"history", "fulfilment", "behaviour", "identity", "relations"})


class ModelError(Exception):
    """The file is not a scorecard; the message has one line per fault."""


def load_model(text: str) -> Model:
    """The model in a JSON text.

    Raises:
        ModelError: naming every fault: unknown or missing characteristics, gaps in bins, points against the declared
            direction, a single record that costs too much, a range that does not reach 350 and 950.
    """
    try:
        raw = json.loads(text)
        model = Model(
            str(raw["version"]),
            int(raw["base_points"]),
            int(raw["minimum_experience"]),
            tuple(_characteristic(c) for c in raw["characteristics"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"not a scorecard: {type(error).__name__} {error}") from None
    faults = list(_faults(model))
    if faults:
        raise ModelError("\n".join(faults))
    return model


def _characteristic(raw: Mapping[str, Any]) -> Characteristic:
    reason = raw["reason"]
    return Characteristic(
        raw["name"],
        raw["factor"],
        Direction(raw["direction"]),
        raw["rationale"],
        Reason(reason["code"], reason["en"], reason["zh"]),
        tuple(Bin(b["from"], b["points"], b["label"]) for b in raw["bins"]),
    )


def _faults(model: Model) -> Iterator[str]:
    names = [c.name for c in model.characteristics]
    yield from (f"{name}: listed twice" for name in sorted({n for n in names if names.count(n) > 1}))
    yield from (f"{name}: missing" for name in sorted(CHARACTERISTICS - set(names)))
    yield from (f"{name}: unknown" for name in sorted(set(names) - CHARACTERISTICS))
    for characteristic in model.characteristics:
        yield from (f"{characteristic.name}: {fault}" for fault in _faults_of(characteristic))
    if model.minimum_experience < 1:
        yield "minimum_experience: at least 1"
    if model.base_points + sum(c.best_points for c in model.characteristics) < HIGHEST:
        yield f"the best behaviour does not reach {HIGHEST}"
    if model.base_points + sum(min(b.points for b in c.bins) for c in model.characteristics) > LOWEST:
        yield f"the worst behaviour does not reach {LOWEST}"


def _faults_of(characteristic: Characteristic) -> Iterator[str]:
    bins = characteristic.bins
    if characteristic.factor not in FACTORS:
        yield f"factor {characteristic.factor} is none of {', '.join(sorted(FACTORS))}"
    if not bins or bins[0].at_least != 0:
        yield "the first bin must start at 0"
    for one, following in itertools.pairwise(bins):
        if following.at_least <= one.at_least:
            yield f"bin {following.label!r} does not start after bin {one.label!r}"
        gain = following.points - one.points
        if gain * (1 if characteristic.direction is Direction.UP else -1) < 0:
            yield f"points of {following.label!r} go against direction {characteristic.direction}"
        if characteristic.direction is Direction.DOWN and -gain > LARGEST_LOSS_PER_RECORD:
            yield f"one record costs {-gain} points at {following.label!r}; {LARGEST_LOSS_PER_RECORD} is the most"
