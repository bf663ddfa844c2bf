"""What every kind of document comes to: a number, a birth date, and what makes it the same document again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from services.values.errors import Refusal, invalid

EARLIEST_BIRTH = date(1900, 1, 1)


class DocumentType(StrEnum):
    """Kinds of document; names as in `freehold.identity.v1.DocumentType`."""

    RESIDENT_ID_CARD = "RESIDENT_ID_CARD"
    FOREIGN_PERMANENT_RESIDENT_CARD = "FOREIGN_PERMANENT_RESIDENT_CARD"
    PASSPORT = "PASSPORT"
    HK_MACAU_RESIDENCE_PERMIT = "HK_MACAU_RESIDENCE_PERMIT"
    TAIWAN_RESIDENCE_PERMIT = "TAIWAN_RESIDENCE_PERMIT"


@dataclass(frozen=True, slots=True)
class Document:
    """A document that is right in form; `repr` shows nothing.

    `key` is what makes it one document: two spellings of one document have one key. `expires_on` is the last day that
    the number itself tells of, if it does.
    """

    document_type: DocumentType
    number: str
    key: str
    birth_date: date
    expires_on: date | None = None

    def __repr__(self) -> str:
        return f"Document({self.document_type})"


def refused(rule: str, reason: str = "DOCUMENT_NUMBER_INVALID") -> Refusal:
    """The refusal of a number, by the rule that it breaks."""
    return invalid("document_number", rule, reason)


def birth_date_of(digits: str, today: date) -> date:
    """The birth date in eight digits, YYYYMMDD; raises DOCUMENT_NUMBER_INVALID."""
    try:
        born = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        raise refused("does not hold a real birth date") from None
    if not EARLIEST_BIRTH <= born <= today:
        raise refused("holds a birth date before 1900 or in the future")
    return born


def short_birth_date_of(digits: str, today: date) -> date:
    """The birth date in six digits, YYMMDD: the latest one that is not in the future."""
    century = today.year // 100 * 100
    for year in (century + int(digits[:2]), century - 100 + int(digits[:2])):
        try:
            born = date(year, int(digits[2:4]), int(digits[4:]))
        except ValueError:
            continue
        if born <= today:
            return born
    raise refused("does not hold a real birth date")
