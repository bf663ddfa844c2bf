"""Outside scores: what a bureau's number is here, how it is merged, and how it fades. The demo bureaus are made up."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.scoring.calibrations import read_panel
from services.scoring.domain import (
    Behaviour,
    BureauError,
    Fact,
    FactKind,
    Outside,
    UnscoredReason,
    assess,
    expiry_of,
    facts_for_score,
    improvements,
    load_calibration,
    load_panel,
    observe,
    spread,
    summarise,
)
from services.scoring.domain.outside import COUNTS, FRESH
from services.scoring.models import DEFAULT_SCORECARD, read_model
from tests.made_up_bureaus import NORTH, SOUTH, MadeUp, file_of, text_of, truth

MODEL, PANEL = read_model(DEFAULT_SCORECARD), read_panel()
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)
NOTHING = Behaviour(summarise((), NOON).values, 0, 0)
CALIBRATION: dict[str, Any] = {
    "version": "east-1",
    "bureau": "east",
    "raw_range": {"lowest": 0, "highest": 100},
    "scaling": {"base_score": 600, "base_odds": 5, "pdo": 40},
    "table": [{"raw": 10, "common": 400}, {"raw": 20, "common": 500}, {"raw": 90, "common": 900}],
    "training": {"rationale": "a test", "data_sha256": "0" * 64, "rows": 9, "bad_rows": 3, "seed": 1},
}
WEIGHTS: dict[str, Any] = {
    "version": "panel-9",
    "rationale": "a test",
    "weights": {"east": 20},
    "most_points": 60,
    "alone_deduction": 40,
    "alone_highest": 680,
}
EAST = load_calibration(json.dumps(CALIBRATION))


def told(bureau: str, raw: int, days: int = 0) -> Fact:
    """A bureau's report, so many days old."""
    at = NOON - days * DAY
    return Fact(f"{bureau}{days}", "rnt_1", FactKind.OUTSIDE_SCORE, at, subject=bureau, outside_score=raw)


def history(score: int) -> list[Fact]:
    return list(spread(facts_for_score(MODEL, score), "rnt_1", NOON))


def score(*facts: Fact, now: datetime = NOON) -> int | None:
    return assess(MODEL, summarise(observe(facts, now), now)).score


def raw_of(bureau: str, common: int) -> int:
    """The bureau's lowest number that is at least that much here."""
    scale = PANEL.calibrations[bureau]
    return next(raw for raw in range(scale.raw_lowest, scale.raw_highest + 1) if scale.common_of(raw) >= common)


@pytest.mark.parametrize(
    ("raw", "common"), [(0, 400), (10, 400), (15, 450), (19, 490), (20, 500), (21, 505), (90, 900), (100, 900)]
)
def test_a_raw_score_is_read_between_knots_in_proportion_and_flat_beyond_them(raw: int, common: int) -> None:
    assert EAST.common_of(raw) == common


@pytest.mark.parametrize("bureau", [NORTH, SOUTH], ids=["north", "south"])
def test_the_demo_calibrations_find_the_odds_that_made_the_data(bureau: MadeUp) -> None:
    assert file_of(bureau).read_text() == text_of(bureau)
    table = PANEL.calibrations[bureau.name]
    assert "Made-up data" in table.rationale
    middle = [knot for knot in table.knots if abs(knot.raw - bureau.middle) < 1.5 * bureau.spread]
    assert len(middle) > 8
    off = [abs(knot.common - truth(bureau, knot.raw)) for knot in middle]
    assert max(off) < 40
    assert sum(off) / len(off) < 15


def test_equal_odds_are_equal_scores_whatever_the_scale() -> None:
    north, south = raw_of("north", 650), raw_of("south", 650)
    assert abs(truth(NORTH, north) - truth(SOUTH, south)) < 20
    assert north > south


def with_fault(raw: dict[str, Any], path: str, value: Any) -> str:
    """The file with one thing wrong; None leaves it out."""
    broken = json.loads(json.dumps(raw))
    *folders, name = path.split(".")
    place = broken
    for folder in folders:
        place = place[int(folder) if folder.isdigit() else folder]
    if value is None:
        del place[name]
    else:
        place[name] = value
    return json.dumps(broken)


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("table", None, "not a calibration: 'table' is missing"),
        ("table", [{"raw": 1, "common": 400}], "at least two rows"),
        ("table.1.raw", 10, "raw 10 does not come after 10"),
        ("table.1.raw", 20.5, "20.5 is not a whole number"),
        ("table.2.raw", 101, "raw 101 is outside of raw_range"),
        ("table.2.common", 951, "common 951 of raw 90 is not 350 to 950"),
        ("table.2.common", 450, "raw 90 is worth less than 20"),
        ("raw_range.lowest", 100, "lowest is not below highest"),
        ("scaling.pdo", 0, "base_odds and pdo are at least 1"),
        ("bureau", "The East", "is not a name of small letters"),
        ("training.data_sha256", "unknown", "data_sha256 is not the digest of a file"),
        ("training.rows", "many", "rows is not a count"),
        ("version", "", "'' is not a text"),
    ],
)
def test_a_calibration_is_checked_whole(path: str, value: Any, fault: str) -> None:
    with pytest.raises(BureauError) as caught:
        load_calibration(with_fault(CALIBRATION, path, value))
    assert fault in str(caught.value)


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("weights", {"east": 20, "west": 20}, "west has no calibration"),
        ("weights.east", 51, "51 together; 50 is the most"),
        ("weights.east", 0, "east has 0, not 1 or more"),
        ("most_points", 61, "most_points: 1 to 60"),
        ("alone_deduction", -1, "alone_deduction: not below 0"),
        ("alone_highest", 1000, "alone_highest: 350 to 950"),
        ("rationale", None, "not a panel: 'rationale' is missing"),
        ("weights", [], "not a panel"),
    ],
)
def test_a_panel_is_checked_whole(path: str, value: Any, fault: str) -> None:
    with pytest.raises(BureauError) as caught:
        load_panel(with_fault(WEIGHTS, path, value), {"east": EAST})
    assert fault in str(caught.value)


def test_every_fault_is_named_at_once() -> None:
    broken = with_fault(CALIBRATION, "table", [CALIBRATION["table"][1], {"raw": 15, "common": 300}])
    with pytest.raises(BureauError) as caught:
        load_calibration(broken)
    assert len(str(caught.value).splitlines()) == 3


def test_two_bureaus_move_a_score_by_a_fifth_each() -> None:
    own = history(700)
    north, south = told("north", raw_of("north", 740)), told("south", raw_of("south", 720))
    assert score(*own) == 700
    assert score(*own, north) == 708
    assert score(*own, north, south) == 712


def test_a_score_stays_a_sum_of_named_points() -> None:
    facts = [*history(700), told("north", 600, days=3), told("south", 820, days=40)]
    made = assess(MODEL, summarise(observe(facts, NOON), NOON))
    lines = {line.characteristic: line for line in made.lines}
    assert made.score == made.base_points + sum(line.points for line in made.lines)
    north, south = lines["bureau_north"], lines["bureau_south"]
    common = PANEL.calibrations["north"].common_of(600)
    assert north.bin == f"600 is {common} here (north-1), told 2026-11-20"
    assert (north.factor, north.points) == ("history", (common - 700) * 20 // 100)
    assert south.bin.endswith("told 2026-10-14, half weight")
    assert all(line.points <= line.best_points for line in made.lines)
    assert improvements(MODEL, made), "what bureaus say is no step of the scorecard"


def test_the_latest_report_of_a_bureau_counts() -> None:
    own = history(700)
    old, new = told("north", 400, days=8), told("north", 800, days=1)
    assert score(*own, old, new) == score(*own, new, old) == score(*own, new)


@pytest.mark.parametrize(
    ("age", "points"),
    [(timedelta(0), -24), (FRESH - timedelta(microseconds=1), -24), (FRESH, -12), (COUNTS - DAY, -12), (COUNTS, 0)],
)
def test_a_report_fades_with_age_and_then_counts_no_more(age: timedelta, points: int) -> None:
    facts = [replace(one, occurred_at=one.occurred_at - DAY * 100) for one in history(700)]
    report = told("north", raw_of("north", 580))
    assert PANEL.calibrations["north"].common_of(report.outside_score or 0) == 580
    assert score(*facts, report, now=NOON + age) == 700 + points


def test_it_is_known_when_a_score_changes_because_a_report_fades() -> None:
    report = told("north", 700)
    assert summarise(observe([report], NOON), NOON).changes_at == NOON + FRESH
    assert summarise(observe([report], NOON + FRESH), NOON + FRESH).changes_at == NOON + COUNTS
    assert expiry_of(report) == NOON + COUNTS
    assert summarise(observe([report], NOON + COUNTS), NOON + COUNTS).changes_at is None


def test_a_fresh_bureau_alone_assesses_somebody_who_has_just_come() -> None:
    joined = Fact("j", "rnt_1", FactKind.JOINED, NOON)
    assert score(joined) is None
    common = PANEL.calibrations["north"].common_of(700)
    made = assess(MODEL, summarise(observe([joined, told("north", 700)], NOON), NOON))
    assert made.score == common - 40
    assert made.lines[-1].characteristic == "bureaus_alone"
    assert made.score == made.base_points + sum(line.points for line in made.lines)
    assert score(joined, told("north", 850)) == 680, "never more than that"
    stale = assess(MODEL, summarise(observe([joined, told("north", 700, days=31)], NOON), NOON))
    assert (stale.score, stale.unscored) == (None, UnscoredReason.TOO_FEW_FACTS)


def test_what_happened_here_is_held_against_whom_a_bureau_knows_well() -> None:
    joined, late = Fact("j", "rnt_1", FactKind.JOINED, NOON), Fact("l", "rnt_1", FactKind.RENTAL_LOST, NOON)
    before, after = score(joined, told("north", 700)), score(joined, late, told("north", 700))
    assert before is not None
    assert after is not None
    assert before - 60 <= after < before


def test_a_score_elsewhere_is_a_reason_only_when_it_takes_points_and_names_no_bureau() -> None:
    lower = assess(MODEL, summarise(observe([*history(800), told("north", 400)], NOON), NOON))
    assert lower.reasons[0].code == "OUTSIDE_SCORE_LOWER" or lower.score == 740
    assert "north" not in str(lower.reasons)
    higher = assess(MODEL, summarise(observe([*history(600), told("north", 800)], NOON), NOON))
    assert "OUTSIDE_SCORE_LOWER" not in {reason.code for reason in higher.reasons}


@pytest.mark.parametrize("report", [told("nowhere", 700), told("north", 299), told("north", 851)])
def test_a_bureau_that_is_not_on_the_panel_or_leaves_its_scale_is_not_heard(report: Fact) -> None:
    assert score(*history(700), report) == 700
    assert score(report) is None


def test_without_a_panel_nobody_is_heard() -> None:
    heard = Behaviour(NOTHING.values, 10, 10, None, (Outside("north", 850, NOON),))
    assert assess(replace(MODEL, panel=None), heard).score == assess(MODEL, replace(heard, outside=())).score


def test_a_bureau_s_word_does_not_make_one_fit_to_vouch() -> None:
    own = history(640)
    heard = assess(MODEL, summarise(observe([*own, told("north", 850), told("south", 1000)], NOON), NOON))
    assert heard.score is not None
    assert heard.score > 660
    assert heard.alone_score == 640
