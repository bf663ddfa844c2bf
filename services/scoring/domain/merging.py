"""Own points and outside scores as one sum: what each bureau adds or takes, as points with a name.

Two readings of a person, and the better one counts:

1. Their own record, moved towards each bureau's word by that bureau's weight, and by no more than `most_points`.
2. The best fresh word of a bureau less a deduction, at most `alone_highest`, less all that the person's own records
   cost: that a history here is short is not held against whom a bureau knows well, but what happened here is.

So a better word never lowers a score, nor does a good fact; one bureau never takes more than `most_points`, and a
bureau that says nothing changes nothing. All of it is integers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.scoring.domain.calibration import HIGHEST, Calibration
from services.scoring.domain.outside import FRESH_PERCENT, Outside

ALONE = "bureaus_alone"
_WHOLE = 100 * FRESH_PERCENT


@dataclass(frozen=True, slots=True)
class Panel:
    """The bureaus that count. Of 100 parts a bureau has its weight, the person's own record has the rest."""

    version: str
    rationale: str
    weights: Mapping[str, int]
    most_points: int
    alone_deduction: int
    alone_highest: int
    calibrations: Mapping[str, Calibration]


@dataclass(frozen=True, slots=True)
class Part:
    """Points of one line, where they come from, and the most that there are to get."""

    name: str
    label: str
    points: int
    best_points: int


def name_of(bureau: str) -> str:
    """The line of a bureau."""
    return f"bureau_{bureau}"


def is_outside(line: str) -> bool:
    """Whether a line is what bureaus say."""
    return line == ALONE or line.startswith(name_of(""))


def known(panel: Panel | None, outside: Iterable[Outside]) -> list[Outside]:
    """The reports that count: of bureaus on the panel, on their scale; in the order of names, whatever came first."""
    if panel is None:
        return []
    on_panel = [one for one in outside if one.bureau in panel.weights and one.percent > 0]
    return sorted((one for one in on_panel if _calibration(panel, one).knows(one.raw)), key=lambda one: one.bureau)


def merge(panel: Panel | None, own: int, lost: int, outside: Iterable[Outside]) -> tuple[Part, ...]:
    """What bureaus add to the sum of a person's own points.

    Args:
        own: that sum, not limited.
        lost: how much of it the person's own records took.
    """
    counted = known(panel, outside)
    if panel is None or not counted:
        return ()
    parts = _moved(panel, own, counted)
    alone = _alone(panel, own + sum(part.points for part in parts), lost, counted)
    return (*parts, alone) if alone else tuple(parts)


def _moved(panel: Panel, own: int, counted: Sequence[Outside]) -> list[Part]:
    """Reading 1. Rounding is done on the running sum, so that several bureaus round no more than one does."""
    parts, so_far = [], 0
    for one in counted:
        share = _share(panel, one, _common(panel, one), own)
        points = (so_far + share) // _WHOLE - so_far // _WHOLE
        best = -(-_share(panel, one, HIGHEST, own) // _WHOLE)
        parts.append(Part(name_of(one.bureau), _label(panel, one), points, max(points, best)))
        so_far += share
    return parts


def _share(panel: Panel, one: Outside, common: int, own: int) -> int:
    """How far a bureau moves the sum, in ten-thousandths of a point."""
    most = panel.most_points * _WHOLE
    return max(-most, min(most, panel.weights[one.bureau] * one.percent * (common - own)))


def _alone(panel: Panel, merged: int, lost: int, counted: Sequence[Outside]) -> Part | None:
    """Reading 2, as what it has over reading 1."""
    fresh = [(_common(panel, one), one.bureau) for one in counted if one.is_fresh]
    if not fresh:
        return None
    common, bureau = max(fresh)
    points = min(panel.alone_highest, common - panel.alone_deduction) - lost - merged
    if points <= 0:
        return None
    limits = f"{common} less {panel.alone_deduction}, at most {panel.alone_highest}, less own records"
    return Part(ALONE, f"short history; {bureau} says {limits}", points, points)


def _label(panel: Panel, one: Outside) -> str:
    told = f"{one.raw} is {_common(panel, one)} here ({_calibration(panel, one).version})"
    half = "" if one.is_fresh else ", half weight"
    return f"{told}, told {one.reported_at:%Y-%m-%d}{half}"


def _common(panel: Panel, one: Outside) -> int:
    return _calibration(panel, one).common_of(one.raw)


def _calibration(panel: Panel, one: Outside) -> Calibration:
    return panel.calibrations[one.bureau]
