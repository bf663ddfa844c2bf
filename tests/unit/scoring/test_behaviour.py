"""What facts amount to: once a day per partner, once per subject, debts by what pays them, until they run out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from services.scoring.domain import Fact, FactKind, NegativeRecord, characteristics_of, expiry_of, observe, summarise
from services.scoring.domain.behaviour import CHARACTERISTICS, MOST_FROM_ONE_PARTNER
from services.scoring.domain.facts import NEGATIVE
from services.scoring.domain.records import SHORTEST_RENTAL_SECONDS, years_after

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)
_numbers = count()
OTHER, ONE = "ptn_other", "ptn_one"


def fact(kind: FactKind, days_ago: float = 0, **more: object) -> Fact:
    """A fact of that kind, so many days ago."""
    return Fact(f"f{next(_numbers)}", "rnt_1", kind, NOON - days_ago * DAY, **more)  # type: ignore[arg-type]


def record(days_ago: float, settled: float | None = None, wish: float | None = None) -> Fact:
    """A register's entry of so many days ago, settled and wished to run out so many days ago."""
    times = [None if days is None else NOON - days * DAY for days in (settled, wish)]
    return fact(FactKind.NEGATIVE_RECORD, days_ago, record=NegativeRecord("court", "case 1", *times))


def value(name: str, *facts: Fact, now: datetime = NOON) -> int:
    """The value of a characteristic."""
    return summarise(observe(facts, now), now).values[name]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (FactKind.RENTAL_RETURNED_ON_TIME, "on_time_returns"),
        (FactKind.PAYMENT_ON_TIME, "payments_on_time"),
    ],
)
def test_of_one_partner_one_good_fact_a_day_counts(kind: FactKind, name: str) -> None:
    same_day = [fact(kind, hour / 24, partner_id=ONE) for hour in range(10)]
    assert value(name, *same_day) == 1
    assert value(name, *same_day, fact(kind, 1, partner_id=ONE)) == 2
    assert value(name, *same_day, fact(kind, 0, partner_id=OTHER)) == 2


def test_one_partner_alone_makes_sixty_days_at_most() -> None:
    kind = FactKind.RENTAL_RETURNED_ON_TIME
    many = [fact(kind, days, partner_id=ONE) for days in range(200)]
    assert value("on_time_returns", *many) == MOST_FROM_ONE_PARTNER == 60
    assert value("on_time_returns", *many, fact(kind, 0, partner_id=OTHER)) == 61


def test_a_rental_that_was_over_at_once_earns_nothing() -> None:
    kind = FactKind.RENTAL_RETURNED_ON_TIME
    assert value("on_time_returns", fact(kind, rental_seconds=SHORTEST_RENTAL_SECONDS - 1)) == 0
    assert value("on_time_returns", fact(kind, rental_seconds=SHORTEST_RENTAL_SECONDS)) == 1


def test_a_debt_is_made_good_by_the_payment_under_its_own_subject() -> None:
    failed = [fact(FactKind.PAYMENT_FAILED, subject=f"rtl_{n}") for n in (1, 2)]
    cured = fact(FactKind.PAYMENT_CURED, subject="rtl_1")
    assert value("payments_unpaid", *failed) == 2
    assert value("payments_unpaid", *failed, cured) == 1
    assert value("payments_unpaid", failed[1], cured) == 1
    given_up = fact(FactKind.PAYMENT_WRITTEN_OFF, subject="rtl_1")
    assert value("payments_written_off", given_up) == 1
    assert value("payments_written_off", given_up, cured) == 0


def test_bills_fields_and_endorsements_count_once_each_and_not_without_end() -> None:
    bills = [fact(FactKind.BILL_VERIFIED, subject=f"power:{n % 3}") for n in range(9)]
    assert value("bills_verified", *bills) == 3
    assert value("endorsements", *[fact(FactKind.ENDORSED, subject=f"end_{n}") for n in range(9)]) == 2


@pytest.mark.parametrize("kind", sorted(NEGATIVE - {FactKind.NEGATIVE_RECORD}))
def test_whatever_counts_against_a_person_runs_out_after_five_years(kind: FactKind) -> None:
    one = fact(kind, subject="rtl_1")
    (name,) = characteristics_of(one)
    ends = years_after(NOON, 5)
    assert value(name, one, now=ends - timedelta(microseconds=1)) == 1
    assert value(name, one, now=ends) == 0
    assert summarise(observe([one], NOON), NOON).changes_at == ends
    assert summarise(observe([one], ends), ends).changes_at is None


def test_a_register_s_entry_runs_out_five_years_after_it_was_settled_and_seven_unsettled() -> None:
    assert expiry_of(record(365)) == years_after(NOON - 365 * DAY, 7)
    assert expiry_of(record(365, settled=100)) == years_after(NOON - 100 * DAY, 5)
    assert expiry_of(record(365, wish=-30)) == NOON + 30 * DAY, "the register may want less"
    assert expiry_of(record(365, settled=100, wish=-9999)) == years_after(NOON - 100 * DAY, 5), "and not more"


def test_a_settled_record_counts_as_settled() -> None:
    both = [record(365), record(400, settled=10)]
    assert (value("records_unsettled", *both), value("records_settled", *both)) == (1, 1)


def test_the_29th_of_february_has_an_end_too() -> None:
    assert years_after(datetime(2024, 2, 29, 8, tzinfo=UTC), 5) == datetime(2029, 3, 1, 8, tzinfo=UTC)


def test_nothing_that_counts_against_a_person_lengthens_their_history() -> None:
    joined = fact(FactKind.JOINED, 700)
    for kind in NEGATIVE - {FactKind.NEGATIVE_RECORD}:
        assert value("tenure_days", joined, fact(kind, subject="rtl_1")) == 0
    assert value("tenure_days", joined, record(0)) == 0
    assert value("tenure_days", joined, fact(FactKind.ENDORSED, subject="end_1")) == 0, "nor do others"
    assert value("tenure_days", joined, fact(FactKind.PAYMENT_ON_TIME)) == 700


def test_every_kind_counts_for_something_or_lengthens_a_history() -> None:
    for kind in FactKind:
        names = characteristics_of(fact(kind, subject="north"))
        assert names
        assert set(names) <= CHARACTERISTICS or names == ("bureau_north",)
