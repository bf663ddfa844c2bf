"""Names, phones, ages, verdicts, codes and the order of consent."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.domain import (
    MOST_TRIES,
    CodeInForce,
    Person,
    after,
    age_on,
    consent_news,
    is_adult,
    local_day,
    old_enough,
    parse_phone,
    refusal_of_try,
    tidy_text,
    verified_news,
)
from services.identity.domain.documents import DocumentType
from services.sandbox.people import person
from services.values.errors import Refusal

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("born", "day", "age"),
    [
        (date(2014, 11, 23), date(2026, 11, 23), 12),
        (date(2014, 11, 24), date(2026, 11, 23), 11),
        (date(2008, 2, 29), date(2026, 2, 28), 17),
        (date(2008, 2, 29), date(2026, 3, 1), 18),
    ],
)
def test_a_year_is_completed_on_the_birthday(born: date, day: date, age: int) -> None:
    assert age_on(born, day) == age
    assert is_adult(born, day) is (age >= 18)


@pytest.mark.parametrize(
    ("kind", "years", "may"),
    [
        ("BIKE", 12, True),
        ("BIKE", 11, False),
        ("E_BIKE", 16, True),
        ("E_BIKE", 15, False),
        ("APARTMENT", 17, False),
        ("APARTMENT", 18, True),
        ("", 5, True),
    ],
)
def test_each_kind_has_its_age(kind: str, years: int, may: bool) -> None:
    assert old_enough(date(2026 - years, 1, 1), kind, date(2026, 11, 23)) is may


def test_the_day_is_the_renters_own() -> None:
    assert local_day(datetime(2026, 11, 23, 16, 0, tzinfo=UTC)) == date(2026, 11, 24)
    assert local_day(datetime(2026, 11, 23, 15, 59, tzinfo=UTC)) == date(2026, 11, 23)


@pytest.mark.parametrize("text", ["+8613800138000", "+442071838750", "+14155552671"])
def test_a_phone_is_written_in_e164(text: str) -> None:
    assert parse_phone(text) == text


@pytest.mark.parametrize(
    "text", ["", "13800138000", "+86 138 0013 8000", "+8612", "+999123456789", "tel:+8613800138000"]
)
def test_any_other_phone_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        parse_phone(text)
    assert caught.value.reason == "PHONE_INVALID"
    assert caught.value.violations[0].field == "phone"
    assert not text or text not in str(caught.value).replace("+8613800138000", "")


def test_a_name_is_tidied() -> None:
    assert tidy_text("full_name", "  Zoe\u0308   Li ") == "Zo\u00eb Li"
    assert tidy_text("full_name", "\U00030ede明") == "\U00030ede明", "rare characters are names too"


@pytest.mark.parametrize("text", ["", "   ", "a\x07b", "a\u202eb", "a\nb\x00"])
def test_blank_names_and_control_characters_are_refused(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        tidy_text("full_name", text)
    assert caught.value.violations[0].field == "full_name"


def test_a_code_is_tried_five_times() -> None:
    def tried(times: int, shown: bytes) -> str | None:
        refusal = refusal_of_try(CodeInForce("cod_1", b"right", times), shown)
        return None if refusal is None else refusal.reason

    assert tried(0, b"right") is None
    assert tried(MOST_TRIES - 1, b"right") is None
    assert tried(0, b"wrong") == "CODE_INVALID"
    assert tried(MOST_TRIES, b"right") == "CODE_TRIES_EXCEEDED", "even the right one comes too late"
    no_code = refusal_of_try(None, b"right")
    assert no_code is not None
    assert no_code.reason == "CODE_INVALID"


@given(st.lists(st.timedeltas(timedelta(seconds=-5), timedelta(seconds=5)), min_size=1, max_size=8))
def test_changes_of_consent_have_an_order_whatever_the_clocks_say(steps: list[timedelta]) -> None:
    last: datetime | None = None
    for step in steps:
        moment = after(last, NOW + step)
        assert moment >= NOW + step
        assert last is None or moment > last
        last = moment


def test_without_consent_nothing_is_told() -> None:
    assert verified_news("PHONE_VERIFIED", "rnt_1", NOW, consenting=False) == []
    assert [item.kind for item in verified_news("PHONE_VERIFIED", "rnt_1", NOW, consenting=True)] == ["PHONE_VERIFIED"]


def test_with_consent_what_is_verified_so_far_is_told_once() -> None:
    first = consent_news("rnt_1", NOW, NOW - timedelta(days=9), NOW - timedelta(days=8), None)
    assert [item.kind for item in first] == ["CONSENT_GRANTED", "JOINED", "DOCUMENT_VERIFIED"]
    again = consent_news("rnt_1", NOW + timedelta(days=1), NOW - timedelta(days=9), NOW - timedelta(days=8), NOW)
    assert [item.fact_id for item in again][1:3] == [item.fact_id for item in first][1:], "the same facts, not new ones"


def test_a_person_shows_nothing_of_themselves() -> None:
    who = person(7)
    clear = Person(DocumentType.RESIDENT_ID_CARD, who.resident_id_number, who.name, who.phone, who.birth_date)
    for value in (who.name, who.resident_id_number, who.phone, "1"):
        assert value not in repr(clear)
