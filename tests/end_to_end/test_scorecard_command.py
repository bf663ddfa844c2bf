"""`freehold scorecard` as a model owner runs it: the commands of docs/models.md, and what it says of what is wrong."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GERMAN = ROOT / "tests" / "data" / "german_credit.csv"
KEPT = json.loads((ROOT / "docs" / "results" / "german_credit.json").read_text())
OUTCOME = ("--target", "creditability", "--bad", "bad")
QUICK = ("--folds", "3", "--repeats", "1")
_SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)


def freehold(folder: Path, *arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Runs the command, with the modules in `path` before all others."""
    search = os.pathsep.join([str(path)] * bool(path) + [str(ROOT), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "services.cli", "scorecard", *arguments]
    environment = {**os.environ, "PYTHONPATH": search, "COLUMNS": "120"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a scorecard of the German data."""
    folder: Path = tmp_path_factory.mktemp("fitted")
    done = freehold(folder, "fit", str(GERMAN), *OUTCOME, *QUICK, "--out", "german.json")
    assert done.returncode == 0, done.stderr
    return folder


def test_every_command_of_the_page_runs(tmp_path: Path) -> None:
    """In order, as they stand, but on fewer folds."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    (tmp_path / "docs" / "results").mkdir(parents=True)
    before, _, served = (ROOT / "docs" / "models.md").read_text().partition("## Put into service")  # test_walkthroughs
    page = "".join(_SHELL.findall(before + served.partition("## How good it is")[2]))
    done = subprocess.run(
        ["sh", "-euc", page.replace("scorecard fit", f"scorecard fit {' '.join(QUICK)}")],
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert "left out age_in_years: protected: age" in done.stdout
    assert len(re.findall(r"^cross-validated AUC 0\.7\d+$", done.stdout, re.MULTILINE)) == 3
    for heading in ("admitted by", "only B", "impact", "too few to tell", "gradient boosting"):
        assert heading in done.stdout
    assert "was fitted on this very table" not in done.stdout
    record = json.loads((tmp_path / "docs" / "results" / "german_credit.json").read_text())
    assert record.keys() == KEPT.keys()
    assert (tmp_path / "german-1.html").read_text().startswith("<!DOCTYPE html>")


def test_the_figures_that_are_kept_are_of_this_data_and_good_enough() -> None:
    ours, one_hot, boosting = (result["auc"]["mean"] for result in KEPT["results"])
    assert KEPT["training"]["data_sha256"] == sha256(GERMAN.read_bytes()).hexdigest()
    assert (KEPT["training"]["folds"], KEPT["training"]["repeats"]) == (10, 5)
    assert ours >= 0.785
    assert ours >= one_hot
    assert KEPT["date"]
    page = (ROOT / "docs" / "models.md").read_text()
    for figure in (ours, one_hot, boosting):
        assert f"| {figure:.3f} |" in page


def test_what_flatters_is_called_so(fitted: Path) -> None:
    done = freehold(fitted, "compare", "german.json", "german.json", str(GERMAN), *OUTCOME, "--threshold", "560")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("german was fitted on this very table") == 1


def test_again_gives_the_same_file(fitted: Path, tmp_path: Path) -> None:
    done = freehold(tmp_path, "fit", str(GERMAN), *OUTCOME, *QUICK, "--out", "german.json")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "german.json").read_bytes() == (fitted / "german.json").read_bytes()


def test_a_scorecard_with_a_protected_characteristic_is_refused(fitted: Path, tmp_path: Path) -> None:
    raw = json.loads((fitted / "german.json").read_text())
    raw["characteristics"][0]["name"] = "personal_status_and_sex"
    (tmp_path / "unfair.json").write_text(json.dumps(raw))
    group = ("--threshold", "560", "--group", "age_in_years:26")
    done = freehold(tmp_path, "fairness", "unfair.json", str(GERMAN), *OUTCOME, *group)
    assert done.returncode == 1
    assert "personal_status_and_sex: speaks of marital status, which is protected" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--target", "creditability", "--bad", "worse"), "found 'bad', 'good'"),
        ((*OUTCOME, "--direction", "duration_in_month"), "COLUMN=up or COLUMN=down"),
        ((*OUTCOME, "--like", "nowhere.json"), "nowhere.json"),
        ((*OUTCOME, "--out", "nowhere/german.json"), "nowhere/german.json"),
    ],
)
def test_what_cannot_be_fitted_is_told_in_words(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    done = freehold(tmp_path, "fit", str(GERMAN), *arguments, *QUICK)
    assert (done.returncode, says in done.stderr, "Traceback" in done.stderr) == (1, True, False), done.stderr
    assert not list(tmp_path.iterdir())


def test_without_its_libraries_the_command_says_how_to_install_them(tmp_path: Path) -> None:
    (tmp_path / "sklearn.py").write_text("raise ModuleNotFoundError('No module named sklearn', name='sklearn')\n")
    done = freehold(tmp_path, "fit", str(GERMAN), *OUTCOME, path=tmp_path)
    assert done.returncode == 1
    assert "this needs sklearn; install the model room: pip install 'freehold[fit]'" in done.stderr
    assert freehold(tmp_path, "--help", path=tmp_path).returncode == 0
