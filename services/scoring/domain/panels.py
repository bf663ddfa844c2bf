"""Loading bureaus: each calibration and the panel that weighs them is checked whole, and every fault is named."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from services.scoring.domain.calibration import HIGHEST, LOWEST, Calibration, Knot
from services.scoring.domain.merging import Panel
from services.scoring.domain.scorecard import LARGEST_LOSS_PER_RECORD
from services.scoring.domain.training import Scaling

MOST_WEIGHT = 50
"""Of 100 parts, what all bureaus have together at most: a person's own record always has the most to say."""
BUREAU = re.compile(r"[a-z][a-z0-9-]{0,31}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_COUNTS = ("rows", "bad_rows", "seed")

Raw = Mapping[str, Any]
_Kind = TypeVar("_Kind", Calibration, Panel)


class BureauError(Exception):
    """The file is not a calibration or not a panel; the message has one line per fault."""


def load_calibration(text: str) -> Calibration:
    """A bureau's calibration in a JSON text.

    Raises:
        BureauError: naming every fault: a table that is out of order or goes down, that leaves the bureau's range or
            ours, a scaling without odds, a record that does not say what it was made of.
    """
    return _checked("calibration", text, _calibration, _faults_of_calibration)


def load_panel(text: str, calibrations: Mapping[str, Calibration]) -> Panel:
    """The panel in a JSON text, with the calibrations of its bureaus.

    Raises:
        BureauError: naming every fault: a bureau without a calibration, weights of more than 50 together, a bureau
            that could take more points than a negative record may.
    """
    return _checked("panel", text, lambda raw: _panel(raw, calibrations), _faults_of_panel)


def _checked(what: str, text: str, read: Callable[[Raw], _Kind], faults_of: Callable[[_Kind], Iterator[str]]) -> _Kind:
    try:
        found = read(json.loads(text))
    except KeyError as error:
        raise BureauError(f"not a {what}: {error} is missing") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise BureauError(f"not a {what}: {error}") from None
    if faults := list(faults_of(found)):
        raise BureauError("\n".join(faults))
    return found


def _calibration(raw: Raw) -> Calibration:
    scale, scaling, training = raw["raw_range"], raw["scaling"], raw["training"]
    return Calibration(
        _text(raw["version"]),
        _text(raw["bureau"]),
        _whole(scale["lowest"]),
        _whole(scale["highest"]),
        Scaling(_whole(scaling["base_score"]), _whole(scaling["base_odds"]), _whole(scaling["pdo"])),
        tuple(Knot(_whole(knot["raw"]), _whole(knot["common"])) for knot in raw["table"]),
        _text(training["rationale"]),
        {name: value for name, value in training.items() if name != "rationale"},
    )


def _panel(raw: Raw, calibrations: Mapping[str, Calibration]) -> Panel:
    weights = {_text(bureau): _whole(weight) for bureau, weight in raw["weights"].items()}
    return Panel(
        _text(raw["version"]),
        _text(raw["rationale"]),
        weights,
        _whole(raw["most_points"]),
        _whole(raw["alone_deduction"]),
        _whole(raw["alone_highest"]),
        {bureau: calibrations[bureau] for bureau in weights if bureau in calibrations},
    )


def _faults_of_calibration(one: Calibration) -> Iterator[str]:
    if not BUREAU.fullmatch(one.bureau):
        yield f"bureau: {one.bureau!r} is not a name of small letters, digits and -"
    if one.raw_lowest >= one.raw_highest:
        yield "raw_range: lowest is not below highest"
    scaling = one.scaling
    if scaling.base_odds < 1 or scaling.pdo < 1 or not LOWEST <= scaling.base_score <= HIGHEST:
        yield f"scaling: base_odds and pdo are at least 1, base_score is {LOWEST} to {HIGHEST}"
    if len(one.knots) < 2:
        yield "table: at least two rows, or all raw scores would be one"
    for knot in one.knots:
        if not one.knows(knot.raw):
            yield f"table: raw {knot.raw} is outside of raw_range"
        if not LOWEST <= knot.common <= HIGHEST:
            yield f"table: common {knot.common} of raw {knot.raw} is not {LOWEST} to {HIGHEST}"
    yield from _faults_of_order(one.knots)
    yield from (f"training: {name} is not a count" for name in _COUNTS if type(one.record.get(name)) is not int)
    if not _SHA256.fullmatch(str(one.record.get("data_sha256"))):
        yield "training: data_sha256 is not the digest of a file"


def _faults_of_order(knots: tuple[Knot, ...]) -> Iterator[str]:
    for one, following in itertools.pairwise(knots):
        if following.raw <= one.raw:
            yield f"table: raw {following.raw} does not come after {one.raw}"
        if following.common < one.common:
            yield f"table: raw {following.raw} is worth less than {one.raw}, and more must never be worse"


def _faults_of_panel(panel: Panel) -> Iterator[str]:
    yield from (f"weights: {one} has no calibration" for one in sorted(set(panel.weights) - set(panel.calibrations)))
    yield from (f"weights: {one} has {weight}, not 1 or more" for one, weight in panel.weights.items() if weight < 1)
    for bureau, calibration in panel.calibrations.items():
        if calibration.bureau != bureau:
            yield f"weights: the calibration of {bureau} is that of {calibration.bureau}"
    if (together := sum(panel.weights.values())) > MOST_WEIGHT:
        yield f"weights: {together} together; {MOST_WEIGHT} is the most, so that a person's own record has the rest"
    if not 1 <= panel.most_points <= LARGEST_LOSS_PER_RECORD:
        yield f"most_points: 1 to {LARGEST_LOSS_PER_RECORD}, what one negative record may cost"
    if panel.alone_deduction < 0:
        yield "alone_deduction: not below 0"
    if not LOWEST <= panel.alone_highest <= HIGHEST:
        yield f"alone_highest: {LOWEST} to {HIGHEST}"


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(f"{value!r} is not a whole number")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise TypeError(f"{value!r} is not a text")
    return value
