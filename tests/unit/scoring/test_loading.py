"""A scorecard is checked whole before it scores anybody, and every fault is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from importlib import resources
from typing import Any

import pytest

from services.scoring.domain import ModelError, load_model, load_scorecard
from services.scoring.domain.training import Method

TEXT = (resources.files("services.scoring") / "models" / "bike-1.json").read_text(encoding="utf-8")
RAW: dict[str, Any] = json.loads(TEXT)


def changed(change: Callable[[dict[str, Any]], Any]) -> str:
    """The shipped scorecard with one change."""
    raw = deepcopy(RAW)
    change(raw)
    return json.dumps(raw)


def _characteristic(raw: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(c for c in raw["characteristics"] if c["name"] == name)
    return found


def test_the_shipped_scorecard_loads() -> None:
    model = load_model(TEXT)
    assert model.version == "bike-1"
    assert len(model.characteristics) == len(RAW["characteristics"])
    assert all(c.rationale for c in model.characteristics), "every characteristic says why it is there"
    assert (model.training.method, model.scaling) == (Method.EXPERT, None)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda raw: raw.pop("version"), "version"),
        (lambda raw: raw.update(version=" "), "not a text"),
        (lambda raw: raw.update(base_points=380.5), "not a whole number"),
        (lambda raw: raw.update(base_points=True), "not a whole number"),
        (lambda raw: raw.update(minimum_experience=0), "minimum_experience"),
        (lambda raw: raw["valid_range"].update(highest=1000), "scores are 350 to 950"),
        (lambda raw: raw.pop("valid_range"), "valid_range"),
        (lambda raw: raw.pop("training"), "training"),
        (lambda raw: raw["training"].update(method="guessing"), "guessing"),
        (lambda raw: raw["training"].update(rationale=""), "not a text"),
        (lambda raw: raw.update(scaling={"base_score": 600, "base_odds": 5, "pdo": 40}), "scaling: a fit states"),
        (lambda raw: raw["characteristics"][0].update(direction="none"), "bins have a direction"),
        (lambda raw: raw["characteristics"][0].update(decimals=1), "without decimals"),
        (lambda raw: raw["characteristics"][0].update(groups=[{"values": ["a"], "points": 1, "label": "a"}]), "either"),
        (lambda raw: raw["factors"].pop("relations"), "factor relations: not described"),
        (lambda raw: raw["factors"].update(wealth="no"), "factor wealth: unknown"),
        (lambda raw: raw["characteristics"].pop(), "does not reach"),
        (lambda raw: raw["characteristics"].append(raw["characteristics"][0]), "listed twice"),
        (lambda raw: raw["characteristics"][0].update(name="shoe_size"), "shoe_size: unknown"),
        (lambda raw: raw["characteristics"][0].update(factor="wealth"), "factor wealth"),
        (lambda raw: raw["characteristics"][0].update(direction="sideways"), "sideways"),
        (lambda raw: raw["characteristics"][0].update(rationale=""), "not a text"),
        (lambda raw: raw["characteristics"][0]["reason"].pop("zh"), "zh"),
        (lambda raw: raw["characteristics"][0].update(bins=[]), "must start at 0"),
        (lambda raw: raw["characteristics"][0]["bins"][0].update({"from": 1}), "must start at 0"),
        (lambda raw: raw["characteristics"][0]["bins"][1].update({"from": 0}), "does not start after"),
        (lambda raw: raw["characteristics"][0]["bins"][1].update(points=-5), "against direction"),
        (lambda raw: _characteristic(raw, "late_returns")["bins"][1].update(points=-61), "60 is the most"),
        (lambda raw: raw.update(base_points=100), "does not reach 950"),
        (lambda raw: raw.update(base_points=900), "does not reach 350"),
        (
            lambda raw: raw["characteristics"][1]["reason"].update(code=raw["characteristics"][0]["reason"]["code"]),
            "given twice",
        ),
    ],
)
def test_each_fault_is_named(change: Callable[[dict[str, Any]], Any], says: str) -> None:
    with pytest.raises(ModelError, match=says):
        load_model(changed(change))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"bike-1"', "{}"])
def test_what_is_no_scorecard_at_all_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match="not a scorecard"):
        load_model(text)


def test_all_faults_are_told_at_once() -> None:
    def many(raw: dict[str, Any]) -> None:
        raw["minimum_experience"] = 0
        raw["factors"].pop("relations")
        raw["characteristics"].pop()

    with pytest.raises(ModelError) as caught:
        load_model(changed(many))
    assert len(str(caught.value).splitlines()) >= 3


OUTCOMES: dict[str, Any] = {
    "version": "outcomes-1",
    "base_points": 556,
    "minimum_experience": 0,
    "valid_range": {"lowest": 350, "highest": 950},
    "scaling": {"base_score": 600, "base_odds": 5, "pdo": 40},
    "training": {
        "method": "logistic_regression",
        "rationale": "Fitted.",
        "data_sha256": "0" * 64,
        "rows": 100,
        "bad_rows": 30,
        "seed": 1,
        "folds": 10,
    },
    "factors": RAW["factors"],
    "characteristics": [
        {
            "name": "rate",
            "factor": "behaviour",
            "direction": "down",
            "rationale": "Seen.",
            "reason": {"code": "RATE", "en": "Rate.", "zh": "率。"},
            "decimals": 2,
            "bins": [{"from": -50, "points": 9, "label": "low"}, {"from": 125, "points": -9, "label": "high"}],
            "missing": {"points": -1, "label": "missing"},
        },
        {
            "name": "housing",
            "factor": "history",
            "direction": "none",
            "rationale": "Seen.",
            "reason": {"code": "HOUSING", "en": "Housing.", "zh": "住房。"},
            "groups": [
                {"values": ["rent", "for free"], "points": -13, "label": "not own"},
                {"values": ["own"], "points": 5, "label": "own"},
            ],
        },
    ],
}


def outcomes(change: Callable[[dict[str, Any]], Any]) -> str:
    """A fitted scorecard of another table, with one change."""
    raw = deepcopy(OUTCOMES)
    change(raw)
    return json.dumps(raw)


def test_a_scorecard_of_another_table_loads_and_is_not_a_model_to_serve() -> None:
    text = outcomes(lambda raw: None)
    assert [c.name for c in load_scorecard(text).characteristics] == ["rate", "housing"]
    with pytest.raises(ModelError, match="one of facts"):
        load_model(text)


def test_what_is_served_is_a_scorecard_too() -> None:
    assert load_scorecard(TEXT) == load_model(TEXT)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda raw: raw.pop("scaling"), "scaling: a fit states"),
        (lambda raw: raw["scaling"].update(pdo=0), "at least 1"),
        (lambda raw: raw["scaling"].update(base_odds=0), "at least 1"),
        (lambda raw: raw["scaling"].update(base_score=340), "base_score is 350 to 950"),
        (lambda raw: raw["scaling"].update(base_score=600.0), "not a whole number"),
        (lambda raw: raw["training"].pop("rows"), "rows is not a count"),
        (lambda raw: raw["training"].update(seed="7"), "seed is not a count"),
        (lambda raw: raw["training"].update(data_sha256="abc"), "digest"),
        (lambda raw: raw.update(minimum_experience=-1), "minimum_experience"),
        (lambda raw: raw.update(characteristics=[]), "needs a characteristic"),
        (lambda raw: raw["characteristics"][0].update(decimals=-1), "decimals"),
        (lambda raw: raw["characteristics"][0].update(bins=[]), "either bins or groups"),
        (lambda raw: raw["characteristics"][0]["bins"][1].update(points=10), "against direction"),
        (lambda raw: raw["characteristics"][1].update(direction="up"), "groups have none"),
        (lambda raw: raw["characteristics"][1]["groups"][1].update(values=["rent"]), "'rent' is in two groups"),
        (lambda raw: raw["characteristics"][1]["groups"][1].update(values=[]), "is empty"),
        (lambda raw: raw["characteristics"][1]["groups"][1].update(values="own"), "not a list"),
        (lambda raw: raw["characteristics"][1]["groups"][1].update(points=1.5), "not a whole number"),
        (lambda raw: raw["characteristics"][0]["missing"].pop("points"), "points"),
    ],
)
def test_each_fault_of_a_fitted_scorecard_is_named(change: Callable[[dict[str, Any]], Any], says: str) -> None:
    with pytest.raises(ModelError, match=says):
        load_scorecard(outcomes(change))


@pytest.mark.parametrize(
    ("name", "attribute"),
    [
        ("sex", "sex"),
        ("Gender", "sex"),
        ("personal_status_and_sex", "marital status"),
        ("PersonalStatus", "marital status"),
        ("is_married", "marital status"),
        ("age", "age"),
        ("age_in_years", "age"),
        ("ageInYears", "age"),
        ("customerAge", "age"),
        ("DATE_OF_BIRTH", "age"),
        ("foreign_worker", "nationality"),
        ("Nationality", "nationality"),
        ("home region", "region"),
        ("postcode", "region"),
        ("birthplace", "birthplace"),
        ("ethnic_group", "ethnicity"),
        ("religion", "religion"),
        ("性别", "sex"),
        ("ＡＧＥ", "age"),
        ("婚姻状况", "marital status"),
    ],
)
def test_a_protected_characteristic_is_refused_by_name(name: str, attribute: str) -> None:
    with pytest.raises(ModelError, match=f"speaks of {attribute}, which is protected"):
        load_scorecard(outcomes(lambda raw: raw["characteristics"][1].update(name=name)))


@pytest.mark.parametrize("name", ["mileage", "usage_days", "capacity", "average", "package", "present_residence_since"])
def test_names_that_only_look_protected_are_not(name: str) -> None:
    load_scorecard(outcomes(lambda raw: raw["characteristics"][1].update(name=name)))
