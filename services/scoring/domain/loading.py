"""Loading a scorecard: the file is checked whole, and every fault is named.

Any table of outcomes can have a scorecard; a *model* is one that this service can serve, because it gives points for
exactly the characteristics that facts amount to.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from services.scoring.domain.faults import faults_of_scorecard, faults_of_serving
from services.scoring.domain.scorecard import (
    HIGHEST,
    LOWEST,
    Bin,
    Characteristic,
    Direction,
    Group,
    Missing,
    Model,
    Reason,
)
from services.scoring.domain.training import Method, Scaling, Training

Raw = Mapping[str, Any]


class ModelError(Exception):
    """The file is not a scorecard; the message has one line per fault."""


def load_scorecard(text: str) -> Model:
    """The scorecard in a JSON text, whatever its characteristics.

    Raises:
        ModelError: naming every fault: a factor without a description, a protected characteristic, bins out of order,
            a category in two groups, points against the declared direction, another range than 350 to 950, a fit
            without its scaling or its record.
    """
    return _checked(text, faults_of_scorecard)


def load_model(text: str) -> Model:
    """The scorecard in a JSON text, to be served.

    Raises:
        ModelError: naming every fault of a scorecard, and what forbids to serve it: unknown or missing characteristics,
            gaps in bins, a single record that costs more than 60 points, a range that does not reach 350 and 950.
    """
    return _checked(text, lambda model: itertools.chain(faults_of_scorecard(model), faults_of_serving(model)))


def _checked(text: str, faults_of: Callable[[Model], Iterator[str]]) -> Model:
    try:
        raw = json.loads(text)
        model, faults = _model(raw), _faults_of_range(raw["valid_range"])
    except KeyError as error:
        raise ModelError(f"not a scorecard: {error} is missing") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise ModelError(f"not a scorecard: {error}") from None
    if found := [*faults, *faults_of(model)]:
        raise ModelError("\n".join(found))
    return model


def _faults_of_range(raw: Raw) -> list[str]:
    fits = {
        "lowest": _whole(raw["lowest"]),
        "highest": _whole(raw["highest"]),
    } == {"lowest": LOWEST, "highest": HIGHEST}
    return [] if fits else [f"valid_range: scores are {LOWEST} to {HIGHEST}"]


def _model(raw: Raw) -> Model:
    return Model(
        _text(raw["version"]),
        _whole(raw["base_points"]),
        _whole(raw["minimum_experience"]),
        tuple(_characteristic(c) for c in raw["characteristics"]),
        {name: _text(description) for name, description in raw["factors"].items()},
        _training(raw["training"]),
        _scaling(raw["scaling"]) if "scaling" in raw else None,
    )


def _training(raw: Raw) -> Training:
    record = {name: value for name, value in raw.items() if name not in ("method", "rationale")}
    return Training(Method(raw["method"]), _text(raw["rationale"]), record)


def _scaling(raw: Raw) -> Scaling:
    return Scaling(_whole(raw["base_score"]), _whole(raw["base_odds"]), _whole(raw["pdo"]))


def _characteristic(raw: Raw) -> Characteristic:
    reason, missing = raw["reason"], raw.get("missing")
    return Characteristic(
        _text(raw["name"]),
        _text(raw["factor"]),
        Direction(raw["direction"]),
        _text(raw["rationale"]),
        Reason(_text(reason["code"]), _text(reason["en"]), _text(reason["zh"])),
        tuple(Bin(_whole(b["from"]), _whole(b["points"]), _text(b["label"])) for b in raw.get("bins", ())),
        tuple(_group(group) for group in raw.get("groups", ())),
        None if missing is None else Missing(_whole(missing["points"]), _text(missing["label"])),
        _whole(raw.get("decimals", 0)),
    )


def _group(raw: Raw) -> Group:
    if not isinstance(raw["values"], list):
        raise TypeError(f"{raw['values']!r} is not a list of categories")
    return Group(tuple(_text(value) for value in raw["values"]), _whole(raw["points"]), _text(raw["label"]))


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(f"{value!r} is not a whole number")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise TypeError(f"{value!r} is not a text")
    return value
