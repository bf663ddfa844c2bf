"""A row of any table is scored by the function that serves: whole numbers, exact decimals, groups, missing values."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_loading import OUTCOMES

from services.scoring.domain import Behaviour, assess, load_scorecard, score_of
from services.scoring.domain.behaviour import CHARACTERISTICS
from services.scoring.domain.cells import number_of, units_of, values_of
from services.scoring.models import DEFAULT_SCORECARD, read_model

MODEL = load_scorecard(json.dumps(OUTCOMES))
SERVED = read_model(DEFAULT_SCORECARD)


@pytest.mark.parametrize(
    ("rate", "housing", "points"),
    [
        ("1.24", "own", 9 + 5),
        ("1.25", "own", -9 + 5),
        ("1.249999", " own ", 9 + 5),
        ("125e-2", "rent", -9 - 13),
        ("-7", "for free", 9 - 13),
        ("", "own", -1 + 5),
        ("NA", "own", -1 + 5),
    ],
)
def test_a_row_is_the_sum_of_its_points(rate: str, housing: str, points: int) -> None:
    assert score_of(MODEL, values_of(MODEL, {"rate": rate, "housing": housing})) == 556 + points


@pytest.mark.parametrize("housing", ["", "castle"])
def test_what_has_no_points_is_an_error_and_not_a_guess(housing: str) -> None:
    with pytest.raises(ValueError, match=r"housing: .* has no points"):
        score_of(MODEL, values_of(MODEL, {"rate": "1", "housing": housing}))


@pytest.mark.parametrize("rate", ["much", "inf", "-NaN", "1e99", "1,5"])
def test_what_is_no_number_is_told(rate: str) -> None:
    with pytest.raises(ValueError, match="rate: "):
        values_of(MODEL, {"rate": rate, "housing": "own"})


@given(st.decimals(-(10**9), 10**9, places=6), st.integers(0, 6))
def test_units_are_exact_and_round_down(number: object, decimals: int) -> None:
    exact = Fraction(str(number)) * 10**decimals
    assert units_of(number_of(str(number)), decimals) == exact.numerator // exact.denominator


@given(st.fixed_dictionaries({name: st.integers(0, 2000) for name in sorted(CHARACTERISTICS)}))
def test_serving_and_scoring_a_row_agree(values: dict[str, int]) -> None:
    cells = {name: str(value) for name, value in values.items()}
    assert score_of(SERVED, values_of(SERVED, cells)) == assess(SERVED, Behaviour(values, 10, 10)).score
