"""A table to fit on: which columns may be looked at, as whole numbers or as categories, and who turned out bad."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
import pandas as pd

from services.scoring.domain.cells import is_absent, number_of, units_of
from services.scoring.domain.faults import MOST_DECIMALS
from services.scoring.domain.protected import protected_attribute
from services.scoring.fitting.arrays import Bools, Ints, Texts
from services.scoring.fitting.errors import FittingError
from services.scoring.fitting.reading import outcome, require_columns

MOST_CATEGORIES = 50
"""A text column with more values than this names people or things; it has no evidence to give."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """A column of numbers, in whole units of 10^-decimals, exactly as serving reads them. Absent ones are 0."""

    name: str
    units: Ints
    absent: Bools
    decimals: int

    def take(self, rows: Ints) -> Numbers:
        return replace(self, units=self.units[rows], absent=self.absent[rows])


@dataclass(frozen=True, slots=True)
class Categories:
    """A column of categories; absent ones are None."""

    name: str
    values: Texts

    def take(self, rows: Ints) -> Categories:
        return replace(self, values=self.values[rows])


Column = Numbers | Categories


@dataclass(frozen=True, slots=True)
class Table:
    """Columns to fit on, the outcome per row, and the columns that are left out, each with why."""

    columns: tuple[Column, ...]
    bad: Bools
    dropped: dict[str, str]

    def column(self, name: str) -> Column:
        """The column of that name; there is one."""
        return next(c for c in self.columns if c.name == name)

    def take(self, rows: Ints) -> Table:
        return replace(self, columns=tuple(c.take(rows) for c in self.columns), bad=self.bad[rows])


def tabulate(
    frame: pd.DataFrame, target: str, bad: str, unwanted: Collection[str] = (), categories: Collection[str] = ()
) -> Table:
    """The table in a frame. Protected columns are dropped, and those that cannot say anything; none by its outcome.

    Raises:
        FittingError: no such column, not two outcomes, or nothing left.
    """
    require_columns(frame, [target, *unwanted, *categories])
    columns: list[Column] = []
    dropped: dict[str, str] = {}
    for name in (str(column) for column in frame.columns if column != target):
        texts = [str(cell) for cell in frame[name]]
        if attribute := protected_attribute(name):
            dropped[name] = f"protected: {attribute}"
        elif name in unwanted:
            dropped[name] = "not wanted"
        elif why := _silent(column := _column(name, texts, as_category=name in categories)):
            dropped[name] = why
        else:
            columns.append(column)
    if not columns:
        raise FittingError("no column is left to fit on")
    return Table(tuple(columns), outcome(frame, target, bad), dropped)


def _column(name: str, texts: list[str], *, as_category: bool) -> Column:
    numbers = None if as_category else _numbers(texts)
    if numbers is None:
        return Categories(name, np.array([None if is_absent(t) else t.strip() for t in texts], dtype=object))
    decimals = max((_decimals(n) for n in numbers if n is not None), default=0)
    units = [0 if n is None else units_of(n, decimals) for n in numbers]
    return Numbers(name, np.array(units, dtype=np.int64), np.array([n is None for n in numbers]), decimals)


def _numbers(texts: list[str]) -> list[Decimal | None] | None:
    """The numbers in a column; None when one cell is no number, or too large, with its decimals, to count exactly."""
    try:
        numbers = [None if is_absent(text) else number_of(text) for text in texts]
    except ValueError:
        return None
    digits = max((n.adjusted() for n in numbers if n), default=0) + max((_decimals(n) for n in numbers if n), default=0)
    return numbers if digits < 15 else None


def _decimals(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    return min(MOST_DECIMALS, max(0, -exponent)) if isinstance(exponent, int) else 0


def _silent(column: Column) -> str:
    """Why a column says nothing; empty when it may."""
    if isinstance(column, Numbers):
        return "" if len(np.unique(column.units[~column.absent])) > 1 else "one value only"
    different = {value for value in column.values if value is not None}
    if len(different) > MOST_CATEGORIES:
        return f"{len(different)} categories; {MOST_CATEGORIES} are the most"
    return "" if len(different) > 1 else "one value only"
