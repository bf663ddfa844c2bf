"""A score is a sum of named points; the decision is strictly above; reasons are points lost."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest

from services.scoring.domain import (
    Behaviour,
    FactKind,
    Observed,
    Outcome,
    Standing,
    UnscoredReason,
    admit,
    assess,
    band_of,
    facts_for_score,
    observe,
    spread,
    summarise,
)
from services.scoring.domain.scorecard import HIGHEST, LARGEST_LOSS_PER_RECORD, LOWEST, Direction
from services.scoring.domain.search import FactsToAdd
from services.scoring.models import DEFAULT_SCORECARD, read_model

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MODEL = read_model(DEFAULT_SCORECARD)
FALLING = [c.name for c in MODEL.characteristics if c.direction is Direction.DOWN]
NOTHING = summarise((), NOW)


def behaviour(experience: int = 10, **values: int) -> Behaviour:
    """A behaviour with these values and nothing else."""
    return Behaviour({**NOTHING.values, **values}, experience, experience)


def score(**values: int) -> int:
    """The score of a behaviour."""
    found = assess(MODEL, behaviour(**values)).score
    assert found is not None
    return found


def standing(points: int | None, *, sealed: bool = False) -> Standing:
    """A score in force."""
    return Standing(points, sealed, ("FEW_ON_TIME_RETURNS",), MODEL.version)


@pytest.mark.parametrize("threshold", [350, 500, 600, 649, 650, 949])
def test_admitted_is_strictly_above_the_threshold(threshold: int) -> None:
    outcomes = [admit(standing(threshold + step), threshold).outcome for step in (-1, 0, 1)]
    assert outcomes == [Outcome.NOT_ADMITTED, Outcome.NOT_ADMITTED, Outcome.ADMITTED]


def test_who_is_admitted_needs_no_reasons_and_who_is_not_gets_them() -> None:
    assert admit(standing(601), 600).reason_codes == ()
    assert admit(standing(600), 600).reason_codes == ("FEW_ON_TIME_RETURNS",)


@pytest.mark.parametrize(
    ("points", "tier"), [(599, 0), (600, 0), (601, 1), (650, 1), (651, 2), (700, 2), (701, 3), (950, 3)]
)
def test_a_tier_is_how_many_lines_lie_below(points: int, tier: int) -> None:
    answer = admit(standing(points), 600, (650, 700))
    assert answer.tier == tier
    assert (answer.outcome is Outcome.ADMITTED) is (tier > 0)


def test_sealed_facts_and_no_score_cannot_be_assessed() -> None:
    for known, why in ((standing(900, sealed=True), "NO_SCORING_CONSENT"), (standing(None), "TOO_FEW_FACTS")):
        answer = admit(known, 350)
        assert (answer.outcome, answer.reason_codes, answer.score) == (Outcome.CANNOT_ASSESS, (why,), None)


@pytest.mark.parametrize("target", range(560, 761))
def test_facts_can_be_found_for_every_score_and_their_points_add_up(target: int) -> None:
    facts = facts_for_score(MODEL, target)
    assessment = assess(MODEL, summarise(_observed(facts), NOW))
    assert assessment.score == target
    assert assessment.base_points + sum(line.points for line in assessment.lines) == target
    assert [line.characteristic for line in assessment.lines] == [c.name for c in MODEL.characteristics]


def test_what_a_person_has_already_is_counted_in() -> None:
    known = {FactKind.DOCUMENT_VERIFIED: 1, FactKind.PHONE_VERIFIED: 1, FactKind.JOINED: 1}
    facts = facts_for_score(MODEL, 601, known)
    assert not {kind for kind, _, _ in facts} & set(known)
    both = facts + [(kind, count, 0) for kind, count in known.items()]
    assert assess(MODEL, summarise(_observed(both), NOW)).score == 601


def test_a_score_that_no_behaviour_gives_is_an_error() -> None:
    with pytest.raises(ValueError, match="no facts"):
        facts_for_score(MODEL, HIGHEST + 1)


def test_the_best_reaches_950_and_the_worst_350() -> None:
    best = {c.name: max(b.at_least for b in c.bins if b.points == c.best_points) for c in MODEL.characteristics}
    worst = {c.name: max(b.at_least for b in c.bins if b.points == c.worst_points) for c in MODEL.characteristics}
    assert (score(**best), score(**worst)) == (HIGHEST, LOWEST)


def test_no_single_record_costs_more_than_sixty_points() -> None:
    assert len(FALLING) == 8
    for name in FALLING:
        for count in range(40):
            good = {"on_time_returns": 30, "payments_on_time": 30, "tenure_days": 900, name: count}
            assert score(**good) - score(**{**good, name: count + 1}) <= LARGEST_LOSS_PER_RECORD


def test_more_of_what_is_good_never_lowers_a_score() -> None:
    for characteristic in MODEL.characteristics:
        steps = [score(**{characteristic.name: value}) for value in range(0, 1500, 7)]
        rising = characteristic.name not in FALLING
        for one, following in itertools.pairwise(steps):
            assert following >= one if rising else following <= one


def test_too_little_experience_gives_no_score_and_says_so() -> None:
    few = assess(MODEL, behaviour(experience=MODEL.minimum_experience - 1, document_verified=1))
    assert (few.score, few.unscored, few.reasons) == (None, UnscoredReason.TOO_FEW_FACTS, ())
    assert few.lines, "the points so far are shown"
    assert assess(MODEL, behaviour(experience=MODEL.minimum_experience)).score is not None


def test_reasons_come_by_points_lost_and_four_are_enough() -> None:
    assessment = assess(MODEL, behaviour())
    lost = {c.reason.code: c.best_points - c.bin_of(0).points for c in MODEL.characteristics}
    codes = [reason.code for reason in assessment.reasons]
    assert len(codes) == 4
    assert [lost[code] for code in codes] == sorted(lost.values(), reverse=True)[:4]
    assert all(reason.text_en and reason.text_zh for reason in assessment.reasons)


@pytest.mark.parametrize(
    ("points", "band"),
    [
        (350, "POOR"),
        (549, "POOR"),
        (550, "FAIR"),
        (599, "FAIR"),
        (600, "GOOD"),
        (649, "GOOD"),
        (650, "VERY_GOOD"),
        (699, "VERY_GOOD"),
        (700, "EXCELLENT"),
        (950, "EXCELLENT"),
    ],
)
def test_bands_have_their_edges(points: int, band: str) -> None:
    assert band_of(points) == band


def _observed(facts: FactsToAdd) -> list[Observed]:
    return observe(spread(facts, "rnt_1", NOW), NOW)
