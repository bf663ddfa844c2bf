"""Price plans as operators publish them, ride by ride."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.rental.domain import PriceSegment, PriceTerms, check_terms, price
from services.values.errors import Refusal
from services.values.money import Money

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)

HALF_HOURS = PriceTerms("CNY", 0, (PriceSegment(0, 0, 150, 30),), 0)
CAPPED = PriceTerms("CNY", 0, (PriceSegment(0, 0, 250, 30),), 2000)
UNLOCK_AND_MINUTES = PriceTerms("EUR", 100, (PriceSegment(0, 0, 19, 1),), 0)
FIRST_HOUR_FREE = PriceTerms("CNY", 0, (PriceSegment(60, 0, 100, 60),), 0)
DEARER_AFTER_AN_HOUR = PriceTerms("CNY", 0, (PriceSegment(0, 60, 100, 30), PriceSegment(60, 0, 300, 30)), 0)
LATE_FEE_ONCE = PriceTerms("CNY", 50, (PriceSegment(120, 0, 500, 0),), 0)
BASE_UNDER_CAP = PriceTerms("CNY", 1500, (PriceSegment(0, 0, 100, 10),), 2000)


def ride(**duration: float) -> timedelta:
    return timedelta(**duration)


@pytest.mark.parametrize(
    ("plan", "took", "expected_minor"),
    [
        (HALF_HOURS, ride(seconds=1), 150),
        (HALF_HOURS, ride(minutes=29, seconds=59), 150),
        (HALF_HOURS, ride(minutes=30), 150),
        (HALF_HOURS, ride(minutes=30, microseconds=1), 300),
        (HALF_HOURS, ride(hours=2), 600),
        (CAPPED, ride(minutes=30), 250),
        (CAPPED, ride(hours=3, minutes=59), 2000),
        (CAPPED, ride(hours=4), 2000),
        (CAPPED, ride(hours=24), 2000),
        (CAPPED, ride(hours=24, seconds=1), 2250),
        (CAPPED, ride(hours=48), 4000),
        (CAPPED, ride(days=30), 60_000),
        (UNLOCK_AND_MINUTES, ride(minutes=12), 100 + 12 * 19),
        (UNLOCK_AND_MINUTES, ride(minutes=12, seconds=1), 100 + 13 * 19),
        (FIRST_HOUR_FREE, ride(minutes=60), 0),
        (FIRST_HOUR_FREE, ride(minutes=60, seconds=1), 100),
        (FIRST_HOUR_FREE, ride(minutes=121), 200),
        (DEARER_AFTER_AN_HOUR, ride(minutes=60), 200),
        (DEARER_AFTER_AN_HOUR, ride(minutes=61), 500),
        (LATE_FEE_ONCE, ride(minutes=120), 50),
        (LATE_FEE_ONCE, ride(minutes=121), 550),
        (LATE_FEE_ONCE, ride(days=3), 550),
        (BASE_UNDER_CAP, ride(minutes=60), 2000),
        (BASE_UNDER_CAP, ride(hours=25), 2000 + 600),
        (HALF_HOURS, ride(), 0),
        (UNLOCK_AND_MINUTES, ride(), 100),
        (UNLOCK_AND_MINUTES, -ride(minutes=5), 100),
    ],
)
def test_what_a_ride_costs(plan: PriceTerms, took: timedelta, expected_minor: int) -> None:
    assert price(plan, START, START + took) == Money(plan.currency, expected_minor)


def test_segments_that_end_before_they_start_are_named() -> None:
    with pytest.raises(Refusal) as refused:
        check_terms([PriceSegment(0, 60, 1, 1), PriceSegment(60, 60, 1, 1), PriceSegment(9, 3, 1, 1)])
    assert refused.value.reason == "INVALID_FIELD"
    assert [v.field for v in refused.value.violations] == ["segments[1].end_minute", "segments[2].end_minute"]


def test_segments_without_end_are_fine() -> None:
    check_terms([PriceSegment(500, 0, 1, 1), PriceSegment(0, 1, 1, 0)])
