"""Passports, residence permits and foreign permanent resident cards: form, check digits, dates, and one key each."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.domain.documents import Document, DocumentType, parse_document
from services.identity.domain.documents.machine_readable import check_digit
from services.sandbox.travellers import Kind, traveller
from services.values.errors import Refusal

TODAY = date(2026, 11, 23)
ICAO = "L898902C36UTO7408122F1204159ZE184226B<<<<<10"
"""The specimen of ICAO Doc 9303, part 4; it ended on 15 April 2012."""
OLD_FORM = "CAN110078010115"
WRONG = str((int(check_digit(OLD_FORM[:14])) + 1) % 10)

indexes = st.integers(0, 9_999_999)


def parse(kind: DocumentType | Kind, number: str, today: date = TODAY) -> Document:
    """The document."""
    return parse_document(DocumentType(kind), number, today)


def refusal(kind: DocumentType | Kind, number: str, today: date = TODAY) -> Refusal:
    """Why it is refused; the number is not repeated."""
    with pytest.raises(Refusal) as caught:
        parse(kind, number, today)
    assert number not in str(caught.value) or not number
    assert caught.value.violations[0].field == "document_number"
    return caught.value


@pytest.mark.parametrize("kind", list(Kind))
@given(index=indexes)
def test_everybody_of_the_registry_has_a_number_that_is_right(kind: Kind, index: int) -> None:
    known = traveller(index, kind)
    document = parse(kind, known.number)
    assert document.birth_date == known.birth_date
    assert known.number not in repr(document)


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.PASSPORT])
@given(index=indexes, place=st.integers(0, 17), data=st.data())
def test_every_single_wrong_digit_of_a_card_is_refused(kind: Kind, index: int, place: int, data: st.DataObject) -> None:
    number = traveller(index, kind).number
    digit = data.draw(st.sampled_from([c for c in "0123456789" if c != number[place]]))
    refusal(kind, number[:place] + digit + number[place + 1 :])


@given(index=indexes, place=st.integers(0, 43), data=st.data())
def test_every_single_wrong_digit_of_a_passport_is_refused(index: int, place: int, data: st.DataObject) -> None:
    """Weights 7, 3 and 1 are prime to ten, so one wrong digit in a checked part always shows."""
    number = traveller(index, Kind.PASSPORT).number
    unchecked = range(10, 13), range(20, 21)
    if not number[place].isdigit() or any(place in part for part in unchecked):
        return
    digit = data.draw(st.sampled_from([c for c in "0123456789" if c != number[place]]))
    refusal(Kind.PASSPORT, number[:place] + digit + number[place + 1 :])


def test_the_specimen_of_icao_is_right_and_has_ended() -> None:
    document = parse(DocumentType.PASSPORT, ICAO, date(2012, 4, 15))
    assert (document.key, document.birth_date) == ("UTO:L898902C3", date(1974, 8, 12))
    assert document.expires_on == date(2012, 4, 15)
    assert refusal(DocumentType.PASSPORT, ICAO, date(2012, 4, 16)).reason == "DOCUMENT_EXPIRED"


def test_optional_data_does_not_make_another_passport() -> None:
    optional = "<" * 14
    body = ICAO[:28] + optional + "0"
    other = body + check_digit(body[0:10] + body[13:20] + body[21:43])
    assert parse(DocumentType.PASSPORT, other, date(2010, 1, 1)).key == "UTO:L898902C3"


@pytest.mark.parametrize(
    ("kind", "number", "says"),
    [
        ("PASSPORT", "", "44 characters"),
        ("PASSPORT", ICAO[:-1], "44 characters"),
        ("PASSPORT", "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "44 characters"),
        ("PASSPORT", ICAO[:9] + "7" + ICAO[10:], "behind its number"),
        ("PASSPORT", ICAO[:19] + "3" + ICAO[20:], "behind its birth date"),
        ("PASSPORT", ICAO[:27] + "8" + ICAO[28:], "behind its expiry date"),
        ("PASSPORT", ICAO[:42] + "2" + ICAO[43:], "behind its optional data"),
        ("PASSPORT", ICAO[:-1] + "1", "last check digit"),
        ("HK_MACAU_RESIDENCE_PERMIT", "83000019900101001X", "810000 or 820000"),
        ("TAIWAN_RESIDENCE_PERMIT", "81000019900101001X", "830000"),
        ("FOREIGN_PERMANENT_RESIDENT_CARD", "110105194912310020", "begin with 9"),
        ("FOREIGN_PERMANENT_RESIDENT_CARD", "CAN11007801011X", "12 digits"),
        ("FOREIGN_PERMANENT_RESIDENT_CARD", OLD_FORM[:14] + WRONG, "check digit"),
        ("FOREIGN_PERMANENT_RESIDENT_CARD", "CAN1100", "17 digits"),
    ],
)
def test_each_rule_that_is_broken_is_named(kind: str, number: str, says: str) -> None:
    assert says in refusal(DocumentType(kind), number, date(2010, 1, 1)).violations[0].description


def test_the_older_card_is_fifteen_characters() -> None:
    number = OLD_FORM[:14] + check_digit(OLD_FORM[:14])
    assert parse(DocumentType.FOREIGN_PERMANENT_RESIDENT_CARD, number).birth_date == date(1978, 1, 1)


def test_two_digits_of_a_year_are_the_latest_that_has_come() -> None:
    def passport(born: str) -> str:
        body = f"{ICAO[:13]}{born}{check_digit(born)}F491231{check_digit('491231')}{'<' * 14}0"
        return body + check_digit(body[0:10] + body[13:20] + body[21:43])

    assert parse(DocumentType.PASSPORT, passport("261123")).birth_date == date(2026, 11, 23)
    assert parse(DocumentType.PASSPORT, passport("261124")).birth_date == date(1926, 11, 24)
    assert "birth date" in refusal(DocumentType.PASSPORT, passport("901301")).violations[0].description
