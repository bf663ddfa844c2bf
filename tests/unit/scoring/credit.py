"""The German Credit data, and small tables made on the spot."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from services.scoring.fitting.reading import read_frame
from services.scoring.fitting.table import Table, tabulate

GERMAN = Path(__file__).parents[2] / "data" / "german_credit.csv"
TARGET, BAD = "creditability", "bad"


@cache
def german() -> Table:
    """The data as `fit` sees it."""
    return tabulate(read_frame(GERMAN), TARGET, BAD)


def people(rows: int, seed: int, effect: float = 1.0) -> pd.DataFrame:
    """People with an income in cents, now and then unknown, and a home; those with more of either turn out better."""
    luck = np.random.default_rng(seed)
    income, homes = luck.gamma(4, 500, rows), luck.choice(["own", "rent", "none"], rows)
    log_odds = 1 + effect * ((income - 2000) / 1000 + (homes == "own"))
    bad = luck.random(rows) > 1 / (1 + np.exp(-log_odds))
    shown = np.where(luck.random(rows) < 0.1, "", [f"{amount:.2f}" for amount in income])
    return pd.DataFrame({"income": shown, "home": homes, "late": np.where(bad, "yes", "no")})


def table_of(frame: pd.DataFrame) -> Table:
    """Such people as a table to fit on."""
    return tabulate(frame, "late", "yes")
