"""Price plans as operators publish them, ride by ride; and the nights on which the clock changes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.rental.domain import (
    CreatePricePlan,
    Discount,
    DistanceSegment,
    Fee,
    Line,
    LineKind,
    LineUnit,
    NightRule,
    PartnerId,
    PassId,
    PriceCap,
    PriceSegment,
    PriceTerms,
    Ride,
    RidePass,
    Usage,
    check_terms,
    check_usage,
    fingerprint,
    itemise,
)
from services.values.errors import Refusal
from services.values.money import Money

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
A_MINUTE = PriceSegment(0, 0, 1, 1)

HALF_HOURS = PriceTerms("CNY", 0, (PriceSegment(0, 0, 150, 30),), 0)
CAPPED = PriceTerms("CNY", 0, (PriceSegment(0, 0, 250, 30),), 2000)
UNLOCK_AND_MINUTES = PriceTerms("EUR", 100, (PriceSegment(0, 0, 19, 1),), 0)
FIRST_HOUR_FREE = PriceTerms("CNY", 0, (PriceSegment(60, 0, 100, 60),), 0)
DEARER_AFTER_AN_HOUR = PriceTerms("CNY", 0, (PriceSegment(0, 60, 100, 30), PriceSegment(60, 0, 300, 30)), 0)
LATE_FEE_ONCE = PriceTerms("CNY", 50, (PriceSegment(120, 0, 500, 0),), 0)
BASE_UNDER_CAP = PriceTerms("CNY", 1500, (PriceSegment(0, 0, 100, 10),), 2000)
POWER_BANK = PriceTerms("CNY", 0, (PriceSegment(0, 0, 250, 30),), 2000, free_minutes=5, total_cap_minor=9900)
UMBRELLA = PriceTerms("CNY", 0, (PriceSegment(0, 0, 200, 1440),), 0, total_cap_minor=3000)
TWO_WINDOWS = PriceTerms("CNY", 0, (PriceSegment(0, 0, 300, 30),), 2000, caps=(PriceCap(3 * 1440, 5000),))
BASE_AFTER_FREE = PriceTerms("CNY", 200, (PriceSegment(0, 0, 10, 1),), 0, free_minutes=10)


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
        (POWER_BANK, ride(minutes=5), 0),
        (POWER_BANK, ride(minutes=5, seconds=1), 250),
        (POWER_BANK, ride(minutes=35), 250),
        (POWER_BANK, ride(minutes=36), 500),
        (POWER_BANK, ride(hours=24, minutes=5), 2000),
        (POWER_BANK, ride(hours=24, minutes=6), 2250),
        (POWER_BANK, ride(days=4, hours=23), 9900),
        (POWER_BANK, ride(days=200), 9900),
        (UMBRELLA, ride(hours=24), 200),
        (UMBRELLA, ride(hours=24, seconds=1), 400),
        (UMBRELLA, ride(days=15), 3000),
        (UMBRELLA, ride(days=90), 3000),
        (TWO_WINDOWS, ride(days=2), 4000),
        (TWO_WINDOWS, ride(days=3), 5000),
        (TWO_WINDOWS, ride(days=3, minutes=1), 5300),
        (BASE_AFTER_FREE, ride(minutes=10), 0),
        (BASE_AFTER_FREE, ride(minutes=11), 210),
    ],
)
def test_what_a_ride_costs(plan: PriceTerms, took: timedelta, expected_minor: int) -> None:
    assert itemise(plan, Ride(START, START + took)).total == Money(plan.currency, expected_minor)


E_BIKE = PriceTerms("CNY", 200, (), 0, distance_segments=(DistanceSegment(0, 0, 80, 1000),))
CHEAPER_FARTHER = replace(
    E_BIKE, distance_segments=(DistanceSegment(0, 3000, 100, 1000), DistanceSegment(3000, 0, 5, 100))
)


@pytest.mark.parametrize(
    ("plan", "metres", "expected_minor"),
    [
        (E_BIKE, None, 200),
        (E_BIKE, 0, 200),
        (E_BIKE, 1, 280),
        (E_BIKE, 1000, 280),
        (E_BIKE, 1001, 360),
        (E_BIKE, 12_400, 200 + 13 * 80),
        (CHEAPER_FARTHER, 3000, 200 + 300),
        (CHEAPER_FARTHER, 3001, 200 + 300 + 5),
        (CHEAPER_FARTHER, 4000, 200 + 300 + 50),
        (replace(E_BIKE, total_cap_minor=500), 12_400, 500),
        (replace(E_BIKE, cap_per_day_minor=100), 1001, 100 + 160),
    ],
)
def test_what_distance_costs(plan: PriceTerms, metres: int | None, expected_minor: int) -> None:
    assert itemise(plan, Ride(START, START + ride(minutes=9), Usage(metres))).total.amount_minor == expected_minor


def local(zone: str, *when: int, fold: int = 0) -> datetime:
    return datetime(*when, tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)  # type: ignore[arg-type, misc]


TEN_TO_SEVEN = NightRule(22 * 60, 7 * 60, 0)
BERLIN, KOLKATA, LORD_HOWE = "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"


@pytest.mark.parametrize(
    ("zone", "night", "begins", "ends", "charged_minutes"),
    [
        (BERLIN, TEN_TO_SEVEN, (2026, 6, 1, 21, 0), (2026, 6, 2, 8, 0), 120),
        (BERLIN, TEN_TO_SEVEN, (2026, 6, 1, 22, 0), (2026, 6, 2, 7, 0), 0),
        (BERLIN, TEN_TO_SEVEN, (2026, 6, 1, 22, 0), (2026, 6, 2, 7, 1), 1),
        (BERLIN, TEN_TO_SEVEN, (2026, 6, 2, 3, 0), (2026, 6, 2, 7, 30), 30),
        (BERLIN, TEN_TO_SEVEN, (2026, 6, 1, 21, 59, 30), (2026, 6, 1, 22, 5), 1),
        # the night is 8 hours long, and then 10
        (BERLIN, TEN_TO_SEVEN, (2026, 3, 28, 21, 0), (2026, 3, 29, 8, 0), 120),
        (BERLIN, TEN_TO_SEVEN, (2026, 10, 24, 21, 0), (2026, 10, 25, 8, 0), 120),
        (BERLIN, replace(TEN_TO_SEVEN, cap_minor=50), (2026, 3, 28, 21, 0), (2026, 3, 29, 8, 0), 170),
        (BERLIN, replace(TEN_TO_SEVEN, cap_minor=50), (2026, 10, 24, 21, 0), (2026, 10, 26, 8, 0), 120 + 15 * 60 + 100),
        # 02:30 to 03:30: does not come before 03:00 in spring, comes twice until 03:00 in autumn
        (BERLIN, NightRule(150, 210, 0), (2026, 3, 29, 0, 0), (2026, 3, 29, 6, 0), 5 * 60 - 30),
        (BERLIN, NightRule(150, 210, 0), (2026, 10, 25, 0, 0), (2026, 10, 25, 6, 0), 7 * 60 - 90),
        (BERLIN, NightRule(150, 210, 20), (2026, 10, 25, 0, 0), (2026, 10, 25, 6, 0), 7 * 60 - 90 + 20),
        # 02:10 to 02:50 is skipped in spring
        (BERLIN, NightRule(130, 170, 0), (2026, 3, 29, 0, 0), (2026, 3, 29, 6, 0), 5 * 60),
        (KOLKATA, TEN_TO_SEVEN, (2026, 6, 1, 21, 30), (2026, 6, 2, 7, 30), 60),
        # half an hour back on 5 April, forward on 4 October
        (LORD_HOWE, TEN_TO_SEVEN, (2026, 4, 4, 21, 0), (2026, 4, 5, 8, 0), 120),
        (LORD_HOWE, NightRule(90, 120, 0), (2026, 4, 5, 0, 0), (2026, 4, 5, 4, 0), 4 * 60 + 30 - 60),
        (LORD_HOWE, NightRule(120, 150, 0), (2026, 10, 4, 0, 0), (2026, 10, 4, 4, 0), 3 * 60 + 30),
    ],
)
def test_nights_follow_the_clock_on_the_wall(
    zone: str, night: NightRule, begins: tuple[int, ...], ends: tuple[int, ...], charged_minutes: int
) -> None:
    plan = PriceTerms("EUR", 0, (A_MINUTE,), 0, nights=(night,), time_zone=zone)
    assert itemise(plan, Ride(local(zone, *begins), local(zone, *ends))).total.amount_minor == charged_minutes


def test_a_night_that_begins_in_the_last_minute_of_a_window_leaves_the_window_whole() -> None:
    night = replace(TEN_TO_SEVEN, cap_minor=100)
    plan = PriceTerms("EUR", 0, (A_MINUTE,), 0, caps=(PriceCap(60, 10),), nights=(night,), time_zone="UTC")
    begins = datetime(2026, 6, 1, 21, 1, tzinfo=UTC)
    assert itemise(plan, Ride(begins, begins + ride(minutes=60))).total.amount_minor == 10


def test_a_long_ride_stays_quick_to_price() -> None:
    plan = PriceTerms("EUR", 0, (A_MINUTE,), 1000, nights=(TEN_TO_SEVEN,), time_zone=BERLIN)
    year = Ride(local(BERLIN, 2026, 1, 1, 22, 0), local(BERLIN, 2027, 1, 1, 22, 0))
    assert itemise(plan, year).total.amount_minor == 365 * 15 * 60


def test_every_line_of_a_rich_ride() -> None:
    plan = replace(
        POWER_BANK,
        base_minor=100,
        distance_segments=(DistanceSegment(0, 0, 80, 1000),),
        fees=(Fee("OUT_OF_ZONE", 500), Fee("RE_DISPATCH", 3000)),
        discounts=(Discount("SPRING", 25, 0, None, None),),
    )
    usage = Usage(2500, ("OUT_OF_ZONE",), "SPRING")
    priced = itemise(plan, Ride(START, START + ride(hours=6), usage), [RidePass(PassId("pas_1"), 10, 50)])
    assert priced.lines == (
        Line(LineKind.BASE, 100),
        Line(LineKind.FREE_MINUTES, 0, 5, LineUnit.MINUTE),
        Line(LineKind.TIME, 12 * 250, 12, LineUnit.MINUTE, 30),
        Line(LineKind.CAP, -1100, 1, LineUnit.MINUTE, 1440),
        Line(LineKind.DISTANCE, 240, 3, LineUnit.METRE, 1000),
        Line(LineKind.PASS, -1120, code="pas_1"),
        Line(LineKind.DISCOUNT, -280, code="SPRING"),
        Line(LineKind.FEE, 500, code="OUT_OF_ZONE"),
    )
    assert priced.total == Money("CNY", 1340)
    assert [line.text_key for line in priced.lines[:3]] == ["price.base", "price.free_minutes", "price.time"]
    assert not priced.total_cap_reached


def test_at_the_total_cap_the_renter_has_paid_what_the_thing_costs() -> None:
    def after(**took: float) -> Any:
        return itemise(POWER_BANK, Ride(START, START + ride(**took)))

    assert not after(days=4, hours=3).total_cap_reached
    reached = after(days=5)
    assert (reached.total, reached.total_cap_reached) == (Money("CNY", 9900), True)
    assert reached.lines[-1] == Line(LineKind.TOTAL_CAP, -100)


@pytest.mark.parametrize(
    ("discount", "expected_minor"),
    [
        (Discount("D", 33, 0, None, None), 100),  # 67 % of 150 is 100.5
        (Discount("D", 100, 0, None, None), 0),
        (Discount("D", 0, 40, None, None), 110),
        (Discount("D", 0, 900, None, None), 0),
    ],
)
def test_discounts_round_in_the_renters_favour_and_never_go_below_nothing(
    discount: Discount, expected_minor: int
) -> None:
    plan = replace(HALF_HOURS, discounts=(discount,))
    taken = Ride(START, START + ride(minutes=5), Usage(discount_code="D"))
    assert itemise(plan, taken).total.amount_minor == expected_minor


def test_the_cheapest_pass_is_used_and_none_that_does_not_help() -> None:
    percent, minutes = RidePass(PassId("pas_p"), 0, 10), RidePass(PassId("pas_m"), 30, 0)
    an_hour = Ride(START, START + ride(hours=1))
    priced = itemise(HALF_HOURS, an_hour, [percent, minutes])
    assert (priced.total.amount_minor, priced.pass_used) == (150, minutes)
    long = Ride(START, START + ride(hours=24))
    assert itemise(HALF_HOURS, long, [percent, minutes]).pass_used == percent
    capped = Ride(START, START + ride(hours=20))
    assert itemise(CAPPED, capped, [minutes]).pass_used is None


def test_usage_that_the_plan_does_not_know_is_refused() -> None:
    month = Discount("MAY", 10, 0, START, START + ride(days=31))
    plan = replace(HALF_HOURS, fees=(Fee("OUT_OF_ZONE", 500),), discounts=(month,))

    def reason(usage: Usage, started_at: datetime | None = START) -> str:
        refusal = check_usage(plan, usage, started_at)
        return refusal.reason if refusal else ""

    assert reason(Usage(fee_codes=("OUT_OF_ZONE",), discount_code="MAY")) == ""
    assert reason(Usage(fee_codes=("OUT_OF_ZONE", "RE_DISPATCH"))) == "FEE_NOT_IN_PLAN"
    assert reason(Usage(discount_code="JUNE")) == "DISCOUNT_NOT_IN_PLAN"
    assert reason(Usage(discount_code="MAY"), START + ride(days=31)) == "DISCOUNT_NOT_VALID"
    assert reason(Usage(discount_code="MAY"), START - ride(seconds=1)) == "DISCOUNT_NOT_VALID"
    assert reason(Usage(discount_code="MAY"), None) == "", "a rental that never started has another refusal"


def test_a_plan_without_the_newer_rules_is_the_same_command_as_before_them() -> None:
    segment = {"start_minute": 0, "end_minute": 0, "rate_minor": 150, "interval_minutes": 30}
    terms = {"currency": "CNY", "base_minor": 0, "segments": [segment], "cap_per_day_minor": 0}
    command = CreatePricePlan(PartnerId("ptn_1"), "plan-1", "ptn_1", HALF_HOURS)
    assert fingerprint(command) == sha256(json.dumps({"terms": terms}, sort_keys=True).encode()).digest()
    assert fingerprint(replace(command, terms=POWER_BANK)) != fingerprint(replace(command, terms=CAPPED))


@pytest.mark.parametrize(
    ("fields", "blamed"),
    [
        ({"segments": (PriceSegment(0, 60, 1, 1), PriceSegment(60, 60, 1, 1))}, ["segments[1].end_minute"]),
        ({"segments": (PriceSegment(500, 0, 1, 1), PriceSegment(0, 1, 1, 0))}, []),
        ({"distance_segments": (DistanceSegment(9, 3, 1, 1),)}, ["distance_segments[0].end_metre"]),
        ({"caps": (PriceCap(60, 1), PriceCap(90, 1), PriceCap(60, 2))}, ["caps[2].window_minutes"]),
        ({"nights": (TEN_TO_SEVEN,)}, ["time_zone"]),
        ({"nights": (NightRule(60, 60, 1),), "time_zone": BERLIN}, ["nights[0].to_minute"]),
        ({"time_zone": "Europe/Atlantis"}, ["time_zone"]),
        ({"time_zone": "Europe"}, ["time_zone"]),
        ({"time_zone": "../../etc/passwd"}, ["time_zone"]),
        ({"fees": (Fee("A", 1), Fee("A", 2))}, ["fees[1].code"]),
        ({"discounts": (Discount("A", 0, 0, None, None),)}, ["discounts[0].percent"]),
        ({"discounts": (Discount("A", 5, 5, None, None),)}, ["discounts[0].percent"]),
        ({"discounts": (Discount("A", 5, 0, START, START),)}, ["discounts[0].valid_until"]),
        ({"discounts": (Discount("A", 5, 0, None, None), Discount("A", 6, 0, None, None))}, ["discounts[1].code"]),
    ],
)
def test_terms_that_contradict_themselves_are_named(fields: dict[str, Any], blamed: list[str]) -> None:
    plan = replace(HALF_HOURS, **fields)
    if not blamed:
        check_terms(plan)
        return
    with pytest.raises(Refusal) as refused:
        check_terms(plan)
    assert refused.value.reason == "INVALID_FIELD"
    assert [v.field for v in refused.value.violations] == blamed
