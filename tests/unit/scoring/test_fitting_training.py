"""A fit: whole points on a declared scale, monotone, the same again, and the same as serving gives."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from credit import BAD, GERMAN, TARGET, german, people, table_of

from services.scoring.domain import load_model, load_scorecard
from services.scoring.domain.scorecard import HIGHEST, LOWEST, Direction
from services.scoring.domain.training import Scaling
from services.scoring.fitting.errors import FittingError
from services.scoring.fitting.reading import read_frame, score_rows
from services.scoring.fitting.regression import regress
from services.scoring.fitting.scaling import bad_rate_at, base_points_of, points_of
from services.scoring.fitting.study import Task, study
from services.scoring.fitting.table import tabulate
from services.scoring.fitting.training import Plan, train
from services.scoring.fitting.validation import Folds
from services.scoring.fitting.writing import to_text
from services.scoring.models import read_model

SCALING = Scaling(base_score=600, base_odds=5, pdo=40)
QUICK = Folds(count=3, repeats=1, seed=5)
TASK = Task(GERMAN, TARGET, BAD, "german-1", folds=QUICK)


@pytest.mark.parametrize(("odds", "score"), [(5, 600), (10, 640), (2.5, 560), (80, 760)])
def test_the_scale_means_what_it_says(odds: float, score: int) -> None:
    assert base_points_of(math.log(odds), SCALING) == score
    assert bad_rate_at(np.array([score]), SCALING)[0] == pytest.approx(1 / (1 + odds))


def test_pdo_points_double_the_odds() -> None:
    assert list(points_of(np.log([2, 4, 0.5]), SCALING)) == [40, 80, -40]


def test_a_score_is_within_rounding_of_the_regression_and_within_its_range() -> None:
    table, fitted = german(), train(german(), Plan())
    base = fitted.base_points
    weights = [b.weights[b.places(table.column(b.name))] for b in fitted.binned]
    per_unit = SCALING.pdo / math.log(2)
    exact = base + per_unit * sum(c * w for c, w in zip(fitted.coefficients, weights, strict=True))
    scores = fitted.score(table)
    assert np.abs(scores - np.clip(exact, LOWEST, HIGHEST)).max() <= len(fitted.binned) / 2
    steep = train(table, Plan(scaling=replace(SCALING, pdo=400))).score(table)
    assert (steep.min(), steep.max()) == (LOWEST, HIGHEST)


def test_points_go_one_way_with_every_number_and_no_weight_is_negative() -> None:
    fitted = train(german(), Plan())
    assert min(fitted.coefficients) > 0
    for binned, points in zip(fitted.binned, fitted.points, strict=True):
        gains = [two - one for one, two in itertools.pairwise(points[:-1])]
        sign = -1 if binned.direction is Direction.DOWN else 1
        assert all(sign * gain >= 0 for gain in gains), binned.name


def test_what_says_nothing_or_is_forced_the_wrong_way_is_left_out_and_why_is_said() -> None:
    frame = people(600, 3).assign(noise=[str(i % 7) for i in range(600)])
    fitted = train(table_of(frame), Plan(minimum_value=0.05, directions={"income": Direction.DOWN}))
    assert [b.name for b in fitted.binned] == ["home"]
    assert all("information value" in fitted.left_out[name] for name in ("income", "noise"))


def test_a_column_that_turns_against_its_own_evidence_has_no_weight() -> None:
    luck = np.random.default_rng(1)
    first = luck.normal(size=4000)
    second = first + luck.normal(size=4000) / 2
    bad = luck.random(4000) > 1 / (1 + np.exp(second - 2 * first))
    assert np.corrcoef(second, ~bad)[0, 1] > 0, "alone it speaks for good outcomes"
    weights = regress(np.column_stack([first, second]), bad)
    assert weights.coefficients[0] > 0
    assert weights.coefficients[1] == 0


def test_protected_columns_are_dropped_and_so_is_what_names_people() -> None:
    assert set(german().dropped) == {"personal_status_and_sex", "age_in_years", "foreign_worker"}
    frame = people(60, 1).assign(customer=[f"c{i}" for i in range(60)], same="1")
    dropped = tabulate(frame, "late", "yes", unwanted=["home"]).dropped
    assert dropped == {
        "home": "not wanted",
        "customer": "60 categories; 50 are the most",
        "same": "one value only",
    }


def test_the_same_data_and_seed_give_the_same_bytes_and_another_seed_another_record() -> None:
    once, again = study(TASK), study(TASK)
    assert once.text() == again.text()
    assert study(replace(TASK, folds=replace(QUICK, seed=6))).text() != once.text()


def test_what_is_written_loads_again_and_scores_every_row_as_the_fit_does() -> None:
    done = study(TASK)
    loaded = load_scorecard(done.text())
    assert to_text(loaded) == done.text()
    assert loaded.scaling == SCALING
    assert not {c.name for c in loaded.characteristics} & set(german().dropped)
    assert list(score_rows(loaded, read_frame(GERMAN))) == list(done.fitted.score(german()))


def test_absent_and_unseen_values_are_scored_as_the_fit_does(tmp_path: Path) -> None:
    people(900, 4).to_csv(tmp_path / "people.csv", index=False)
    done = study(Task(tmp_path / "people.csv", "late", "yes", "people-1", folds=QUICK))
    others = people(300, 5).replace({"home": {"none": "tent"}})
    assert list(score_rows(done.model, others)) == list(done.fitted.score(table_of(others)))


def riders(seed: int) -> pd.DataFrame:
    """Riders as facts describe them; experience and tenure say most about them, lateness little."""
    luck = np.random.default_rng(seed)
    rows = 6000
    counted = {c.name: luck.integers(0, 2 if c.bins[-1].at_least == 1 else 40, rows) for c in _served()}
    counted["tenure_days"] = luck.integers(0, 1500, rows)
    counted["late_returns"] = counted["late_returns"] // 8
    counted["payments_unpaid"] = counted["payments_unpaid"] // 14
    log_odds = (
        counted["on_time_returns"] / 8
        + counted["tenure_days"] / 400
        + counted["payments_on_time"] / 12
        - counted["late_returns"] / 4
        - counted["payments_unpaid"] / 3
        - 3.2
    )
    bad = luck.random(rows) > 1 / (1 + np.exp(-log_odds))
    return pd.DataFrame({**counted, "bad": bad.astype(int)}).astype(str)


def _served() -> tuple:
    return read_model("bike-1").characteristics


def test_a_successor_of_the_served_model_can_be_served(tmp_path: Path) -> None:
    like = read_model("bike-1")
    riders(1).to_csv(tmp_path / "riders.csv", index=False)
    plan = Plan(
        scaling=Scaling(600, 5, 60), directions={c.name: c.direction for c in like.characteristics}, minimum_value=0.02
    )
    done = study(Task(tmp_path / "riders.csv", "bad", "1", "bike-2", plan, QUICK, minimum_experience=3, like=like))
    assert done.why_not_served() == ""
    model = load_model(done.text())
    assert [c.name for c in model.characteristics] == [c.name for c in like.characteristics]
    assert [c.reason for c in model.characteristics] == [c.reason for c in like.characteristics]
    assert "phone_verified" in done.fitted.left_out, "what says nothing stays in with no points"


def test_why_a_fit_cannot_be_served_is_told(tmp_path: Path) -> None:
    riders(1).to_csv(tmp_path / "riders.csv", index=False)
    plan = Plan(scaling=Scaling(600, 5, 20))
    done = study(Task(tmp_path / "riders.csv", "bad", "1", "bike-2", plan, QUICK, like=read_model("bike-1")))
    assert "minimum_experience" in done.why_not_served()
    assert "does not reach 950" in done.why_not_served()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"target": "luck"}, "no such column: luck"),
        ({"bad": "worse"}, "two values, one of them 'worse'"),
        ({"target": "purpose", "bad": "repairs"}, "two values"),
        ({"unwanted": ("nothing",)}, "no such column: nothing"),
        ({"folds": Folds(count=301)}, "301 folds"),
        ({"plan": Plan(directions={"nothing": Direction.UP})}, "no such column: nothing"),
        ({"plan": Plan(directions={"housing": Direction.UP})}, "housing: categories have no direction"),
        ({"data": GERMAN.with_name("README.md")}, "not a CSV table|no such column"),
    ],
)
def test_what_cannot_be_fitted_is_told(change: dict[str, object], says: str) -> None:
    with pytest.raises(FittingError, match=says):
        study(replace(TASK, **change))
