"""`freehold scorecard calibrate` as a model owner runs it: the committed tables again, and what it says of bad data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_scorecard_command import ROOT, freehold

from tests.made_up_bureaus import NORTH, SOUTH, MadeUp, file_of

KEPT = ROOT / "services" / "scoring" / "calibrations"


@pytest.mark.parametrize("bureau", [NORTH, SOUTH], ids=["north", "south"])
def test_the_committed_tables_come_out_again_byte_for_byte(bureau: MadeUp, tmp_path: Path) -> None:
    kept = KEPT / f"{bureau.name}.json"
    done = freehold(
        tmp_path,
        *("calibrate", str(file_of(bureau)), "--score", "score", "--target", "bad", "--bureau", bureau.name),
        *("--raw-range", f"{bureau.lowest}:{bureau.highest}"),
        *("--rationale", json.loads(kept.read_text())["training"]["rationale"]),
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / f"{bureau.name}.json").read_text() == kept.read_text()
    assert "cross-validated Brier score 0.1" in done.stdout


def test_a_table_promises_what_comes_to_people_that_it_has_not_seen() -> None:
    for bureau in (NORTH, SOUTH):
        record = json.loads((KEPT / f"{bureau.name}.json").read_text())["training"]
        assert record["calibration_error"] < 0.02
        bad = record["bad_rows"] / record["rows"]
        assert record["brier"] < bad * (1 - bad), "better than telling everybody the average"


@pytest.mark.parametrize(
    ("text", "more", "said"),
    [
        ("score,bad\n700,0\n600,x\n", (), "the outcome has two values"),
        ("score,bad\n700,0\n600.5,1\n", (), "a whole number in every row"),
        ("other,bad\n700,0\n600,1\n", (), "no such column: score"),
        ("score,bad\n" + "600,0\n700,1\n" * 40, (), "does not fall as the score rises"),
        ("score,bad\n" + "600,1\n700,0\n" * 40, ("--raw-range", "650:900"), "scores outside of 650 to 900"),
        ("score,bad\n" + "600,1\n700,0\n" * 40, ("--raw-range", "wide"), "LOWEST:HIGHEST"),
        ("score,bad\n" + "600,1\n700,0\n" * 40, ("--bureau", "The North"), "is not a name of small letters"),
    ],
)
def test_what_is_wrong_is_told_in_words(text: str, more: tuple[str, ...], said: str, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(text)
    done = freehold(
        tmp_path, "calibrate", "data.csv", "--score", "score", "--target", "bad", "--bureau", "north", *more
    )
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "north.json").exists()
