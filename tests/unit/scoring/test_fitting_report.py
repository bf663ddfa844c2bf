"""Drift is found where there is some, and a report stands by itself and holds no row of the data."""

from __future__ import annotations

from pathlib import Path

import pytest
from credit import people

from services.scoring.fitting.report import html_report
from services.scoring.fitting.study import Study, Task, figures, study
from services.scoring.fitting.validation import Folds

QUICK = Folds(count=3, repeats=1, seed=5)


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A fit on people, and later ones who own their homes less often and whose incomes are the same."""
    folder: Path = tmp_path_factory.mktemp("people")
    before, after = people(2000, 1), people(2000, 2)
    after.loc[after["home"] == "own", "home"] = "rent"
    before.to_csv(folder / "before.csv", index=False)
    after.drop(columns="late").to_csv(folder / "after.csv", index=False)
    return study(Task(folder / "before.csv", "late", "yes", "<people>", folds=QUICK, later=folder / "after.csv"))


def test_drift_is_seen_where_it_is(moved: Study) -> None:
    found = {one.name: one for one in moved.drift}
    assert found["home"].verdict == "moved"
    assert found["income"].verdict == "stable"
    assert found["score"].index > found["income"].index


def test_halves_of_one_file_in_no_order_are_alike(tmp_path: Path) -> None:
    people(3000, 1).to_csv(tmp_path / "people.csv", index=False)
    done = study(Task(tmp_path / "people.csv", "late", "yes", "people-1", folds=QUICK))
    assert {one.verdict for one in done.drift} == {"stable"}


def test_a_report_stands_by_itself(moved: Study) -> None:
    html = html_report(moved)
    assert html.count("<svg") == 4
    assert "<script" not in html
    assert "&lt;people&gt;" in html
    assert "<people>" not in html
    for title in ("Separation", "Points", "Calibration", "Population stability", "Left out", "Training record"):
        assert f"<h2>{title}</h2>" in html
    assert not any(f'{what}="http' in html for what in ("src", "href")), "nothing is fetched from elsewhere"
    assert html == html_report(moved)


def test_the_figures_are_those_of_the_fit(moved: Study) -> None:
    kept = figures(moved)
    assert kept["training"]["rows"] == 2000
    assert kept["results"][0]["auc"]["mean"] == round(moved.validated[0].auc.mean, 4)
    assert sum(step["rows"] for step in kept["calibration"]) == 2000
