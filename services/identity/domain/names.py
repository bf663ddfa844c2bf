"""Names and phones, as people write them and as they are kept."""

from __future__ import annotations

import unicodedata

import phonenumbers

from services.values.errors import Refusal, invalid

_CONTROLS = ("Cc", "Cf")  # not Co and Cn: rare characters of real names live there until Unicode has them


def tidy_text(field: str, text: str) -> str:
    """Text in Unicode NFC, without surrounding or doubled spaces; raises INVALID_FIELD naming `field`."""
    tidy = " ".join(unicodedata.normalize("NFC", text).split())
    if not tidy or any(unicodedata.category(character) in _CONTROLS for character in tidy):
        raise invalid(field, "must not be blank and must hold no control characters")
    return tidy


def parse_phone(text: str) -> str:
    """The phone, which must be written in E.164; raises PHONE_INVALID, never naming it."""
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        raise _refused() from None
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if written != text or not phonenumbers.is_valid_number(number):
        raise _refused()
    return written


def _refused() -> Refusal:
    return invalid("phone", "must be a valid number in E.164, such as +8613800138000", "PHONE_INVALID")
