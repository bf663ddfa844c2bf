"""Which scorecards are at work: the champion decides, the challenger scores in the shadow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.scoring.domain.scorecard import Model

COMPARED_BEFORE_PROMOTION = 100
"""Decisions on which a challenger has to have been compared."""


class Role(StrEnum):
    """What a scorecard is put into service as."""

    CHAMPION = "CHAMPION"
    CHALLENGER = "CHALLENGER"


@dataclass(frozen=True, slots=True)
class Appointment:
    """A scorecard was put into service; the latest of a role is in force. No version means none."""

    appointment_id: str
    role: Role
    model_version: str
    reason: str
    appointed_by: str
    appointed_at: datetime


@dataclass(frozen=True, slots=True)
class Served:
    """The scorecards at work. `challenge_id` is the appointment of the challenger, under which it is compared."""

    champion: Model
    challenger: Model | None = None
    challenge_id: str = ""


@dataclass(frozen=True, slots=True)
class Pass:
    """A walk over everybody, to score them by one version: in force, or in the shadow."""

    pass_id: str
    model_version: str
    shadow: bool
    done: int
    total: int
    started_at: datetime
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """How often the champion said one thing and the challenger another, or the same."""

    champion: str
    challenger: str
    decisions: int


@dataclass(frozen=True, slots=True)
class Shift:
    """How many people's scores lie between `from_points` and ten more above the champion's."""

    from_points: int
    people: int
