"""Invented people: documents right by GB 11643 as another library reads it, all different, and found again."""

from datetime import date

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import ric

from services.sandbox.people import KNOWN, Case, Person, Sex, aged, born_on, check_digit, find, named, person

EVERYBODY = 599_999
indexes = st.integers(0, EVERYBODY)
birth_dates = st.dates(date(1900, 1, 1), date(2100, 1, 1))


def test_people_are_the_same_on_every_machine() -> None:
    assert person(0) == Person("许建文", "110102195001011411", date(1950, 1, 1), Sex.MALE, "+8613600000000")
    assert person(KNOWN - 1) == Person("冯莲文", "430121198111098826", date(1981, 11, 9), Sex.FEMALE, "+8618878096601")


@given(indexes)
def test_a_number_is_right_in_form_and_tells_birth_and_sex(index: int) -> None:
    somebody = person(index)
    number = somebody.resident_id_number
    assert ric.validate(number) == number
    assert ric.get_birth_date(number) == somebody.birth_date
    assert (int(number[16]) % 2 == 1) == (somebody.sex == Sex.MALE)
    assert number[14:17] != "000"


@given(indexes)
def test_people_are_adults_since_2010(index: int) -> None:
    assert person(index).birth_date <= date(1992, 1, 1)


@given(indexes)
def test_phones_are_valid_mobiles_in_e164(index: int) -> None:
    phone = person(index).phone
    parsed = phonenumbers.parse(phone)
    assert phonenumbers.is_valid_number(parsed)
    assert phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) == phone


@given(indexes)
def test_names_are_chinese(index: int) -> None:
    name = person(index).name
    assert 2 <= len(name) <= 3
    assert all("\u4e00" <= letter <= "\u9fff" for letter in name)


def test_nobody_shares_a_number_or_a_phone() -> None:
    sample = [person(index) for index in range(0, KNOWN, 7)]
    assert len({one.resident_id_number for one in sample}) == len(sample)
    assert len({one.phone for one in sample}) == len(sample)


@given(indexes)
def test_the_registry_finds_exactly_the_first_hundred_thousand(index: int) -> None:
    assert find(person(index).resident_id_number) == (person(index) if index < KNOWN else None)


@given(st.integers(0, KNOWN - 1), st.integers(0, 17), st.integers(1, 9))
def test_one_wrong_digit_is_nobody(index: int, place: int, shift: int) -> None:
    number = person(index).resident_id_number
    digit = str((int(number[place]) + shift) % 10) if number[place] != "X" else str(shift)
    assert find(number[:place] + digit + number[place + 1 :]) is None


@given(st.text(max_size=20))
def test_anything_else_is_nobody(text: str) -> None:
    assert find(text) is None


@given(birth_dates)
def test_a_person_for_every_birth_date(birth_date: date) -> None:
    somebody = born_on(birth_date)
    assert somebody.birth_date == birth_date
    assert somebody.resident_id_number[6:14] == f"{birth_date:%Y%m%d}"
    assert ric.calc_check_digit(somebody.resident_id_number) == somebody.resident_id_number[-1]
    assert phonenumbers.is_valid_number(phonenumbers.parse(somebody.phone))
    assert find(somebody.resident_id_number) == somebody


@pytest.mark.parametrize("on", [date(2026, 1, 1), date(2026, 11, 23), date(2026, 12, 31)])
@pytest.mark.parametrize("years", [10, 14])
def test_minors_have_their_age_all_year(years: int, on: date) -> None:
    birth = aged(years, on).birth_date
    assert on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day)) == years
    assert ric.is_valid(aged(years, on).resident_id_number)


@pytest.mark.parametrize("case", list(Case))
def test_named_people_have_numbers_right_in_form(case: Case) -> None:
    assert ric.is_valid(named(case).resident_id_number)
    assert phonenumbers.is_valid_number(phonenumbers.parse(named(case).phone))


def test_the_registry_knows_the_named_people_as_their_cases_say() -> None:
    assert named(Case.EXAMPLE).resident_id_number == "11010519491231002X"
    for case in (Case.EXAMPLE, Case.UNCLEAR, Case.SLOW):
        assert find(named(case).resident_id_number) == named(case)
    assert find(named(Case.NOT_FOUND).resident_id_number) is None
    other = find(named(Case.MISMATCH).resident_id_number)
    assert other is not None
    assert other.name != named(Case.MISMATCH).name


@given(st.from_regex(r"[0-9]{17}", fullmatch=True))
def test_the_check_digit_is_the_one_of_gb_11643(first_seventeen: str) -> None:
    assert check_digit(first_seventeen) == ric.calc_check_digit(first_seventeen + "0")


@pytest.mark.parametrize("index", [-1, EVERYBODY + 1])
def test_there_are_only_so_many(index: int) -> None:
    with pytest.raises(IndexError):
        person(index)
