"""Prices equal a slow reference that walks the ride minute by minute, grow with time, and respect the cap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.rental.domain import DAY_MINUTES, LARGEST_CHARGE_MINOR, PriceSegment, PriceTerms, price

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def slow_price(terms: PriceTerms, ride: timedelta) -> int:
    """Walks the started minutes one by one."""
    days = {0: terms.base_minor}
    minute = 0
    while timedelta(minutes=minute) < ride:
        day = minute // DAY_MINUTES
        days[day] = days.get(day, 0) + sum(_charged_at(segment, minute) for segment in terms.segments)
        minute += 1
    cap = terms.cap_per_day_minor
    return sum(min(cost, cap) if cap else cost for cost in days.values())


def _charged_at(segment: PriceSegment, minute: int) -> int:
    into = minute - segment.start_minute
    if into < 0 or (segment.end_minute and minute >= segment.end_minute):
        return 0
    again = into % segment.interval_minutes == 0 if segment.interval_minutes else into == 0
    return segment.rate_minor if again else 0


minutes = st.integers(min_value=0, max_value=3 * DAY_MINUTES)
amounts = st.integers(min_value=0, max_value=100_000)


@st.composite
def segments(draw: st.DrawFn) -> PriceSegment:
    start = draw(minutes)
    end = draw(st.one_of(st.just(0), st.integers(min_value=start + 1, max_value=start + 2 * DAY_MINUTES)))
    return PriceSegment(start, end, draw(amounts), draw(st.integers(min_value=0, max_value=DAY_MINUTES + 60)))


terms_of_plans = st.builds(
    PriceTerms,
    currency=st.just("CNY"),
    base_minor=amounts,
    segments=st.lists(segments(), max_size=4).map(tuple),
    cap_per_day_minor=st.one_of(st.just(0), amounts),
)
rides = st.builds(
    timedelta, seconds=st.integers(min_value=0, max_value=3 * 86_400), microseconds=st.integers(0, 999_999)
)


@given(terms_of_plans, rides)
def test_a_price_is_what_walking_the_minutes_gives(terms: PriceTerms, ride: timedelta) -> None:
    assert price(terms, START, START + ride).amount_minor == slow_price(terms, ride)


@given(terms_of_plans, rides, rides)
def test_a_longer_ride_never_costs_less(terms: PriceTerms, ride: timedelta, more: timedelta) -> None:
    shorter, longer = price(terms, START, START + ride), price(terms, START, START + ride + more)
    assert shorter.amount_minor <= longer.amount_minor


@given(terms_of_plans, rides)
def test_no_started_day_costs_more_than_the_cap(terms: PriceTerms, ride: timedelta) -> None:
    if terms.cap_per_day_minor:
        started_days = max(1, -(-ride // timedelta(days=1)))
        assert price(terms, START, START + ride).amount_minor <= started_days * terms.cap_per_day_minor


@given(terms_of_plans, rides, st.integers(min_value=-(10**6), max_value=10**6))
def test_the_wall_clock_does_not_matter(terms: PriceTerms, ride: timedelta, shift: int) -> None:
    elsewhen = START + timedelta(minutes=shift, microseconds=shift)
    assert price(terms, START, START + ride) == price(terms, elsewhen, elsewhen + ride)


@pytest.mark.parametrize("days", [1, 400, 5000])
def test_a_charge_always_fits_into_money(days: int) -> None:
    dear = PriceTerms("CNY", 100_000_000, (PriceSegment(0, 0, 100_000_000, 1),), 0)
    assert price(dear, START, START + timedelta(days=days)).amount_minor <= LARGEST_CHARGE_MINOR
