"""Loading a scorecard: the file is checked whole, and every fault is named."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
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
        ModelError: naming every fault: a factor without a description, unknown or missing characteristics, gaps in
            bins, points against the declared direction, a single record that costs more than 60 points, a range that
            does not reach 350 and 950.
    """
    try:
        raw = json.loads(text)
        model = Model(
            _text(raw["version"]),
            _whole(raw["base_points"]),
            _whole(raw["minimum_experience"]),
            tuple(_characteristic(c) for c in raw["characteristics"]),
        )
        faults = [*_faults_of_factors(raw["factors"]), *_faults(model)]
    except KeyError as error:
        raise ModelError(f"not a scorecard: {error} is missing") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise ModelError(f"not a scorecard: {error}") from None
    if faults:
        raise ModelError("\n".join(faults))
    return model


def _characteristic(raw: Mapping[str, Any]) -> Characteristic:
    reason = raw["reason"]
    return Characteristic(
        _text(raw["name"]),
        _text(raw["factor"]),
        Direction(raw["direction"]),
        _text(raw["rationale"]),
        Reason(_text(reason["code"]), _text(reason["en"]), _text(reason["zh"])),
        tuple(Bin(_whole(b["from"]), _whole(b["points"]), _text(b["label"])) for b in raw["bins"]),
    )


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(f"{value!r} is not a whole number")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise TypeError(f"{value!r} is not a text")
    return value


def _faults_of_factors(raw: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"factor {name}: not described" for name in sorted(FACTORS - set(raw)))
    yield from (f"factor {name}: unknown" for name in sorted(set(raw) - FACTORS))


def _faults(model: Model) -> Iterator[str]:
    names = [c.name for c in model.characteristics]
    yield from (f"{name}: listed twice" for name in _doubled(names))
    yield from (f"reason {code}: given twice" for code in _doubled(c.reason.code for c in model.characteristics))
    yield from (f"{name}: missing" for name in sorted(CHARACTERISTICS - set(names)))
    yield from (f"{name}: unknown" for name in sorted(set(names) - CHARACTERISTICS))
    for characteristic in model.characteristics:
        yield from (f"{characteristic.name}: {fault}" for fault in _faults_of(characteristic))
    if model.minimum_experience < 1:
        yield "minimum_experience: at least 1"
    if all(c.bins for c in model.characteristics):
        yield from _faults_of_range(model)


def _doubled(names: Iterable[str]) -> list[str]:
    every = sorted(names)
    return sorted({one for one, following in itertools.pairwise(every) if one == following})


def _faults_of(characteristic: Characteristic) -> Iterator[str]:
    bins = characteristic.bins
    if characteristic.factor not in FACTORS:
        yield f"factor {characteristic.factor} is none of {', '.join(sorted(FACTORS))}"
    if not bins or bins[0].at_least != 0:
        yield "the first bin must start at 0"
    sign = 1 if characteristic.direction is Direction.UP else -1
    for one, following in itertools.pairwise(bins):
        gain = following.points - one.points
        if following.at_least <= one.at_least:
            yield f"bin {following.label!r} does not start after bin {one.label!r}"
        if gain * sign < 0:
            yield f"points of {following.label!r} go against direction {characteristic.direction}"
        if characteristic.direction is Direction.DOWN and -gain > LARGEST_LOSS_PER_RECORD:
            yield f"one record costs {-gain} points at {following.label!r}; {LARGEST_LOSS_PER_RECORD} is the most"


def _faults_of_range(model: Model) -> Iterator[str]:
    if model.base_points + sum(c.best_points for c in model.characteristics) < HIGHEST:
        yield f"the best behaviour does not reach {HIGHEST}"
    if model.base_points + sum(c.worst_points for c in model.characteristics) > LOWEST:
        yield f"the worst behaviour does not reach {LOWEST}"
