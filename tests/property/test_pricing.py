"""Prices equal a slow reference that walks the ride minute by minute, grow with time and distance, respect every cap.

What splitting is promised: under an *even* plan two rides, one right after the other, cost together at least what one
ride over the same minutes and metres costs. A plan is even when every time segment begins at 0 and has no end, its
interval divides each window of a cap, the windows divide one another, every distance segment begins at 0, and there are
no free minutes and no nights. Under any other plan it is the plan that makes the first minutes cheaper, or the night:
each ride is priced from its own start, exactly as the reference says. Percentages round down, so they are left out.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.rental.domain import (
    DAY_MINUTES,
    LARGEST_CHARGE_MINOR,
    Discount,
    DistanceSegment,
    Fee,
    LineKind,
    NightRule,
    PassId,
    PriceCap,
    PriceSegment,
    PriceTerms,
    Ride,
    RidePass,
    Usage,
    itemise,
)

MINUTE = timedelta(minutes=1)
ZONES = ("UTC", "Asia/Shanghai", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "America/St_Johns")
"""Lord Howe moves its clock by half an hour."""
CHANGES = (datetime(2026, 3, 29, 1), datetime(2026, 10, 25, 1), datetime(2026, 4, 4, 15), datetime(2026, 3, 8, 5, 30))


def slow_price(terms: PriceTerms, ride: Ride, more_free: int = 0) -> int:
    """Base, time and distance, by walking the started minutes and metres one by one."""
    minutes = 0
    while ride.started_at + minutes * MINUTE < ride.ended_at:
        minutes += 1
    free = terms.free_minutes + more_free
    windows = [(cap.window_minutes, cap.cap_minor) for cap in terms.caps]
    windows += [(DAY_MINUTES, terms.cap_per_day_minor)] if terms.cap_per_day_minor else []
    used: defaultdict[Any, int] = defaultdict(int)

    def accept(due: int, rooms: list[tuple[Any, int]]) -> int:
        accepted = min([due, *(cap - used[room] for room, cap in rooms)])
        for room, _ in rooms:
            used[room] += accepted
        return accepted

    total = 0
    if not free or minutes > free:
        total += accept(terms.base_minor, [((i, 0), cap) for i, (_, cap) in enumerate(windows)])
    for minute in range(free, minutes):
        due = sum(_charged_at(s.start_minute, s.end_minute, s.rate_minor, s.interval_minutes, minute - free)
                  for s in terms.segments)  # fmt: skip
        rooms = [((i, (minute - free) // length), cap) for i, (length, cap) in enumerate(windows)]
        total += accept(due, rooms + _nights(terms, ride.started_at + minute * MINUTE))
    for segment in terms.distance_segments:
        shape = (segment.start_metre, segment.end_metre, segment.rate_minor, segment.interval_metres)
        total += sum(_charged_at(*shape, metre) for metre in range(ride.usage.distance_metres or 0))
    return min(total, terms.total_cap_minor) if terms.total_cap_minor else total


def _charged_at(start: int, end: int, rate: int, interval: int, position: int) -> int:
    into = position - start
    if into < 0 or (end and position >= end):
        return 0
    again = into % interval == 0 if interval else into == 0
    return rate if again else 0


def _nights(terms: PriceTerms, instant: datetime) -> list[tuple[Any, int]]:
    """The nights that an instant lies in, as the clock on the wall has it."""
    found: list[tuple[Any, int]] = []
    for rule in terms.nights:
        local = instant.astimezone(ZoneInfo(terms.time_zone))
        shows, today = local.hour * 60 + local.minute, local.date()
        over_midnight = rule.to_minute < rule.from_minute
        if over_midnight and shows < rule.to_minute:
            found.append(((rule, today - timedelta(days=1)), rule.cap_minor))
        elif shows >= rule.from_minute and (over_midnight or shows < rule.to_minute):
            found.append(((rule, today), rule.cap_minor))
    return found


minutes = st.integers(min_value=0, max_value=2 * DAY_MINUTES)
amounts = st.integers(min_value=0, max_value=100_000)
caps = st.integers(min_value=0, max_value=20_000)
intervals = st.one_of(st.just(0), st.just(1), st.integers(min_value=1, max_value=DAY_MINUTES + 60))


@st.composite
def segments(draw: st.DrawFn) -> tuple[int, int, int, int]:
    start = draw(st.one_of(st.just(0), minutes))
    end = draw(st.one_of(st.just(0), st.integers(min_value=start + 1, max_value=start + 2 * DAY_MINUTES)))
    return start, end, draw(amounts), draw(intervals)


time_segments = st.lists(segments().map(lambda s: PriceSegment(*s)), max_size=3).map(tuple)
distance_segments = st.lists(segments().map(lambda s: DistanceSegment(*s)), max_size=2).map(tuple)
windows = st.integers(min_value=60, max_value=3 * DAY_MINUTES)
nights = st.lists(
    st.builds(NightRule, st.integers(0, DAY_MINUTES - 1), st.integers(0, DAY_MINUTES - 1), caps).filter(
        lambda night: night.from_minute != night.to_minute
    ),
    max_size=2,
    unique=True,
).map(tuple)
terms_of_plans = st.builds(
    PriceTerms,
    currency=st.just("CNY"),
    base_minor=amounts,
    segments=time_segments,
    cap_per_day_minor=st.one_of(st.just(0), caps),
    distance_segments=distance_segments,
    caps=st.lists(st.builds(PriceCap, windows, caps), max_size=2, unique_by=lambda cap: cap.window_minutes).map(tuple),
    total_cap_minor=st.one_of(st.just(0), amounts),
    free_minutes=st.one_of(st.just(0), st.integers(0, 120)),
    nights=nights,
    time_zone=st.sampled_from(ZONES),
    fees=st.just((Fee("OUT_OF_ZONE", 500),)),
    discounts=st.just((Discount("TENTH", 10, 0, None, None), Discount("FIVE", 0, 500, None, None))),
)
starts = st.builds(
    lambda near, shift: near.replace(tzinfo=UTC) + shift,
    st.sampled_from(CHANGES),
    st.timedeltas(timedelta(days=-1), timedelta(days=1)),
)
durations = st.one_of(st.timedeltas(timedelta(), timedelta(hours=3)), st.timedeltas(timedelta(), timedelta(days=2)))
metres = st.integers(min_value=0, max_value=5000)
passes = st.builds(
    RidePass, st.just(PassId("pas_1")), st.integers(min_value=0, max_value=180), st.integers(min_value=0, max_value=100)
)
codes = st.sampled_from(["", "TENTH", "FIVE"])


def ride(start: datetime, took: timedelta, **usage: Any) -> Ride:
    return Ride(start, start + took, Usage(**usage))


@given(terms_of_plans, starts, durations, metres)
def test_a_price_is_what_walking_the_minutes_gives(
    terms: PriceTerms, start: datetime, took: timedelta, far: int
) -> None:
    one = ride(start, took, distance_metres=far)
    assert itemise(terms, one).total.amount_minor == slow_price(terms, one)


@given(terms_of_plans, starts, durations, st.lists(passes, max_size=2))
def test_the_best_pass_is_used_if_it_helps(
    terms: PriceTerms, start: datetime, took: timedelta, held: list[RidePass]
) -> None:
    one = ride(start, took)
    with_each = [slow_price(terms, one, p.free_minutes) * (100 - p.percent_off) // 100 for p in held]
    priced = itemise(terms, one, held)
    assert priced.total.amount_minor == min([slow_price(terms, one), *with_each])
    assert (priced.pass_used is not None) is (priced.total.amount_minor < slow_price(terms, one))


@given(terms_of_plans, starts, durations, durations, metres, metres, st.lists(passes, max_size=2), codes)
def test_longer_or_farther_never_costs_less(
    terms: PriceTerms, start: datetime, took: timedelta, more: timedelta, far: int, farther: int,
    held: list[RidePass], code: str,
) -> None:  # fmt: skip
    shorter = itemise(terms, ride(start, took, distance_metres=far, discount_code=code), held)
    longer = itemise(terms, ride(start, took + more, distance_metres=far + farther, discount_code=code), held)
    assert shorter.total.amount_minor <= longer.total.amount_minor
    assert longer.total_cap_reached >= shorter.total_cap_reached or held


@given(terms_of_plans, starts, durations, metres, st.lists(passes, max_size=2), codes, st.booleans())
def test_the_lines_sum_to_the_total(
    terms: PriceTerms, start: datetime, took: timedelta, far: int, held: list[RidePass], code: str, fee: bool
) -> None:
    usage = {"distance_metres": far, "discount_code": code, "fee_codes": ("OUT_OF_ZONE",) if fee else ()}
    priced = itemise(terms, ride(start, took, **usage), held)
    assert sum(line.amount_minor for line in priced.lines) == priced.total.amount_minor >= 0
    taking_off = {LineKind.NIGHT, LineKind.CAP, LineKind.TOTAL_CAP, LineKind.PASS, LineKind.DISCOUNT}
    assert all(line.amount_minor <= 0 if line.kind in taking_off else line.amount_minor >= 0 for line in priced.lines)
    pinned = [priced.pass_used] if priced.pass_used else []
    assert itemise(terms, ride(start, took, **usage), pinned) == priced, "a receipt says the same"


@given(terms_of_plans, starts, durations, metres)
def test_no_cap_is_exceeded(terms: PriceTerms, start: datetime, took: timedelta, far: int) -> None:
    by_time = itemise(terms, ride(start, took)).total.amount_minor
    started = max(0, -(-took // MINUTE) - terms.free_minutes)
    for cap in terms.window_caps:
        assert by_time <= max(1, -(-started // cap.window_minutes)) * cap.cap_minor
    everything = itemise(terms, ride(start, took, distance_metres=far)).total.amount_minor
    assert not terms.total_cap_minor or everything <= terms.total_cap_minor


@given(terms_of_plans, starts, durations)
def test_a_ride_within_one_free_night_costs_the_base(terms: PriceTerms, start: datetime, took: timedelta) -> None:
    local = start.astimezone(ZoneInfo(terms.time_zone))
    begins = local.hour * 60 + local.minute
    free_night = NightRule(begins, (begins - 1) % DAY_MINUTES, 0)
    plan = PriceTerms("CNY", 700, terms.segments, 0, nights=(free_night,), time_zone=terms.time_zone)
    within = min(took, timedelta(hours=22))
    assert itemise(plan, ride(start, within)).total.amount_minor == 700


@st.composite
def even_plans(draw: st.DrawFn) -> PriceTerms:
    lengths = draw(st.sampled_from([(60, 120), (60, 1440), (720, 1440), (1440,), (360, 720, 4320), ()]))
    shortest = lengths[0] if lengths else 60
    divisors = st.sampled_from([n for n in range(1, shortest + 1) if shortest % n == 0])
    by_distance = draw(st.lists(st.tuples(amounts, st.integers(0, 3000), st.integers(0, 1500)), max_size=2))
    return PriceTerms(
        "CNY",
        draw(st.integers(0, 3000)),
        tuple(PriceSegment(0, 0, draw(st.integers(0, 900)), draw(divisors)) for _ in range(draw(st.integers(0, 2)))),
        0,
        distance_segments=tuple(DistanceSegment(0, end, rate, each) for rate, end, each in by_distance),
        caps=tuple(PriceCap(length, draw(caps)) for length in lengths),
        total_cap_minor=draw(st.one_of(st.just(0), caps)),
    )


@given(even_plans(), starts, durations, durations, metres, metres)
def test_under_an_even_plan_splitting_a_ride_is_never_cheaper(
    terms: PriceTerms, start: datetime, first: timedelta, second: timedelta, near: int, far: int
) -> None:
    whole = itemise(terms, ride(start, first + second, distance_metres=near + far)).total.amount_minor
    one = itemise(terms, ride(start, first, distance_metres=near)).total.amount_minor
    other = itemise(terms, ride(start + first, second, distance_metres=far)).total.amount_minor
    assert whole <= one + other


@given(terms_of_plans, starts, durations, st.integers(min_value=-(10**6), max_value=10**6))
def test_without_nights_the_wall_clock_does_not_matter(
    terms: PriceTerms, start: datetime, took: timedelta, shift: int
) -> None:
    plan = PriceTerms("CNY", terms.base_minor, terms.segments, terms.cap_per_day_minor, caps=terms.caps)
    elsewhen = start + timedelta(minutes=shift, microseconds=shift)
    assert itemise(plan, ride(start, took)) == itemise(plan, ride(elsewhen, took))


@pytest.mark.parametrize("days", [1, 400, 5000])
def test_a_charge_always_fits_into_money(days: int) -> None:
    fees = tuple(Fee(f"FEE_{number}", 100_000_000) for number in range(16))
    dear = PriceTerms("CNY", 100_000_000, (PriceSegment(0, 0, 100_000_000, 1),), 0, fees=fees)
    everything = Usage(fee_codes=tuple(fee.code for fee in fees))
    start = datetime(2026, 11, 23, 8, tzinfo=UTC)
    priced = itemise(dear, Ride(start, start + timedelta(days=days), everything))
    assert priced.total.amount_minor <= LARGEST_CHARGE_MINOR
    assert sum(line.amount_minor for line in priced.lines) == priced.total.amount_minor
