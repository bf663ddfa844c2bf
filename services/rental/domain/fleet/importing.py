"""Assets from a CSV file: good lines become assets, every bad one is named with its field and what is wrong with it.

Values are never told back: whoever made the file knows them.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from services.rental.domain.assets import AssetKind
from services.rental.domain.commands import CatalogueCommand
from services.rental.domain.fleet.assets import Condition
from services.rental.domain.fleet.points import MICRO, Point
from services.values.errors import invalid

MOST_LINES = 10_000
MOST_FAULTS_PER_LINE = 3
_LARGEST_RENT = 10**12


@dataclass(frozen=True, slots=True)
class ImportAssets(CatalogueCommand):
    """Make an asset of each good line. `content` is CSV (RFC 4180), UTF-8, with a header."""

    content: str


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a field of a line; `line` counts from 1, the header included. `reason` as in ErrorReason."""

    line: int
    field: str
    reason: str
    description: str


@dataclass(frozen=True, slots=True)
class ImportedLine:
    """A line that is well-formed. It has a plan's id or name; the other is empty."""

    line: int
    code: str
    asset_kind: AssetKind
    price_plan_id: str
    price_plan_name: str
    city: str
    asset_class: str
    monthly_rent_minor: int
    condition: Condition
    rotates_code: bool
    point: Point | None


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of an import: how many assets were made, and what is wrong with the other lines, in their order."""

    import_id: str
    made: int
    faults: tuple[Fault, ...]


def read_lines(content: str) -> tuple[list[ImportedLine], list[Fault]]:
    """The good lines, and what is wrong with the others. A code that stands twice is good where it stands first.

    Raises:
        Refusal: INVALID_FIELD when the whole is no such file.
    """
    good: list[ImportedLine] = []
    faults: list[Fault] = []
    first: dict[str, int] = {}
    for line, cells in _rows(content):
        read, wrong = _read(line, cells)
        if read is not None and read.code in first:
            wrong = [Fault(line, "code", "ASSET_CODE_TAKEN", f"stands in line {first[read.code]} already")]
        elif read is not None:
            first[read.code] = line
            good.append(read)
        faults += wrong[:MOST_FAULTS_PER_LINE]
    return good, faults


def decoded(content: bytes) -> str:
    """The file's text. Raises INVALID_FIELD when it is not UTF-8."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise invalid("csv", "must be UTF-8") from None


def _rows(content: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Each line with its cells by column; a line that has too many or too few names none of its columns."""
    reader = csv.reader(io.StringIO(content, newline=""), strict=True)
    try:
        header = [cell.strip() for cell in next(reader, [])]
        _check_header(header)
        for count, cells in enumerate(reader, 1):
            if count > MOST_LINES:
                raise invalid("csv", f"must not have more than {MOST_LINES} lines")
            if cells:
                named = zip(header, (cell.strip() for cell in cells), strict=True) if len(cells) == len(header) else ()
                yield reader.line_num, dict(named)
    except csv.Error:
        raise invalid("csv", f"must be CSV: line {reader.line_num} is not") from None


def _check_header(header: Sequence[str]) -> None:
    if set(header) - set(_COLUMNS) or len(set(header)) < len(header):
        raise invalid("csv", f"must have a header of these, each once: {', '.join(_COLUMNS)}")
    missing = [name for name in ("code", "asset_kind") if name not in header]
    if not {"price_plan_id", "price_plan_name"} & set(header):
        missing.append("price_plan_id or price_plan_name")
    if missing:
        raise invalid("csv", f"must have a header with {', '.join(missing)}")


def _read(line: int, cells: Mapping[str, str]) -> tuple[ImportedLine | None, list[Fault]]:
    if not cells:
        return None, [Fault(line, "", "INVALID_FIELD", "must have as many cells as the header")]
    values: dict[str, Any] = {}
    faults = []
    for name, (read, rule) in _COLUMNS.items():
        try:
            values[name] = read(cells.get(name, ""))
        except (ValueError, KeyError, ArithmeticError):
            faults.append(Fault(line, name, "INVALID_FIELD", rule))
    if not faults and (values["latitude"] is None) is not (values["longitude"] is None):
        faults.append(Fault(line, "longitude", "INVALID_FIELD", "must be given together with latitude"))
    if not faults and bool(values["price_plan_id"]) is bool(values["price_plan_name"]):
        faults.append(Fault(line, "price_plan_id", "INVALID_FIELD", "must be given, or price_plan_name, and not both"))
    if faults:
        return None, faults
    lat, lon = values.pop("latitude"), values.pop("longitude")
    return ImportedLine(line, point=None if lat is None else Point(lat, lon), **values), []


def _matching(pattern: str) -> Callable[[str], str]:
    def read(cell: str) -> str:
        if re.fullmatch(pattern, cell) is None:
            raise ValueError
        return cell

    return read


def _rent(cell: str) -> int:
    rent = int(_matching("[0-9]{0,13}")(cell) or "0")
    if rent > _LARGEST_RENT:
        raise ValueError
    return rent


def _degrees(most: int) -> Callable[[str], int | None]:
    def read(cell: str) -> int | None:
        if not cell:
            return None
        value = round(Decimal(_matching(r"-?[0-9]{1,3}(\.[0-9]{1,20})?")(cell)) * MICRO)
        if abs(value) > most * MICRO:
            raise ValueError
        return value

    return read


_NAME = _matching("[a-z0-9-]{0,40}")
_NAME_RULE = 'must be up to 40 lower-case letters, digits or "-"'
_KINDS = {kind.value: kind for kind in AssetKind}
_CONDITIONS = {"": Condition.GOOD, **{condition.value: condition for condition in Condition}}

_COLUMNS: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "code": (_matching("[A-Za-z0-9_-]{1,64}"), 'must be 1 to 64 letters, digits, "_" or "-"'),
    "asset_kind": (lambda cell: _KINDS[cell.upper()], f"must be one of {', '.join(_KINDS)}"),
    "price_plan_id": (_matching("(pln_[0-9a-v]{26})?"), "must be the id of a price plan, or empty"),
    "price_plan_name": (_NAME, _NAME_RULE),
    "city": (_NAME, _NAME_RULE),
    "asset_class": (_NAME, _NAME_RULE),
    "monthly_rent_minor": (_rent, f"must be whole minor units, at most {_LARGEST_RENT}"),
    "condition": (lambda cell: _CONDITIONS[cell.upper()], f"must be one of {', '.join(Condition)}, or empty"),
    "rotates_code": (
        lambda cell: {"": False, "FALSE": False, "TRUE": True}[cell.upper()],
        "must be true, false or empty",
    ),
    "latitude": (_degrees(90), "must be degrees, from -90 to 90, or empty"),
    "longitude": (_degrees(180), "must be degrees, from -180 to 180, or empty"),
}
"""What each column must be, and how it is read."""
