"""No bad record in N years: what is a bad record, for how long, and that it is the only reason told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.scoring.domain import Fact, FactKind, NegativeRecord, Outcome, Standing, admit, observe, summarise
from services.scoring.domain.records import years_before

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
THREE_YEARS_AGO = NOON - timedelta(days=3 * 365)


def fact(kind: str, subject: str = "", days_ago: int = 3 * 365) -> Fact:
    record = NegativeRecord("court", "(2023) 12") if kind == "NEGATIVE_RECORD" else None
    name = f"{kind}:{subject}:{days_ago}"
    when = NOON - timedelta(days=days_ago)
    return Fact(name, "rnt_1", FactKind(kind), when, subject, "ptn_1", record=record)


@pytest.mark.parametrize(
    ("facts", "bad"),
    [
        ([], None),
        ([fact("RENTAL_RETURNED_LATE"), fact("PAYMENT_FAILED", "rtl_1"), fact("PAYMENT_LATE")], None),
        ([fact("NEGATIVE_RECORD")], THREE_YEARS_AGO),
        ([fact("RENTAL_LOST")], THREE_YEARS_AGO),
        ([fact("PAYMENT_WRITTEN_OFF", "rtl_1")], THREE_YEARS_AGO),
        ([fact("PAYMENT_WRITTEN_OFF", "rtl_1"), fact("PAYMENT_CURED", "rtl_1", 10)], None),
        ([fact("PAYMENT_WRITTEN_OFF", "rtl_1"), fact("PAYMENT_CURED", "rtl_2", 10)], THREE_YEARS_AGO),
        ([fact("RENTAL_LOST"), fact("NEGATIVE_RECORD", days_ago=7)], NOON - timedelta(days=7)),
        ([fact("RENTAL_LOST", days_ago=5 * 366)], None),
    ],
)
def test_what_is_a_bad_record(facts: list[Fact], bad: datetime | None) -> None:
    assert summarise(observe(facts, NOON), NOON).bad_record_at == bad


@pytest.mark.parametrize(
    ("years", "outcome", "codes"),
    [
        (0, Outcome.ADMITTED, ()),
        (2, Outcome.ADMITTED, ()),
        (3, Outcome.NOT_ADMITTED, ("BAD_RECORD",)),
        (5, Outcome.NOT_ADMITTED, ("BAD_RECORD",)),
    ],
)
@pytest.mark.parametrize("score", [610, 700])
def test_a_bad_record_within_the_years_is_the_only_reason_whatever_the_score(
    years: int, outcome: Outcome, codes: tuple[str, ...], score: int
) -> None:
    standing = Standing(score, False, ("SHORT_HISTORY",), "general-1", bad_record_at=THREE_YEARS_AGO)
    made = admit(standing, 600, (), years_before(NOON, years) if years else None)
    assert (made.outcome, made.reason_codes) == (outcome, codes)
    below = admit(standing, 800, (), years_before(NOON, years) if years else None)
    assert below.reason_codes == (codes or ("SHORT_HISTORY",))


def test_nobody_is_judged_by_sealed_records() -> None:
    sealed = Standing(700, True, (), "general-1", bad_record_at=NOON)
    assert admit(sealed, 600, (), years_before(NOON, 5)).reason_codes == ("NO_SCORING_CONSENT",)


def test_reasons_are_told_until_every_line_is_passed() -> None:
    standing = Standing(625, False, ("SHORT_HISTORY",), "general-1")
    told = [admit(standing, lines[0], lines[1:]) for lines in ((600,), (600, 650), (650, 700))]
    assert [(one.tier, one.reason_codes) for one in told] == [(1, ()), (1, ("SHORT_HISTORY",)), (0, ("SHORT_HISTORY",))]


def test_the_day_of_a_leap_year_has_a_day_in_every_year() -> None:
    assert years_before(datetime(2028, 2, 29, tzinfo=UTC), 3) == datetime(2025, 3, 1, tzinfo=UTC)
