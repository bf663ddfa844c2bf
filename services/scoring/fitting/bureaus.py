"""Calibrating a bureau: what odds its numbers state, and which of our scores state the same.

The bad rate is made to fall as the raw score rises (isotonic regression), and each level of it becomes one knot of the
table: its mean raw score, and the score here of the same odds. Levels are of at least 2 % of the rows, and each has one
more row of average outcome, so that nobody's odds are infinite.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.model_selection import StratifiedKFold

from services.scoring.domain.calibration import HIGHEST, LOWEST, Calibration, Knot
from services.scoring.domain.panels import load_calibration
from services.scoring.domain.training import Scaling
from services.scoring.fitting.arrays import Bools, Floats, Ints
from services.scoring.fitting.errors import FittingError
from services.scoring.fitting.metrics import auc
from services.scoring.fitting.reading import digest, outcome, read_frame, require_columns
from services.scoring.fitting.scaling import bad_rate_at

LEAST_SHARE = 0.02
STEPS = 10


@dataclass(frozen=True, slots=True)
class BureauTask:
    """What to calibrate, on what, and how."""

    data: Path
    score: str
    target: str
    bad: str
    bureau: str
    version: str
    raw_range: tuple[int, int] | None
    scaling: Scaling
    folds: int
    seed: int
    rationale: str


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The file, and how well its table keeps its promise on rows that it was not made from."""

    text: str
    calibration: Calibration
    brier: float
    calibration_error: float
    auc: float


def calibrate_bureau(task: BureauTask) -> Calibrated:
    """The calibration of a table; raises FittingError when it has none to give."""
    frame = read_frame(task.data)
    require_columns(frame, [task.score, task.target])
    bad, raw = outcome(frame, task.target, task.bad), _whole_numbers(list(frame[task.score]), task.score)
    knots, promised = _knots(raw, bad, task.scaling), _promised_unseen(raw, bad, task)
    measured = {
        "brier": round(float(np.mean((promised - bad) ** 2)), 6),
        "calibration_error": round(calibration_error(promised, bad), 6),
        "auc": round(auc(raw, bad), 6),
    }
    text = json.dumps(_file(task, raw, bad, knots, measured), ensure_ascii=False, indent=1) + "\n"
    return Calibrated(text, load_calibration(text), *measured.values())


def calibration_error(promised: Floats, bad: Bools) -> float:
    """How far the promised bad rate lies from the one that came: the mean over tenths, by what was promised."""
    parts = np.array_split(np.argsort(promised, kind="stable"), STEPS)
    gaps = [abs(float(np.mean(promised[part]) - np.mean(bad[part]))) * len(part) for part in parts if len(part)]
    return sum(gaps) / len(bad)


def _whole_numbers(cells: list[str], column: str) -> Ints:
    try:
        return np.array([int(cell) for cell in cells], dtype=np.int64)
    except ValueError:
        raise FittingError(f"{column}: a bureau's score is a whole number in every row") from None


def _knots(raw: Ints, bad: Bools, scaling: Scaling) -> list[Knot]:
    levels = _levels(raw, bad)
    if len(levels) < 2:
        raise FittingError("the bad rate does not fall as the score rises: there is nothing to calibrate")
    overall = float(np.mean(bad))
    knots: list[Knot] = []
    for rows in levels:
        rate = (float(bad[rows].sum()) + overall) / (len(rows) + 1)
        points = scaling.base_score + scaling.pdo * float(np.log2((1 - rate) / rate / scaling.base_odds))
        common = min(HIGHEST, max(LOWEST, round(points)))
        knots.append(Knot(round(float(np.mean(raw[rows]))), max(common, knots[-1].common if knots else LOWEST)))
    return knots


def _levels(raw: Ints, bad: Bools) -> list[Ints]:
    """Rows by level of the isotonic bad rate, from the lowest raw scores up; levels too small join the one before."""
    rates = IsotonicRegression(increasing=False).fit_transform(raw, bad.astype(np.float64))
    least = LEAST_SHARE * len(raw)
    levels: list[Ints] = []
    for rate in np.unique(rates)[::-1]:
        rows = np.flatnonzero(rates == rate)
        if levels and (len(levels[-1]) < least or len(rows) < least):
            levels[-1] = np.concatenate([levels[-1], rows])
        else:
            levels.append(rows)
    return levels


def _promised_unseen(raw: Ints, bad: Bools, task: BureauTask) -> Floats:
    """The bad rate that every row was promised by a table made of the other folds."""
    promised = np.zeros(len(raw))
    splits = StratifiedKFold(task.folds, shuffle=True, random_state=task.seed).split(raw, bad)
    for seen, unseen in splits:
        knots = _knots(raw[seen], bad[seen], task.scaling)
        common = np.interp(raw[unseen], [knot.raw for knot in knots], [knot.common for knot in knots])
        promised[unseen] = bad_rate_at(np.floor(common).astype(np.int64), task.scaling)
    return promised


def _file(task: BureauTask, raw: Ints, bad: Bools, knots: list[Knot], measured: dict[str, float]) -> dict[str, Any]:
    lowest, highest = task.raw_range or (int(raw.min()), int(raw.max()))
    if raw.min() < lowest or raw.max() > highest:
        raise FittingError(f"{task.score}: there are scores outside of {lowest} to {highest}")
    scaling = task.scaling
    return {
        "version": task.version,
        "bureau": task.bureau,
        "raw_range": {"lowest": lowest, "highest": highest},
        "scaling": {"base_score": scaling.base_score, "base_odds": scaling.base_odds, "pdo": scaling.pdo},
        "table": [{"raw": knot.raw, "common": knot.common} for knot in knots],
        "training": {
            "method": "isotonic_regression",
            "rationale": task.rationale,
            "data_sha256": digest(task.data),
            "rows": len(raw),
            "bad_rows": int(bad.sum()),
            "seed": task.seed,
            "folds": task.folds,
            **measured,
            "libraries": {name: version(name) for name in ("numpy", "scikit-learn")},
        },
    }
