"""What would raise a score is the next better bin of each line; a step that is taken gives exactly its points."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.domain import Band, FactKind, Observed, assess, improvements, next_band, summarise
from services.scoring.domain.behaviour import Behaviour
from services.scoring.domain.scorecard import Assessment
from services.scoring.models import DEFAULT_SCORECARD, read_model

MODEL = read_model(DEFAULT_SCORECARD)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
COUNTS = st.fixed_dictionaries({kind: st.integers(0, 60) for kind in FactKind})


def _behaviour(counts: dict[FactKind, int], days: int = 400) -> Behaviour:
    first = NOON - timedelta(days=days)
    return summarise([Observed(kind, "", count, count, first, NOON) for kind, count in counts.items() if count], NOON)


def _points(assessment: Assessment) -> dict[str, int]:
    return {line.characteristic: line.points for line in assessment.lines}


@given(COUNTS)
def test_every_line_below_its_best_has_a_step_and_no_other_has(counts: dict[FactKind, int]) -> None:
    assessment = assess(MODEL, _behaviour(counts))
    steps = improvements(MODEL, assessment)
    below = {line.characteristic for line in assessment.lines if line.points < line.best_points}
    assert {step.characteristic for step in steps} == below
    assert [step.points for step in steps] == sorted((step.points for step in steps), reverse=True)
    for step in steps:
        characteristic = next(c for c in MODEL.characteristics if c.name == step.characteristic)
        by_label = {b.label: b.points for b in characteristic.bins}
        assert by_label[step.to_bin] - by_label[step.from_bin] == step.points > 0
        assert by_label[step.from_bin] == _points(assessment)[step.characteristic]


def test_nothing_is_promised_by_another_version_of_the_scorecard() -> None:
    assessment = assess(MODEL, _behaviour({FactKind.RENTAL_RETURNED_ON_TIME: 5}))
    other = Assessment(**{**{f: getattr(assessment, f) for f in assessment.__slots__}, "model_version": "bike-0"})
    assert improvements(MODEL, other) == ()


@pytest.mark.parametrize(
    ("score", "above"),
    [
        (350, (Band.FAIR, 200)),
        (549, (Band.FAIR, 1)),
        (550, (Band.GOOD, 50)),
        (601, (Band.VERY_GOOD, 49)),
        (699, (Band.EXCELLENT, 1)),
        (700, None),
        (950, None),
    ],
)
def test_the_next_band_and_what_is_missing_to_it(score: int, above: tuple[Band, int] | None) -> None:
    assert next_band(score) == above
