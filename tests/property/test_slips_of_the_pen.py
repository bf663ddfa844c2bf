"""Documents and phones: every slip of the pen in a thousand numbers, and the rules of each kind over generated ones."""

from __future__ import annotations

import itertools
import random
import re
import string
from collections.abc import Callable
from datetime import date, timedelta

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.domain.documents import DocumentType, cards, machine_readable, parse_document
from services.identity.domain.names import parse_phone
from services.sandbox.people import person
from services.values.errors import Refusal

TODAY = date(2026, 11, 23)
SEED, NUMBERS = 20261123, 1000
CHARACTERS = "0123456789X"
RESIDENT, PASSPORT = DocumentType.RESIDENT_ID_CARD, DocumentType.PASSPORT
PERMITS = {"810000": DocumentType.HK_MACAU_RESIDENCE_PERMIT, "820000": DocumentType.HK_MACAU_RESIDENCE_PERMIT}
PERMITS |= {"830000": DocumentType.TAIWAN_RESIDENCE_PERMIT}

births = st.dates(date(1927, 1, 1), TODAY)
orders = st.integers(0, 999).map("{:03}".format)


def _numbers() -> list[str]:
    """A thousand valid resident ID numbers, the same every time."""
    chosen = random.Random(SEED).sample(range(600_000), NUMBERS)
    return [person(index).resident_id_number for index in chosen]


def _refusal(work: Callable[[], object]) -> Refusal | None:
    try:
        work()
    except Refusal as refusal:
        return refusal
    return None


def _accepted(kind: DocumentType, number: str) -> bool:
    refusal = _refusal(lambda: parse_document(kind, number, TODAY))
    assert refusal is None or [violation.field for violation in refusal.violations] == ["document_number"]
    return refusal is None


def test_a_thousand_numbers_are_accepted_and_no_single_wrong_character_is() -> None:
    tried = 0
    for number in _numbers():
        assert _accepted(RESIDENT, number)
        for place, right in enumerate(number):
            for wrong in CHARACTERS.replace(right, ""):
                tried += 1
                assert not _accepted(RESIDENT, number[:place] + wrong + number[place + 1 :]), (place, wrong)
    assert tried == NUMBERS * 18 * 10


def test_no_transposition_of_unequal_neighbours_is_accepted() -> None:
    tried = 0
    for number in _numbers():
        for place, (one, other) in enumerate(itertools.pairwise(number)):
            if one != other:
                tried += 1
                assert not _accepted(RESIDENT, number[:place] + other + one + number[place + 2 :]), place
    assert tried > NUMBERS * 10


@given(st.sampled_from(sorted(PERMITS)), births, orders)
def test_a_permit_is_one_of_its_own_kind_only(region: str, born: date, order: str) -> None:
    body = f"{region}{born:%Y%m%d}{order}"
    number = body + cards.check_digit(body)
    assert parse_document(PERMITS[region], number, TODAY).birth_date == born
    others = {*PERMITS.values(), RESIDENT, DocumentType.FOREIGN_PERMANENT_RESIDENT_CARD} - {PERMITS[region]}
    assert not any(_accepted(kind, number) for kind in others)


@given(st.sampled_from(["11", "31", "44"]), st.integers(1, 999), births, orders, st.integers(0, 9))
def test_a_foreign_permanent_resident_card_tells_birth_and_bears_no_wrong_digit(
    place: str, nationality: int, born: date, order: str, wrong: int
) -> None:
    body = f"9{place}{nationality:03}{born:%Y%m%d}{order}"
    number = body + cards.check_digit(body)
    kind = DocumentType.FOREIGN_PERMANENT_RESIDENT_CARD
    assert parse_document(kind, number, TODAY).birth_date == born
    damaged = number[:9] + str(wrong) + number[10:]
    assert _accepted(kind, damaged) is (damaged == number)


def _passport(number: str, nationality: str, born: date, expires: date) -> str:
    check = machine_readable.check_digit
    number, optional = number.ljust(9, "<"), "<" * 14
    head = f"{number}{check(number)}{nationality}{born:%y%m%d}{check(f'{born:%y%m%d}')}"
    tail = f"{expires:%y%m%d}{check(f'{expires:%y%m%d}')}{optional}{check(optional)}"
    line = f"{head}F{tail}"
    return line + check(line[0:10] + line[13:20] + line[21:43])


passports = st.builds(
    _passport,
    st.text(string.ascii_uppercase + string.digits, min_size=6, max_size=9),
    st.sampled_from(["DEU", "GBR", "UTO", "D<<"]),
    births,
    st.dates(TODAY, TODAY + timedelta(days=3652)),
)


@given(passports, st.data())
def test_a_passport_line_is_read_back_and_no_wrong_digit_in_what_is_checked_is(line: str, data: st.DataObject) -> None:
    passport = parse_document(PASSPORT, line.lower(), TODAY)
    assert passport.number == line
    assert f"{passport.birth_date:%y%m%d}" == line[13:19]
    place = data.draw(
        st.sampled_from([at for at in (*range(10), *range(13, 20), *range(21, 28)) if line[at].isdigit()])
    )
    wrong = data.draw(st.sampled_from(string.digits.replace(line[place], "")))
    assert not _accepted(PASSPORT, line[:place] + wrong + line[place + 1 :])


@given(passports, st.text(string.ascii_uppercase + string.digits, min_size=1, max_size=14))
def test_a_passport_is_the_same_document_whatever_its_optional_data(line: str, optional: str) -> None:
    check, text = machine_readable.check_digit, optional.ljust(14, "<")
    other = line[:28] + text + check(text)
    other += check(other[0:10] + other[13:20] + other[21:43])
    first, second = (parse_document(PASSPORT, one, TODAY) for one in (line, other))
    assert first.key == second.key


@given(st.text(max_size=60), st.sampled_from(list(DocumentType)))
def test_any_text_is_a_document_or_is_refused_by_name(text: str, kind: DocumentType) -> None:
    _accepted(kind, text)


mobiles = st.integers(13_000_000_000, 19_999_999_999).map("+86{}".format)


@given(mobiles)
def test_a_mobile_is_taken_as_it_is_written_in_e164_or_refused(phone: str) -> None:
    if phonenumbers.is_valid_number(phonenumbers.parse(phone, None)):
        assert parse_phone(phone) == phone
    else:
        with pytest.raises(Refusal, match="PHONE_INVALID"):
            parse_phone(phone)


@given(st.text(max_size=20))
def test_whatever_is_accepted_as_a_phone_is_e164(text: str) -> None:
    refusal = _refusal(lambda: parse_phone(text))
    if refusal is None:
        assert re.fullmatch(r"\+[1-9][0-9]{6,14}", text)
    else:
        assert (refusal.reason, [violation.field for violation in refusal.violations]) == ("PHONE_INVALID", ["phone"])


@pytest.mark.parametrize("written", ["13800138000", "+86 138 0013 8000", "+86-138-00138000", "008613800138000"])
def test_other_ways_of_writing_a_phone_are_refused(written: str) -> None:
    with pytest.raises(Refusal, match="PHONE_INVALID"):
        parse_phone(written)
