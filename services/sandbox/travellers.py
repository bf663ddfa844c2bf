"""Invented people with other documents than a resident identity card: whom the registry knows besides.

`traveller(index, kind)` is computed, and its number encodes the index, so that `find_traveller(kind, number)` is
computed back. Passports are told by the second line of their machine-readable zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import cycle

from services.sandbox.people import check_digit

KNOWN = 10_000_000
_FIRST_BIRTH, _BIRTH_DAYS = date(1950, 1, 1), 15_000
_NAMES = (
    "Anna de Vries",
    "John Smith",
    "陈大文",
    "María García",
    "Hans Müller",
    "林志玲",
    "Kim Min-jun",
    "Olga Ivanova",
)
_VALUES = {letter: value for value, letter in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")} | {"<": 0}


class Kind(StrEnum):
    """The other documents; the names are those that the registry takes."""

    FOREIGN_PERMANENT_RESIDENT_CARD = "FOREIGN_PERMANENT_RESIDENT_CARD"
    PASSPORT = "PASSPORT"
    HK_MACAU_RESIDENCE_PERMIT = "HK_MACAU_RESIDENCE_PERMIT"
    TAIWAN_RESIDENCE_PERMIT = "TAIWAN_RESIDENCE_PERMIT"


_PREFIXES = {
    Kind.FOREIGN_PERMANENT_RESIDENT_CARD: "911528",
    Kind.HK_MACAU_RESIDENCE_PERMIT: "810000",
    Kind.TAIWAN_RESIDENCE_PERMIT: "830000",
}


@dataclass(frozen=True, slots=True)
class Traveller:
    """One invented person with one document."""

    kind: Kind
    name: str
    number: str
    birth_date: date
    phone: str


def traveller(index: int, kind: Kind, expires_on: date = date(2049, 12, 31)) -> Traveller:
    """The person with this index, 0 to 9,999,999; `expires_on` counts for passports."""
    born = _FIRST_BIRTH + timedelta(days=index % _BIRTH_DAYS)
    number = _passport(index, born, expires_on) if kind is Kind.PASSPORT else _card(index, kind, born)
    return Traveller(kind, _NAMES[index % len(_NAMES)], number, born, f"+86138{index % 10**8:08d}")


def find_traveller(kind: str, number: str) -> Traveller | None:
    """Whom the registry has under a number; a passport may have any last day."""
    known = Kind(kind)
    digits = number[1:9] if known is Kind.PASSPORT else number[14:17]
    if not (digits.isascii() and digits.isdigit()):
        return None
    if known is Kind.PASSPORT:
        found = traveller(int(digits), known)
        return found if int(digits) < KNOWN and found.number[:20] == number[:20] else None
    try:
        days = (date.fromisoformat(f"{number[6:10]}-{number[10:12]}-{number[12:14]}") - _FIRST_BIRTH).days
    except ValueError:
        return None
    if not 0 <= days < _BIRTH_DAYS:
        return None
    found = traveller(int(digits) * _BIRTH_DAYS + days, known)
    return found if found.number == number else None


def _card(index: int, kind: Kind, born: date) -> str:
    body = f"{_PREFIXES[kind]}{born:%Y%m%d}{index // _BIRTH_DAYS % 1000:03d}"
    return body + check_digit(body)


def _passport(index: int, born: date, expires_on: date) -> str:
    number, birth, expiry = f"E{index:08d}", f"{born:%y%m%d}", f"{expires_on:%y%m%d}"
    line = f"{number}{_check(number)}NLD{birth}{_check(birth)}F{expiry}{_check(expiry)}{'<' * 15}"
    return line + _check(line[0:10] + line[13:20] + line[21:43])


def _check(text: str) -> str:
    return str(sum(_VALUES[letter] * weight for letter, weight in zip(text, cycle((7, 3, 1)), strict=False)) % 10)
