"""Numbers with check digits by ICAO Doc 9303 (weights 7, 3, 1 over digits, and letters as 10 to 35).

passport (TD3, second line)   number 9 + check, nationality 3, birth 6 + check, sex, expiry 6 + check,
                              optional 14 + check, composite check
foreign permanent resident    nationality 3, place of issue 4, birth 6, order 1, check digit: 15 characters, the
card, older form              form of 2004 and 2017
"""

from __future__ import annotations

import re
from datetime import date
from itertools import cycle

from services.identity.domain.documents.kinds import Document, DocumentType, refused, short_birth_date_of

_VALUES = {letter: value for value, letter in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")} | {"<": 0}
_PASSPORT = re.compile(
    r"(?P<number>[A-Z0-9<]{9})(?P<number_check>\d)(?P<nationality>[A-Z<]{3})(?P<born>\d{6})(?P<born_check>\d)"
    r"[FMX<](?P<expires>\d{6})(?P<expires_check>\d)(?P<optional>[A-Z0-9<]{14})(?P<optional_check>[\d<])(?P<composite>\d)",
    re.ASCII,
)
_OLD_FOREIGN_CARD = re.compile(r"[A-Z]{3}\d{4}(?P<born>\d{6})\d(?P<check>\d)", re.ASCII)


def check_digit(text: str) -> str:
    """The check digit of letters, digits and fillers (<)."""
    return str(sum(_VALUES[letter] * weight for letter, weight in zip(text, cycle((7, 3, 1)), strict=False)) % 10)


def parse_passport(text: str, today: date) -> Document:
    """A passport by the second line of its machine-readable zone; DOCUMENT_EXPIRED after its last day."""
    line = _PASSPORT.fullmatch(text)
    if line is None:
        raise refused("must be the second machine-readable line of the passport, 44 characters (ICAO Doc 9303)")
    for part in ("number", "born", "expires"):
        if check_digit(line[part]) != line[f"{part}_check"]:
            raise refused(f"has a wrong check digit behind its {_PARTS[part]} (ICAO Doc 9303)")
    optional = check_digit(line["optional"])
    if line["optional_check"] != optional and (line["optional_check"], line["optional"].strip("<")) != ("<", ""):
        raise refused("has a wrong check digit behind its optional data (ICAO Doc 9303)")
    if check_digit(text[0:10] + text[13:20] + text[21:43]) != line["composite"]:
        raise refused("has a wrong last check digit (ICAO Doc 9303)")
    if not line["number"].strip("<") or not line["nationality"].strip("<"):
        raise refused("holds no number or no nationality")
    expires_on = _expiry(line["expires"])
    if expires_on < today:
        raise refused("has expired", "DOCUMENT_EXPIRED")
    key = f"{line['nationality'].strip('<')}:{line['number'].strip('<')}"
    return Document(DocumentType.PASSPORT, text, key, short_birth_date_of(line["born"], today), expires_on)


def parse_old_foreign_card(text: str, today: date) -> Document:
    """A foreign permanent resident card of 15 characters."""
    card = _OLD_FOREIGN_CARD.fullmatch(text)
    if card is None:
        raise refused("must be 3 letters and 12 digits, or 18 characters beginning with 9")
    if check_digit(text[:14]) != card["check"]:
        raise refused("has a wrong check digit")
    born = short_birth_date_of(card["born"], today)
    return Document(DocumentType.FOREIGN_PERMANENT_RESIDENT_CARD, text, text, born)


_PARTS = {"number": "number", "born": "birth date", "expires": "expiry date"}


def _expiry(digits: str) -> date:
    """A passport lasts ten years: its expiry lies in this century."""
    try:
        return date(2000 + int(digits[:2]), int(digits[2:4]), int(digits[4:]))
    except ValueError:
        raise refused("does not hold a real expiry date") from None
