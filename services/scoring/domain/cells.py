"""Cells of a table as the values that a scorecard gives points for. Numbers become whole units, exactly."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_FLOOR, Decimal, InvalidOperation

from services.scoring.domain.scorecard import Characteristic, Model, Value

LARGEST = 10**15
"""Numbers beyond this are identifiers, not amounts."""

_ABSENT = frozenset({"", "NA", "NaN", "null"})


def is_absent(cell: str) -> bool:
    """Whether a cell says nothing: empty, NA, NaN or null. "none" is a category like any other."""
    return cell.strip() in _ABSENT


def number_of(cell: str) -> Decimal:
    """The number in a cell; raises ValueError."""
    try:
        number = Decimal(cell.strip())
    except InvalidOperation:
        raise ValueError(f"{cell!r} is not a number") from None
    if not number.is_finite() or abs(number) > LARGEST:
        raise ValueError(f"{cell!r} is out of range")
    return number


def units_of(number: Decimal, decimals: int) -> int:
    """Whole units of 10^-decimals, rounded down."""
    return int(number.scaleb(decimals).to_integral_value(ROUND_FLOOR))


def values_of(model: Model, cells: Mapping[str, str]) -> dict[str, Value]:
    """The values of a row; raises KeyError for a column that is not there, ValueError for what is no number."""
    return {c.name: _value_of(c, cells[c.name]) for c in model.characteristics}


def _value_of(characteristic: Characteristic, cell: str) -> Value:
    if is_absent(cell):
        return None
    if not characteristic.bins:
        return cell.strip()
    try:
        return units_of(number_of(cell), characteristic.decimals)
    except ValueError as error:
        raise ValueError(f"{characteristic.name}: {error}") from None
