"""What maps are told of a price plan: in the fields of GBFS as far as they go, and all of it in figures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from rental_kit import NOON

from services.rental.domain import (
    DistanceSegment,
    Fee,
    NightRule,
    PartnerId,
    PriceCap,
    PricePlan,
    PricePlanId,
    PriceSegment,
    PriceTerms,
)
from services.rental.domain.fleet.tariffs import plan_entry

PLAIN = PriceTerms("CNY", 100, (PriceSegment(0, 60, 250, 30), PriceSegment(60, 0, 300, 30)), 2000)
RICH = replace(
    PLAIN,
    free_minutes=5,
    distance_segments=(DistanceSegment(2000, 0, 80, 1000),),
    caps=(PriceCap(90, 700),),
    nights=(NightRule(1320, 425, 0),),
    time_zone="Europe/Berlin",
    fees=(Fee("OUT_OF_ZONE", 500),),
    total_cap_minor=9900,
)


def told(terms: PriceTerms, name: str = "") -> dict[str, Any]:
    """The entry of a plan with these terms."""
    return plan_entry("en", PricePlan(PricePlanId("pln_1"), PartnerId("ptn_1"), terms, NOON, name))


def in_words(terms: PriceTerms) -> str:
    """Its description."""
    (text,) = told(terms)["description"]
    assert text["language"] == "en"
    return str(text["text"])


def test_a_plain_plan_is_what_the_fields_say() -> None:
    entry = told(PLAIN)
    assert (entry["price"], entry["currency"], entry["name"][0]["text"]) == (1.0, "CNY", "pln_1")
    assert entry["per_min_pricing"] == [
        {"start": 0, "rate": 2.5, "interval": 30, "end": 60},
        {"start": 60, "rate": 3.0, "interval": 30},
    ]
    assert "per_km_pricing" not in entry
    assert told(PLAIN, "city")["name"][0]["text"] == "city"


def test_free_minutes_move_the_clock_and_the_base_price_falls_due_after_them() -> None:
    entry = told(RICH)
    assert entry["price"] == 0
    assert entry["per_min_pricing"] == [
        {"start": 5, "rate": 1.0, "interval": 0},
        {"start": 5, "rate": 2.5, "interval": 30, "end": 65},
        {"start": 65, "rate": 3.0, "interval": 30},
    ]
    assert told(replace(RICH, base_minor=0))["per_min_pricing"][0]["rate"] == 2.5


@pytest.mark.parametrize(
    ("segment", "by_km"),
    [
        (DistanceSegment(2000, 0, 80, 1000), {"start": 2, "rate": 0.8, "interval": 1}),
        (DistanceSegment(0, 5000, 80, 0), {"start": 0, "rate": 0.8, "interval": 0, "end": 5}),
        (DistanceSegment(500, 0, 80, 1000), None),
        (DistanceSegment(0, 1500, 80, 1000), None),
        (DistanceSegment(0, 0, 80, 100), None),
    ],
)
def test_distance_is_told_in_whole_kilometres_or_in_words_only(
    segment: DistanceSegment, by_km: dict[str, Any] | None
) -> None:
    terms = replace(PLAIN, distance_segments=(segment,))
    assert told(terms).get("per_km_pricing") == (None if by_km is None else [by_km])
    assert "0.8 CNY" in in_words(terms)


def test_what_has_no_field_is_told_in_figures() -> None:
    assert in_words(RICH) == (
        "0 CNY (≤ 5 min); 1.0 CNY; 2.5 CNY / 30 min (> 5 min); 3.0 CNY / 30 min (> 65 min); "
        "0.8 CNY / 1000 m (> 2000 m); ≤ 7.0 CNY / 90 min; ≤ 20.0 CNY / 24 h; 22:00–07:05: ≤ 0.0 CNY; ≤ 99.0 CNY; "
        "OUT_OF_ZONE: + 5.0 CNY"
    )
    assert in_words(PriceTerms("JPY", 0, (), 0)) == "0 JPY"
    assert in_words(PriceTerms("JPY", 70, (), 0)) == "70.0 JPY"
