"""One fit, whole: read, train, validate, calibrate, look for drift, and write down what was done."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from services.scoring.domain.loading import ModelError, load_model, load_scorecard
from services.scoring.domain.scorecard import Model
from services.scoring.domain.training import Method, Training
from services.scoring.fitting.arrays import Ints
from services.scoring.fitting.calibration import Step, calibrate
from services.scoring.fitting.drift import Drift, drift_between
from services.scoring.fitting.errors import FittingError
from services.scoring.fitting.metrics import auc
from services.scoring.fitting.peers import PEERS
from services.scoring.fitting.reading import digest, read_frame, require_columns
from services.scoring.fitting.table import Categories, Table, tabulate
from services.scoring.fitting.training import Fitted, Plan, train
from services.scoring.fitting.validation import Folds, Validated, scorecard, validate
from services.scoring.fitting.writing import scorecard_of, to_text

LIBRARIES = ("numpy", "pandas", "scikit-learn", "scipy")
RATIONALE = "Logistic regression on weight of evidence in optimal monotonic bins, in whole points."


@dataclass(frozen=True, slots=True)
class Task:
    """What to fit, and how. `minimum_experience` is how many facts a served model needs to assess somebody."""

    data: Path
    target: str
    bad: str
    version: str
    plan: Plan = field(default_factory=Plan)
    folds: Folds = field(default_factory=Folds)
    unwanted: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    minimum_experience: int = 0
    like: Model | None = None
    later: Path | None = None
    with_peers: bool = False


@dataclass(frozen=True, slots=True)
class Study:
    """What came of it. The first of `validated` is the scorecard, the others its peers."""

    task: Task
    table: Table
    fitted: Fitted
    model: Model
    validated: tuple[Validated, ...]
    apparent_auc: float
    calibration: tuple[Step, ...]
    drift: tuple[Drift, ...]

    @property
    def held_out(self) -> Ints:
        """The score that every row got in the first repeat while it was not in the training."""
        return self.validated[0].held_out[0].astype(np.int64)

    def text(self) -> str:
        """The scorecard's file."""
        return to_text(self.model)

    def why_not_served(self) -> str:
        """What forbids this service to serve it, one fault a line; empty when nothing does."""
        try:
            load_model(self.text())
        except ModelError as error:
            return str(error)
        return ""


def study(task: Task) -> Study:
    """Fits as told; raises FittingError when data or options do not allow it."""
    frame = read_frame(task.data)
    table = tabulate(frame, task.target, task.bad, task.unwanted, task.categories)
    _check_directions(frame, table, task.plan)
    learners = {"scorecard": scorecard(task.plan), **(PEERS if task.with_peers else {})}
    validated = tuple(validate(name, table, learn, task.folds) for name, learn in learners.items())
    fitted = train(table, task.plan)
    training = Training(Method.LOGISTIC_REGRESSION, RATIONALE, _record(task, table, fitted, validated[0]))
    model = scorecard_of(fitted, task.version, task.minimum_experience, training, task.like)
    load_scorecard(to_text(model))
    return Study(
        task,
        table,
        fitted,
        model,
        validated,
        auc(fitted.score(table), table.bad),
        calibrate(validated[0].held_out[0].astype(np.int64), table.bad, task.plan.scaling),
        drift_between(model, *_periods(frame, task.later)),
    )


def _check_directions(frame: pd.DataFrame, table: Table, plan: Plan) -> None:
    require_columns(frame, list(plan.directions))
    for column in table.columns:
        if isinstance(column, Categories) and column.name in plan.directions:
            raise FittingError(f"{column.name}: categories have no direction")


def _periods(frame: pd.DataFrame, later: Path | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The people fitted on and later ones; without those, the first and the second half of the file."""
    if later is not None:
        return frame, read_frame(later)
    half = len(frame) // 2
    return frame.iloc[:half], frame.iloc[half:]


def _record(task: Task, table: Table, fitted: Fitted, validated: Validated) -> dict[str, Any]:
    """Everything that another run needs to give the same file."""
    return {
        "data_sha256": digest(task.data),
        "rows": len(table.bad),
        "bad_rows": int(table.bad.sum()),
        "target": task.target,
        "bad": task.bad,
        "seed": task.folds.seed,
        "folds": task.folds.count,
        "repeats": task.folds.repeats,
        "cross_validated_auc": {name: round(value, 4) for name, value in asdict(validated.auc).items()},
        "cross_validated_ks": round(validated.ks, 4),
        "maximum_bins": task.plan.limits.maximum_bins,
        "minimum_share": task.plan.limits.minimum_share,
        "minimum_information_value": task.plan.minimum_value,
        "directions": dict(task.plan.directions),
        "dropped": {**table.dropped, **fitted.left_out},
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def figures(study: Study) -> dict[str, Any]:
    """What was measured, to be kept: cross-validated figures of the scorecard and of its peers, and how they came."""
    return {
        "data": study.task.data.name,
        "training": dict(study.model.training.record),
        "results": [
            {
                "model": one.name,
                "auc": {name: round(value, 4) for name, value in asdict(one.auc).items()},
                "gini": {name: round(value, 4) for name, value in asdict(one.auc.gini()).items()},
                "ks": round(one.ks, 4),
                "auc_per_fold": [round(value, 4) for value in one.per_fold],
            }
            for one in study.validated
        ],
        "apparent_auc": round(study.apparent_auc, 4),
        "calibration": [{name: round(value, 4) for name, value in asdict(step).items()} for step in study.calibration],
        "population_stability": {one.name: round(one.index, 4) for one in study.drift},
        "characteristics": {
            b.name: {"bins": len(b.starts) + len(b.groups), "information_value": round(b.value, 4)}
            for b in study.fitted.binned
        },
    }
