"""A scorecard is checked whole before it scores anybody, and every fault is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from importlib import resources
from typing import Any

import pytest

from services.scoring.domain import ModelError, load_model

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


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda raw: raw.pop("version"), "version"),
        (lambda raw: raw.update(version=" "), "not a text"),
        (lambda raw: raw.update(base_points=380.5), "not a whole number"),
        (lambda raw: raw.update(base_points=True), "not a whole number"),
        (lambda raw: raw.update(minimum_experience=0), "minimum_experience"),
        (lambda raw: raw["factors"].pop("relations"), "factor relations: not described"),
        (lambda raw: raw["factors"].update(wealth="no"), "factor wealth: unknown"),
        (lambda raw: raw["characteristics"].pop(), "missing"),
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
