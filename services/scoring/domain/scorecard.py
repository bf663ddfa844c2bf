"""The scorecard: a base plus points per characteristic, limited to 350 to 950. Integers only, no model library.

A points table is what banks use (weight of evidence scaled to points): every score is a sum that its owner can read
line by line, and a reason is a characteristic by the points it lost.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from services.scoring.domain.behaviour import Behaviour
from services.scoring.domain.merging import Panel, Part, is_outside, known, merge
from services.scoring.domain.training import Scaling, Training

LOWEST, HIGHEST = 350, 950
RELATIONS, HISTORY = "relations", "history"
MOST_REASONS = 4
LARGEST_LOSS_PER_RECORD = 60
"""No single negative record may cost more points than this (PRODUCT: never the lowest score for one record)."""


Value = int | str | None
"""What a characteristic is given: a whole number, a category, or nothing."""


class Direction(StrEnum):
    """Whether more of a characteristic is better or worse; categories have no more and no less."""

    UP = "up"
    DOWN = "down"
    NONE = "none"


class Band(StrEnum):
    """The name of a range of scores."""

    POOR = "POOR"
    FAIR = "FAIR"
    GOOD = "GOOD"
    VERY_GOOD = "VERY_GOOD"
    EXCELLENT = "EXCELLENT"


BANDS = ((700, Band.EXCELLENT), (650, Band.VERY_GOOD), (600, Band.GOOD), (550, Band.FAIR), (LOWEST, Band.POOR))


class UnscoredReason(StrEnum):
    """Why there is no score; the names are those of `freehold.scoring.v1.UnscoredReason`."""

    TOO_FEW_FACTS = "TOO_FEW_FACTS"
    NO_CONSENT = "NO_CONSENT"


@dataclass(frozen=True, slots=True)
class Bin:
    """Values from `at_least` up to the next bin give `points`."""

    at_least: int
    points: int
    label: str


@dataclass(frozen=True, slots=True)
class Group:
    """These categories give `points`."""

    values: tuple[str, ...]
    points: int
    label: str


@dataclass(frozen=True, slots=True)
class Missing:
    """What is absent, or a category that was never seen in training, gives `points`."""

    points: int
    label: str


Entry = Bin | Group | Missing


@dataclass(frozen=True, slots=True)
class Reason:
    """What to tell a person who lost points here."""

    code: str
    text_en: str
    text_zh: str


LOWER_ELSEWHERE = Reason(
    "OUTSIDE_SCORE_LOWER",
    "A credit bureau that you linked rates you lower than your record here does.",
    "您关联的征信机构给您的评分低于您在本平台的记录。",
)
"""The one reason that bureaus give; which of them it was is told to the person alone, line by line."""


@dataclass(frozen=True, slots=True)
class Line:
    """Points that one characteristic gave."""

    factor: str
    characteristic: str
    bin: str
    points: int
    best_points: int


@dataclass(frozen=True, slots=True)
class Characteristic:
    """One line of the scorecard: bins of a number, or groups of categories. Numbers count units of 10^-decimals.

    What every score asks for is made once: the best and the worst points, and the line that each entry gives.
    """

    name: str
    factor: str
    direction: Direction
    rationale: str
    reason: Reason
    bins: tuple[Bin, ...]
    groups: tuple[Group, ...] = ()
    missing: Missing | None = None
    decimals: int = 0
    best_points: int = field(init=False, repr=False, compare=False)
    worst_points: int = field(init=False, repr=False, compare=False)
    _starts: tuple[int, ...] = field(init=False, repr=False, compare=False)
    _entries: tuple[Entry, ...] = field(init=False, repr=False, compare=False)
    _lines: tuple[Line, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        points = [one.points for one in self.bins] + [group.points for group in self.groups] or [0]
        entries = (*self.bins, *self.groups, *(() if self.missing is None else (self.missing,)))
        made: dict[str, object] = {
            "best_points": max(points),
            "worst_points": min(points),
            "_starts": tuple(one.at_least for one in self.bins),
            "_entries": entries,
            "_lines": tuple(Line(self.factor, self.name, e.label, e.points, max(points)) for e in entries),
        }
        for name, value in made.items():
            object.__setattr__(self, name, value)

    def bin_of(self, value: int) -> Bin:
        """The bin that a value falls into; what is below the first falls into the first."""
        return self.bins[max(0, bisect_right(self._starts, value) - 1)]

    def entry_of(self, value: Value) -> Entry:
        """What gives a value its points; raises ValueError when it is missing and nothing is said of that."""
        return self._entries[self._place(value)]

    def line_of(self, value: Value) -> Line:
        """The same as a line of an assessment."""
        return self._lines[self._place(value)]

    def _place(self, value: Value) -> int:
        if isinstance(value, int):
            return max(0, bisect_right(self._starts, value) - 1)
        found = next((number for number, group in enumerate(self.groups) if value in group.values), -1)
        if found < 0 and self.missing is None:
            raise ValueError(f"{self.name}: {value!r} has no points")
        return found


@dataclass(frozen=True, slots=True)
class Model:
    """One version of a scorecard. Scaling is None where points were not fitted: then a score states no odds.

    `panel` are the bureaus whose word is merged with its points, None for none.
    """

    version: str
    base_points: int
    minimum_experience: int
    characteristics: tuple[Characteristic, ...]
    factors: Mapping[str, str]
    training: Training
    scaling: Scaling | None = None
    panel: Panel | None = None


@dataclass(frozen=True, slots=True)
class Assessment:
    """A score with the lines that add up to it, or the reason why there is none. It explains itself without a model."""

    score: int | None
    unscored: UnscoredReason | None
    base_points: int
    lines: tuple[Line, ...]
    reasons: tuple[Reason, ...]
    model_version: str
    facts: int

    @property
    def alone_score(self) -> int | None:
        """The score without what others say of the person, friends and bureaus: what they stand on themselves."""
        if self.score is None:
            return None
        own = (one for one in self.lines if one.factor != RELATIONS and not is_outside(one.characteristic))
        return limited(self.base_points + sum(line.points for line in own))


def assess(model: Model, behaviour: Behaviour) -> Assessment:
    """The score of a behaviour: base plus points, limited to 350 to 950.

    There is none with too little experience, unless a bureau's fresh word stands in for it.
    """
    lines, base, facts = _lines(model, behaviour.values), model.base_points, behaviour.facts
    spoken_for = any(one.is_fresh for one in known(model.panel, behaviour.outside))
    if behaviour.experience < model.minimum_experience and not spoken_for:
        return Assessment(None, UnscoredReason.TOO_FEW_FACTS, base, lines, (), model.version, facts)
    own = _summed(model, lines)
    parts = merge(model.panel, own, _lost(model, lines), behaviour.outside)
    score, reasons = limited(own + sum(part.points for part in parts)), _reasons(model, lines, parts)
    told = tuple(Line(HISTORY, part.name, part.label, part.points, part.best_points) for part in parts)
    return Assessment(score, None, base, lines + told, reasons, model.version, facts)


def score_of(model: Model, values: Mapping[str, Value]) -> int:
    """The score of any values, a row of a table among them: the sum that `assess` explains line by line."""
    return limited(_summed(model, _lines(model, values)))


def _lines(model: Model, values: Mapping[str, Value]) -> tuple[Line, ...]:
    return tuple([c.line_of(values[c.name]) for c in model.characteristics])


def _summed(model: Model, lines: Sequence[Line]) -> int:
    return model.base_points + sum([line.points for line in lines])


def _lost(model: Model, lines: Sequence[Line]) -> int:
    """What records against the person took."""
    pairs = zip(model.characteristics, lines, strict=True)
    return sum([line.best_points - line.points for c, line in pairs if c.direction is Direction.DOWN])


def limited(points: int) -> int:
    """Points as a score, 350 to 950."""
    return min(HIGHEST, max(LOWEST, points))


def _reasons(model: Model, lines: Sequence[Line], parts: Sequence[Part]) -> tuple[Reason, ...]:
    """Up to four reasons, most points lost first (ties in the scorecard's order).

    Bureaus are one reason together, by what they take: nobody loses points by not being better known elsewhere.
    """
    pairs = zip(model.characteristics, lines, strict=True)
    lost = [(line.best_points - line.points, c.reason) for c, line in pairs if line.points < line.best_points]
    if taken := -sum(part.points for part in parts if part.points < 0):
        lost.append((taken, LOWER_ELSEWHERE))
    return tuple(reason for _, reason in sorted(lost, key=lambda pair: -pair[0])[:MOST_REASONS])


def band_of(score: int) -> Band:
    """The band of a score (PRODUCT: [350,550) poor … [700,950] excellent)."""
    return next(band for least, band in BANDS if score >= least)
