"""What can be wrong with a scorecard, and what more with one that is to be served."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator

from services.scoring.domain.behaviour import CHARACTERISTICS
from services.scoring.domain.protected import protected_attribute
from services.scoring.domain.scorecard import (
    HIGHEST,
    LARGEST_LOSS_PER_RECORD,
    LOWEST,
    Bin,
    Characteristic,
    Direction,
    Model,
)
from services.scoring.domain.training import Method

FACTORS = frozenset({"history", "fulfilment", "behaviour", "identity", "relations"})
MOST_DECIMALS = 9

_COUNTS = ("rows", "bad_rows", "seed", "folds")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def faults_of_scorecard(model: Model) -> Iterator[str]:
    """Every fault of a scorecard, whatever it is for."""
    yield from (f"factor {name}: not described" for name in sorted(FACTORS - set(model.factors)))
    yield from (f"factor {name}: unknown" for name in sorted(set(model.factors) - FACTORS))
    yield from (f"{name}: listed twice" for name in _doubled(c.name for c in model.characteristics))
    yield from (f"reason {code}: given twice" for code in _doubled(c.reason.code for c in model.characteristics))
    if not model.characteristics:
        yield "a scorecard needs a characteristic"
    if model.minimum_experience < 0:
        yield "minimum_experience: not below 0"
    yield from _faults_of_training(model)
    for characteristic in model.characteristics:
        yield from (f"{characteristic.name}: {fault}" for fault in _faults_of_characteristic(characteristic))


def faults_of_serving(model: Model) -> Iterator[str]:
    """What more forbids to serve a scorecard: it is asked about counts of facts and nothing else."""
    names = {c.name for c in model.characteristics}
    if not names & CHARACTERISTICS:
        yield f"none of its characteristics is one of facts: {', '.join(sorted(CHARACTERISTICS))}"
        return
    yield from (f"{name}: unknown" for name in sorted(names - CHARACTERISTICS))
    if model.minimum_experience < 1:
        yield "minimum_experience: at least 1 to be served"
    for characteristic in model.characteristics:
        yield from (f"{characteristic.name}: {fault}" for fault in _faults_of_served(characteristic))
    if all(c.bins for c in model.characteristics):
        yield from _faults_of_reach(model)


def _doubled(names: Iterable[str]) -> list[str]:
    every = sorted(names)
    return sorted({one for one, following in itertools.pairwise(every) if one == following})


def _faults_of_training(model: Model) -> Iterator[str]:
    training, scaling = model.training, model.scaling
    fitted = training.method is Method.LOGISTIC_REGRESSION
    if fitted != (scaling is not None):
        yield "scaling: a fit states base score, base odds and PDO, and nothing else can"
    if scaling is not None and (
        scaling.base_odds < 1 or scaling.pdo < 1 or not LOWEST <= scaling.base_score <= HIGHEST
    ):
        yield f"scaling: base_odds and pdo are at least 1, base_score is {LOWEST} to {HIGHEST}"
    if fitted:
        yield from (
            f"training: {name} is not a count" for name in _COUNTS if type(training.record.get(name)) is not int
        )
        if not _SHA256.fullmatch(str(training.record.get("data_sha256"))):
            yield "training: data_sha256 is not the digest of a file"


def _faults_of_characteristic(characteristic: Characteristic) -> Iterator[str]:
    if attribute := protected_attribute(characteristic.name):
        yield f"speaks of {attribute}, which is protected and may not be scored"
    if characteristic.factor not in FACTORS:
        yield f"factor {characteristic.factor} is none of {', '.join(sorted(FACTORS))}"
    if bool(characteristic.bins) == bool(characteristic.groups):
        yield "has either bins or groups"
    if (characteristic.direction is Direction.NONE) != bool(characteristic.groups):
        yield "bins have a direction, up or down, and groups have none"
    if not 0 <= characteristic.decimals <= MOST_DECIMALS:
        yield f"decimals: 0 to {MOST_DECIMALS}"
    categories = [value for group in characteristic.groups for value in group.values]
    yield from (f"category {value!r} is in two groups" for value in _doubled(categories))
    yield from (f"group {group.label!r} is empty" for group in characteristic.groups if not group.values)
    for one, following in itertools.pairwise(characteristic.bins):
        if following.at_least <= one.at_least:
            yield f"bin {following.label!r} does not start after bin {one.label!r}"
        if _gain(characteristic, one, following) < 0:
            yield f"points of {following.label!r} go against direction {characteristic.direction}"


def _gain(characteristic: Characteristic, one: Bin, following: Bin) -> int:
    """What a step in the declared direction gains."""
    sign = -1 if characteristic.direction is Direction.DOWN else 1
    return sign * (following.points - one.points)


def _faults_of_served(characteristic: Characteristic) -> Iterator[str]:
    if not characteristic.bins or characteristic.bins[0].at_least != 0:
        yield "the first bin must start at 0"
    if characteristic.decimals:
        yield "facts are counted in whole numbers, without decimals"
    for one, following in itertools.pairwise(characteristic.bins):
        loss = one.points - following.points
        if characteristic.direction is Direction.DOWN and loss > LARGEST_LOSS_PER_RECORD:
            yield f"one record costs {loss} points at {following.label!r}; {LARGEST_LOSS_PER_RECORD} is the most"


def _faults_of_reach(model: Model) -> Iterator[str]:
    if model.base_points + sum(c.best_points for c in model.characteristics) < HIGHEST:
        yield f"the best behaviour does not reach {HIGHEST}"
    if model.base_points + sum(c.worst_points for c in model.characteristics) > LOWEST:
        yield f"the worst behaviour does not reach {LOWEST}"
