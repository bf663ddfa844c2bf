"""GB 11643 in full: what is refused, why, and that no single slip of the pen goes through."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.domain.documents import Document, DocumentType, parse_document
from services.identity.domain.documents.cards import check_digit
from services.sandbox.people import person
from services.values.errors import Category, Refusal

TODAY = date(2026, 11, 23)
GOOD = "11010519491231002X"
CHARACTERS = "0123456789X"

people = st.integers(0, 599_999).map(lambda index: person(index).resident_id_number)


def parse_resident(number: str, today: date) -> Document:
    """A resident identity card."""
    return parse_document(DocumentType.RESIDENT_ID_CARD, number, today)


def with_digit(first17: str) -> str:
    """The number with the check digit that belongs to it."""
    return first17 + check_digit(first17)


def refusal_of(number: str, today: date = TODAY) -> Refusal:
    """Why a number is refused."""
    with pytest.raises(Refusal) as caught:
        parse_resident(number, today)
    assert caught.value.category is Category.INVALID_ARGUMENT
    assert caught.value.reason == "DOCUMENT_NUMBER_INVALID"
    (violation,) = caught.value.violations
    assert violation.field == "document_number"
    assert number[:17] not in str(caught.value) or not number, "the number is not repeated"
    return caught.value


def test_the_standards_own_example_is_right() -> None:
    card = parse_resident(GOOD, TODAY)
    assert (card.number, card.birth_date) == (GOOD, date(1949, 12, 31))


def test_a_small_x_and_spaces_around_are_the_same_number() -> None:
    assert parse_resident(f" {GOOD.lower()} ", TODAY).number == GOOD


@given(people)
def test_everybody_of_the_registry_has_a_number_that_is_right(number: str) -> None:
    born = parse_resident(number, TODAY).birth_date
    assert born.strftime("%Y%m%d") == number[6:14]


@given(people, st.integers(0, 17), st.data())
def test_every_single_wrong_character_is_refused(number: str, place: int, data: st.DataObject) -> None:
    others = [c for c in (CHARACTERS if place == 17 else CHARACTERS[:10]) if c != number[place]]
    wrong = number[:place] + data.draw(st.sampled_from(others)) + number[place + 1 :]
    refusal_of(wrong)


@given(people, st.integers(0, 16))
def test_every_transposition_of_neighbours_is_refused(number: str, place: int) -> None:
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    if swapped != number:
        refusal_of(swapped)


@pytest.mark.parametrize(
    ("number", "says"),
    [
        ("", "17 digits"),
        (GOOD[:-1], "17 digits"),
        (GOOD + "0", "17 digits"),
        ("X" + GOOD[1:], "17 digits"),
        ("１１０１０５１９４９１２３１００２X", "17 digits"),
        ("٠" * 18, "17 digits"),
        ("110105491231002", "15-digit"),
        (with_digit("99010519491231002"), "region"),
        (with_digit("11990519491231002"), "region"),
        (with_digit("11000019491231002"), "region"),
        (with_digit("11010519490231002"), "birth date"),
        (with_digit("11010519491331002"), "birth date"),
        (with_digit("11010518991231002"), "1900"),
        (with_digit("11010520991231002"), "future"),
        (GOOD[:-1] + "0", "check digit"),
    ],
)
def test_each_rule_that_is_broken_is_named(number: str, says: str) -> None:
    assert says in refusal_of(number).violations[0].description


@pytest.mark.parametrize("ended", ["110103", "510202", "512221", "320221", "320219"])
def test_a_region_that_is_no_more_still_is_where_people_were_registered(ended: str) -> None:
    assert parse_resident(with_digit(f"{ended}19491231002"), TODAY).number.startswith(ended)


def test_a_city_without_counties_is_a_region() -> None:
    dongguan = with_digit("44190019800101001")
    assert parse_resident(dongguan, TODAY).birth_date == date(1980, 1, 1)


@pytest.mark.parametrize(("days", "right"), [(0, True), (-1, True), (1, False)])
def test_nobody_is_born_after_today(days: int, right: bool) -> None:
    born = TODAY + timedelta(days)
    number = with_digit(f"110105{born:%Y%m%d}002")
    if right:
        assert parse_resident(number, TODAY).birth_date == born
    else:
        refusal_of(number)


def test_29_february_exists_in_leap_years_only() -> None:
    assert parse_resident(with_digit("11010520000229002"), TODAY).birth_date == date(2000, 2, 29)
    refusal_of(with_digit("11010519000229002"))
