"""How good a scorecard is, measured on rows that had no part in it; drift, swap sets and fairness on known figures."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from credit import GERMAN, german, people, table_of

from services.scoring.domain.training import Scaling
from services.scoring.fitting.calibration import calibrate
from services.scoring.fitting.comparing import compare
from services.scoring.fitting.errors import FittingError
from services.scoring.fitting.fairness import Grouping, parse_grouping, treat
from services.scoring.fitting.metrics import auc, estimate, ks
from services.scoring.fitting.peers import one_hot_regression
from services.scoring.fitting.table import Numbers, Table
from services.scoring.fitting.training import Plan
from services.scoring.fitting.validation import Folds, scorecard, validate

SCALING = Scaling(base_score=600, base_odds=5, pdo=40)


def test_german_credit_is_ranked_as_well_as_it_should_be() -> None:
    """Five times ten folds: 0.785, and no worse than one-hot logistic regression on the same columns and folds."""
    ours = validate("scorecard", german(), scorecard(Plan()), Folds())
    theirs = validate("one-hot", german(), one_hot_regression, Folds())
    kept = json.loads((GERMAN.parents[2] / "docs" / "results" / "german_credit.json").read_text())["results"]
    for found, stored in zip((ours, theirs), kept, strict=False):
        assert found.auc.mean == pytest.approx(stored["auc"]["mean"], abs=0.002), "docs/results is of another version"
    assert len(ours.per_fold) == 50
    assert ours.auc.mean >= 0.785
    assert ours.auc.mean >= theirs.auc.mean
    assert ours.auc.low < ours.auc.mean < ours.auc.high


def test_no_tested_row_is_trained_on_and_every_row_is_tested_once_a_repeat() -> None:
    frame = people(120, 1).assign(row=[str(i) for i in range(120)])
    tested: list[int] = []

    def learn(training: Table, testing: Table) -> np.ndarray:
        inside, outside = (_rows(part) for part in (training, testing))
        assert not set(inside) & set(outside)
        assert len(inside) + len(outside) == 120
        tested.extend(outside)
        return np.array(outside, dtype=float)

    found = validate("spy", table_of(frame), learn, Folds(count=4, repeats=3))
    assert sorted(tested) == sorted(list(range(120)) * 3)
    assert all(list(scores) == list(range(120)) for scores in found.held_out)


def _rows(table: Table) -> list[int]:
    column = table.column("row")
    assert isinstance(column, Numbers)
    return column.units.tolist()


def test_noise_is_not_taken_for_knowledge() -> None:
    luck = np.random.default_rng(3)
    frame = pd.DataFrame({f"n{i}": luck.integers(0, 40, 600).astype(str) for i in range(8)})
    table = table_of(frame.assign(late=luck.choice(["yes", "no"], 600)))
    found = validate("noise", table, scorecard(Plan(minimum_value=0)), Folds(count=5, repeats=4))
    assert found.auc.low < 0.5 < found.auc.high


def test_separation_of_known_scores() -> None:
    bad = np.array([True, True, False, False])
    assert (auc(np.array([1, 2, 3, 4]), bad), ks(np.array([1, 2, 3, 4]), bad)) == (1.0, 1.0)
    assert (auc(np.array([1, 1, 1, 1]), bad), ks(np.array([1, 1, 1, 1]), bad)) == (0.5, 0.0)
    assert auc(np.array([1, 3, 2, 4]), bad) == 0.75


def test_the_interval_is_widened_because_folds_share_rows() -> None:
    values = [0.7, 0.8, 0.75, 0.72, 0.78]
    naive = 2.776 * np.std(values, ddof=1) / math.sqrt(5)
    found = estimate(values, folds=5)
    assert found.high - found.mean == pytest.approx(naive * 1.5, rel=1e-3)
    assert found.gini().mean == pytest.approx(0.5)


def test_calibration_counts_every_row_once() -> None:
    scores = np.array([350, 399, 400, 899, 900, 950])
    steps = calibrate(scores, np.array([True, True, False, False, False, True]), SCALING)
    assert [(s.lowest, s.highest, s.rows, s.bad) for s in steps] == [
        (350, 399, 2, 2),
        (400, 449, 1, 0),
        (850, 899, 1, 0),
        (900, 950, 2, 1),
    ]
    assert steps[0].stated > steps[1].stated > steps[-1].stated
    assert steps[-1].low < 0.5 < steps[-1].high


def test_a_swap_set_adds_up_and_admits_strictly_above() -> None:
    a, b = np.array([601, 601, 600, 500]), np.array([601, 600, 601, 500])
    found = compare(a, b, np.array([False, True, False, True]), 600, 600)
    assert [(cell.name, cell.rows, cell.bad) for cell in found.cells] == [
        ("both", 1, 0),
        ("only A", 1, 1),
        ("only B", 1, 0),
        ("neither", 1, 1),
    ]
    assert [cell.bad_rate for cell in found.cells] == [0, 1, 0, 1]
    nobody = compare(a, b, np.array([False, True, False, True]), 949, 949)
    assert [cell.bad_rate for cell in nobody.cells] == [None, None, None, 0.5]


def group(name: str, rows: int, admitted: int, bad: int) -> pd.DataFrame:
    """Rows of one group; the first are admitted, the last are bad."""
    scores = [700] * admitted + [500] * (rows - admitted)
    return pd.DataFrame({"group": name, "score": scores, "bad": [i >= rows - bad for i in range(rows)]})


def test_fairness_flags_four_fifths_and_miscalibration_and_concludes_nothing_from_few() -> None:
    frame = pd.concat([group("a", 100, 80, 20), group("b", 100, 60, 90), group("c", 5, 0, 5)], ignore_index=True)
    a, b, c = treat(frame, frame["score"].to_numpy(), frame["bad"].to_numpy(), Grouping("group"), 600, SCALING)
    assert (a.impact, a.below_four_fifths, a.miscalibrated) == (1.0, False, False)
    assert (b.impact, b.below_four_fifths, b.miscalibrated) == (pytest.approx(0.75), True, True)
    assert (b.bad_rate_of_admitted, b.approval_rate_of_good) == (pytest.approx(50 / 60), 1.0)
    assert (c.small, c.below_four_fifths, c.miscalibrated) == (True, False, False)
    assert (c.bad_rate_of_admitted, c.approval_rate_of_good) == (None, None)


def test_without_a_scale_no_bad_rate_is_stated() -> None:
    frame = group("a", 40, 20, 10)
    (found,) = treat(frame, frame["score"].to_numpy(), frame["bad"].to_numpy(), Grouping("group"), 600, None)
    assert (found.stated_bad_rate, found.miscalibrated) == (None, False)


def test_bands_begin_at_their_number() -> None:
    frame = pd.DataFrame({"age": ["25", "26", "40.5", "41", ""]})
    grouping = parse_grouping("age:26,41")
    found = treat(frame, np.full(5, 700), np.array([True] * 5), grouping, 600, SCALING)
    assert [(one.group, one.rows) for one in found] == [
        ("below 26", 1),
        ("26 to below 41", 2),
        ("41 or more", 1),
        ("(absent)", 1),
    ]


@pytest.mark.parametrize("text", ["age:26,x", "age:41,26", "age:26,26", "age:"])
def test_bands_that_make_no_sense_are_told(text: str) -> None:
    with pytest.raises(FittingError):
        parse_grouping(text)
