"""Documents, place by place: whatever is written in any one place of a good number, it is good no more.

Numbers drawn at random, and each rule by name, are in test_resident_id_cards.py and test_other_documents.py.
"""

from __future__ import annotations

from datetime import date

import pytest

from services.identity.domain import DocumentType, parse_document, parse_phone
from services.identity.domain.documents.cards import check_digit
from services.sandbox.people import Case, Person, born_on, named, person
from services.sandbox.travellers import Kind, traveller
from services.values.errors import Refusal

TODAY = date(2026, 11, 23)
WRITTEN = [chr(code) for code in range(0x100)] + list("０９Ｘｘ٠९ⅹΧ×\u200b\u3000")
"""All of Latin-1, and what looks like a digit or an X elsewhere."""
CARD = DocumentType.RESIDENT_ID_CARD


def is_good(number: str, kind: DocumentType = CARD, today: date = TODAY) -> bool:
    """Whether a number is right in form; a number that is refused is not repeated."""
    try:
        parse_document(kind, number, today)
    except Refusal as refusal:
        told = f"{refusal} {refusal.violations}"
    else:
        return True
    assert number not in told
    return False


def ending(check: str) -> Person:
    """Somebody whose number ends with this check digit."""
    return next(who for who in map(person, range(1000)) if who.resident_id_number[-1] == check)


@pytest.mark.parametrize("check", list("0123456789X"))
def test_no_other_character_goes_in_any_place(check: str) -> None:
    number = ending(check).resident_id_number
    assert is_good(number)
    for place in range(18):
        for other in WRITTEN:
            if other.upper() != number[place]:
                assert not is_good(number[:place] + other + number[place + 1 :]), (place, other)


@pytest.mark.parametrize("check", list("0123456789X"))
def test_no_two_neighbours_change_places(check: str) -> None:
    number = ending(check).resident_id_number
    for place in range(17):
        left, right = number[place], number[place + 1]
        if left != right:
            assert not is_good(number[:place] + right + left + number[place + 2 :]), place


@pytest.mark.parametrize("kind", [kind for kind in DocumentType if kind is not CARD])
def test_a_resident_card_is_no_other_document_and_no_other_document_is_one(kind: DocumentType) -> None:
    assert not is_good(named(Case.EXAMPLE).resident_id_number, kind)
    assert is_good(traveller(5, Kind(kind)).number, kind)
    assert not is_good(traveller(5, Kind(kind)).number, CARD)


@pytest.mark.parametrize("region", ["110103", "310119", "510202", "422100", "110000", "110100", "000000", "990101"])
def test_a_region_counts_that_ever_registered_people_also_one_that_is_gone(region: str) -> None:
    """Chongwen ended in 2010, Nanhui in 2009, Chongqing's of Sichuan in 1997; a prefecture or a city has counties."""
    body = f"{region}19800101001"
    assert is_good(body + check_digit(body)) is (region in ("110103", "310119", "510202"))


@pytest.mark.parametrize(
    ("born", "good"),
    [
        (date(1900, 1, 1), True),
        (date(1900, 2, 28), True),
        (date(2024, 2, 29), True),
        (TODAY, True),
        (date(2026, 11, 24), False),
    ],
)
def test_a_birth_date_lies_between_1900_and_today(born: date, good: bool) -> None:
    assert is_good(born_on(born).resident_id_number) is good
    assert is_good(born_on(born).resident_id_number, today=born), "on the day itself it is good"


@pytest.mark.parametrize("change", ["+", " ", "-", "0", "０", ";ext=1", "\u200b", "x"])
def test_a_phone_has_one_spelling(change: str) -> None:
    phone = person(3).phone
    assert parse_phone(phone) == phone
    for wrong in (phone + change, phone[:6] + change + phone[6:], change + phone):
        with pytest.raises(Refusal) as caught:
            parse_phone(wrong)
        assert (caught.value.reason, caught.value.violations[0].field) == ("PHONE_INVALID", "phone")
        assert phone[1:] not in str(caught.value)
