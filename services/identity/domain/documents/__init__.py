"""Documents: what is right in form. Being right in form proves nothing about a person.

cards              18 characters by GB 11643: resident cards, residence permits, foreign permanent resident cards
machine_readable   check digits by ICAO Doc 9303: passports, and foreign permanent resident cards of the older form
"""

from __future__ import annotations

from datetime import date

from services.identity.domain.documents.cards import parse_card, parse_foreign_card, parse_permit
from services.identity.domain.documents.kinds import Document, DocumentType
from services.identity.domain.documents.machine_readable import parse_old_foreign_card, parse_passport

__all__ = ["Document", "DocumentType", "parse_document"]

_OLD_FOREIGN_CARD_LENGTH = 15


def parse_document(document_type: DocumentType, number: str, today: date) -> Document:
    """The document with this number, as it is written on it; for a passport that is its second machine-readable line.

    Raises:
        Refusal: DOCUMENT_NUMBER_INVALID or DOCUMENT_EXPIRED, naming the rule that is broken and never the number.
    """
    text = number.strip().upper()
    match document_type:
        case DocumentType.RESIDENT_ID_CARD:
            return parse_card(text, today)
        case DocumentType.HK_MACAU_RESIDENCE_PERMIT | DocumentType.TAIWAN_RESIDENCE_PERMIT:
            return parse_permit(document_type, text, today)
        case DocumentType.FOREIGN_PERMANENT_RESIDENT_CARD:
            old = len(text) == _OLD_FOREIGN_CARD_LENGTH
            return parse_old_foreign_card(text, today) if old else parse_foreign_card(text, today)
        case DocumentType.PASSPORT:
            return parse_passport(text, today)
