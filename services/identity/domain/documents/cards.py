"""Numbers of 18 characters by GB 11643-1999, whose last is a check digit by ISO 7064 MOD 11-2.

It catches every single wrong digit and every transposition of neighbours.

    resident identity card            region (GB/T 2260), birth date, order code, check digit
    residence permit                  81, 82 or 83 (Hong Kong, Macau, Taiwan) and 0000 as its region
    foreign permanent resident card   9, place of issue, nationality (ISO 3166-1), birth date, order, check digit
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from stdnum import numdb

from services.identity.domain.documents.kinds import Document, DocumentType, birth_date_of, refused

_WEIGHTS = tuple(2 ** (17 - i) % 11 for i in range(17))
_CHECK_DIGITS = "10X98765432"
_REGIONS = numdb.get("cn/loc")
_LEFT_OUT = frozenset({"320219"})
"""Divisions whose people keep their numbers and that the table has not: Jiangyin, a city since 1987, until 1989."""
_PERMIT_REGIONS = {
    DocumentType.HK_MACAU_RESIDENCE_PERMIT: ("810000", "820000"),
    DocumentType.TAIWAN_RESIDENCE_PERMIT: ("830000",),
}


def parse_card(text: str, today: date) -> Document:
    """A resident identity card; the 15-digit numbers of before 2013 are refused as such."""
    if len(text) == 15 and text.isascii() and text.isdigit():
        raise refused("is of the 15-digit kind that ended in 2013; use the 18-character number")
    _must_have_form(text)
    if not _known_region(text[:6]):
        raise refused("does not begin with a known region (GB/T 2260)")
    return _checked(DocumentType.RESIDENT_ID_CARD, text, text[6:14], today)


def parse_permit(document_type: DocumentType, text: str, today: date) -> Document:
    """A residence permit of a Hong Kong, Macau or Taiwan resident."""
    _must_have_form(text)
    regions = _PERMIT_REGIONS[document_type]
    if text[:6] not in regions:
        raise refused(f"does not begin with {' or '.join(regions)}")
    return _checked(document_type, text, text[6:14], today)


def parse_foreign_card(text: str, today: date) -> Document:
    """A foreign permanent resident card of the form of 2023."""
    _must_have_form(text)
    if text[0] != "9" or not _REGIONS.info(text[1:3])[0][1] or text[3:6] == "000":
        raise refused("does not begin with 9, a place of issue and a nationality")
    return _checked(DocumentType.FOREIGN_PERMANENT_RESIDENT_CARD, text, text[6:14], today)


def check_digit(first17: str) -> str:
    """ISO 7064 MOD 11-2 over 17 digits."""
    total = sum(int(digit) * weight for digit, weight in zip(first17, _WEIGHTS, strict=True))
    return _CHECK_DIGITS[total % 11]


def _must_have_form(text: str) -> None:
    if len(text) != 18 or not text.isascii() or not text[:17].isdigit() or text[17] not in "0123456789X":
        raise refused("must be 17 digits and a check digit (0 to 9 or X)")


def _checked(document_type: DocumentType, text: str, born: str, today: date) -> Document:
    birth_date = birth_date_of(born, today)
    if check_digit(text[:17]) != text[17]:
        raise refused("has a wrong check digit (GB 11643)")
    return Document(document_type, text, text, birth_date)


@lru_cache(maxsize=4096)
def _known_region(code: str) -> bool:
    """Whether people are, or were ever, registered under this code.

    That is at a county-level division, or at a prefecture-level city that has none (Dongguan, 441900). The year does
    not matter: a number tells where a person was first registered, which may be decades after the birth.
    """
    if code in _LEFT_OUT:
        return True
    if not _is_division(code) or code[2:4] == "00":
        return False
    return code[4:] != "00" or not any(_is_division(f"{code[:4]}{county:02}") for county in range(1, 100))


def _is_division(code: str) -> bool:
    levels = _REGIONS.info(code)  # [("11", {"province": …}), ("0105", {"county": …})]
    return len(levels) == 2 and all(properties for _, properties in levels)
