"""Reading a table: a CSV file as texts, and the column that says who turned out bad."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from services.scoring.domain.cells import values_of
from services.scoring.domain.scorecard import Model, Value, score_of
from services.scoring.fitting.arrays import Bools, Ints
from services.scoring.fitting.errors import FittingError


def read_frame(path: Path) -> pd.DataFrame:
    """Every cell as the text that stands there; raises FittingError when it is no table."""
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, index_col=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise FittingError(f"{path}: not a CSV table: {error}") from None
    if frame.empty:
        raise FittingError(f"{path}: no rows")
    return frame.fillna("")


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex: what a training record calls its data by."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def outcome(frame: pd.DataFrame, target: str, bad: str) -> Bools:
    """Who turned out bad. The target has two values, one of them `bad`; raises FittingError otherwise."""
    require_columns(frame, [target])
    cells = frame[target].str.strip()
    seen = sorted(cells.unique())
    if len(seen) != 2 or bad not in seen:
        shown = ", ".join(repr(value) for value in seen[:6])
        raise FittingError(f"{target}: the outcome has two values, one of them {bad!r} (--bad); found {shown}")
    return np.array(cells == bad, dtype=np.bool_)


def require_columns(frame: pd.DataFrame, names: Sequence[str]) -> None:
    """Raises FittingError naming the columns that are not there."""
    if absent := [name for name in names if name not in frame.columns]:
        raise FittingError(f"no such column: {', '.join(absent)}; there are {', '.join(frame.columns)}")


def score_rows(model: Model, frame: pd.DataFrame) -> Ints:
    """The score of every row, by the very function that serving uses; raises FittingError naming a line it cannot."""
    return np.array([score_of(model, values) for values in rows_of(model, frame)], dtype=np.int64)


def rows_of(model: Model, frame: pd.DataFrame) -> Iterator[dict[str, Value]]:
    """What a scorecard is asked about each row; raises FittingError naming the columns or the line it cannot read."""
    names = [c.name for c in model.characteristics]
    require_columns(frame, names)
    silent = {c.name for c in model.characteristics if c.missing is None}
    for line, cells in enumerate(frame[names].to_dict("records"), 2):
        try:
            values = values_of(model, cells)
        except ValueError as error:
            raise FittingError(f"line {line}: {error}") from None
        if absent := sorted(name for name in silent if values[name] is None):
            raise FittingError(
                f"line {line}: {', '.join(absent)} is missing, and {model.version} has no points for that"
            )
        yield values
