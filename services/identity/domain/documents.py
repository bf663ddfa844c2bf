"""Documents: what is right in form. Being right in form proves nothing about a person.

Resident identity card: GB 11643-1999, 18 characters: region (GB/T 2260), birth date, order code, check digit by
ISO 7064 MOD 11-2, which catches every single wrong digit and every transposition of neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache

from stdnum import numdb

from services.values.errors import Refusal, invalid

_WEIGHTS = tuple(2 ** (17 - i) % 11 for i in range(17))
_CHECK_DIGITS = "10X98765432"
_EARLIEST_BIRTH = date(1900, 1, 1)
_REGIONS = numdb.get("cn/loc")


class DocumentType(StrEnum):
    """Kinds of document; names as in `freehold.identity.v1.DocumentType`."""

    RESIDENT_ID_CARD = "RESIDENT_ID_CARD"


@dataclass(frozen=True, slots=True)
class ResidentIdCard:
    """A number that is right in form, with the birth date it tells."""

    number: str
    birth_date: date


def parse_resident_id_card(number: str, today: date) -> ResidentIdCard:
    """The card with this number; a small x is an X.

    Raises:
        Refusal: DOCUMENT_NUMBER_INVALID, naming the rule that is broken and never the number.
    """
    text = number.strip().upper()
    if len(text) == 15 and text.isascii() and text.isdigit():
        raise _refused("is of the 15-digit kind that ended in 2013; use the 18-character number")
    if len(text) != 18 or not text.isascii() or not text[:17].isdigit() or text[17] not in "0123456789X":
        raise _refused("must be 17 digits and a check digit (0 to 9 or X)")
    if not _known_region(text[:6]):
        raise _refused("does not begin with a known region (GB/T 2260)")
    birth_date = _birth_date(text[6:14], today)
    if check_digit(text[:17]) != text[17]:
        raise _refused("has a wrong check digit (GB 11643)")
    return ResidentIdCard(text, birth_date)


def check_digit(first17: str) -> str:
    """ISO 7064 MOD 11-2 over 17 digits."""
    total = sum(int(digit) * weight for digit, weight in zip(first17, _WEIGHTS, strict=True))
    return _CHECK_DIGITS[total % 11]


@lru_cache(maxsize=4096)
def _known_region(code: str) -> bool:
    """Whether people are, or were ever, registered under this code.

    That is at a county-level division, or at a prefecture-level city that has none (Dongguan, 441900). The year does
    not matter: a number tells where a person was first registered, which may be decades after the birth.
    """
    if not _is_division(code) or code[2:4] == "00":
        return False
    return code[4:] != "00" or not any(_is_division(f"{code[:4]}{county:02}") for county in range(1, 100))


def _is_division(code: str) -> bool:
    levels = _REGIONS.info(code)  # [("11", {"province": …}), ("0105", {"county": …})]
    return len(levels) == 2 and all(properties for _, properties in levels)


def _birth_date(digits: str, today: date) -> date:
    try:
        born = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        raise _refused("does not hold a real birth date") from None
    if not _EARLIEST_BIRTH <= born <= today:
        raise _refused("holds a birth date before 1900 or in the future")
    return born


def _refused(rule: str) -> Refusal:
    return invalid("document_number", rule, "DOCUMENT_NUMBER_INVALID")
