"""Merging, whatever bureaus say: a better word never lowers a score, one word never takes more than a record may."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from services.scoring.calibrations import read_panel
from services.scoring.domain import Behaviour, Outside, assess, summarise
from services.scoring.domain.merging import merge
from services.scoring.domain.scorecard import limited
from services.scoring.models import DEFAULT_SCORECARD, read_model

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PANEL, MODEL = read_panel(), read_model(DEFAULT_SCORECARD)
HEAVY = replace(PANEL, weights={"north": 30, "south": 20})
EMPTY = summarise((), NOON).values

panels = st.sampled_from([PANEL, HEAVY])
percents = st.sampled_from([0, 50, 100])
north = st.builds(Outside, st.just("north"), st.integers(300, 850), st.just(NOON), percents)
south = st.builds(Outside, st.just("south"), st.integers(0, 1000), st.just(NOON), percents)
owns, losses = st.integers(100, 1100), st.integers(0, 300)
heard = st.tuples(north, south)


def total(panel: object, own: int, lost: int, *outside: Outside) -> int:
    """Points after merging, not limited."""
    return own + sum(part.points for part in merge(panel, own, lost, outside))  # type: ignore[arg-type]


@given(panels, owns, losses, heard, st.integers(0, 550))
def test_a_better_word_never_lowers(panel: object, own: int, lost: int, both: tuple[Outside, ...], more: int) -> None:
    first, second = both
    better = replace(first, raw=min(850, first.raw + more))
    assert total(panel, own, lost, better, second) >= total(panel, own, lost, first, second)


@given(panels, owns, losses, heard, st.integers(0, 200))
def test_more_points_of_one_s_own_never_lower(
    panel: object, own: int, lost: int, both: tuple[Outside, ...], more: int
) -> None:
    assert total(panel, own + more, lost, *both) >= total(panel, own, lost, *both)


@given(panels, owns, losses, heard, st.integers(0, 60))
def test_a_record_never_raises_and_takes_no_more_than_it_does_without_bureaus(
    panel: object, own: int, lost: int, both: tuple[Outside, ...], cost: int
) -> None:
    before, after = total(panel, own, lost, *both), total(panel, own - cost, lost + cost, *both)
    assert before - cost <= after <= before


@given(panels, owns, losses, heard)
def test_no_bureau_takes_more_than_one_record_may(
    panel: object, own: int, lost: int, both: tuple[Outside, ...]
) -> None:
    first, second = both
    assert total(panel, own, lost, first, second) >= total(panel, own, lost, second) - 60
    assert total(panel, own, lost, first) >= own - 60


@given(panels, owns, losses, heard)
def test_the_order_of_bureaus_does_not_matter(panel: object, own: int, lost: int, both: tuple[Outside, ...]) -> None:
    assert merge(panel, own, lost, both) == merge(panel, own, lost, both[::-1])  # type: ignore[arg-type]


@given(st.integers(0, 10), heard)
def test_a_score_is_the_sum_of_its_lines_and_in_its_range(experience: int, both: tuple[Outside, ...]) -> None:
    made = assess(MODEL, Behaviour(EMPTY, experience, experience, None, both))
    if made.score is None:
        assert experience < MODEL.minimum_experience
        assert not any(one.is_fresh for one in both)
        return
    assert made.score == limited(made.base_points + sum(line.points for line in made.lines))
    assert all(line.points <= line.best_points for line in made.lines)
