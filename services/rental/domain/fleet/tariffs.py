"""A price plan as GBFS 3.0 tells it: what its fields can say in fields, and the whole in figures that need no language.

GBFS has no fields for caps, nights and fees. Discounts stand nowhere: who has a code knows what it gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.rental.domain.pricing import DistanceSegment, NightRule, PricePlan, PriceSegment, PriceTerms

Document = dict[str, Any]

_METRES = 1_000


def plan_entry(language: str, plan: PricePlan) -> Document:
    """One entry of system_pricing_plans.

    The base price is due once free minutes are over, so it is a segment then, charged once.
    """
    terms = plan.terms
    told: Document = {
        "plan_id": plan.price_plan_id,
        "name": text_in(language, plan.name or plan.price_plan_id),
        "currency": terms.currency,
        "price": 0 if terms.free_minutes else _major(terms.base_minor, terms.currency),
        "is_taxable": False,
        "description": text_in(language, "; ".join(_in_words(terms)) or f"0 {terms.currency}"),
        "per_min_pricing": [_by_minute(segment, terms) for segment in _segments(terms)],
    }
    by_distance = terms.distance_segments
    if by_distance and all(_is_whole(segment) for segment in by_distance):
        told["per_km_pricing"] = [_by_km(segment, terms.currency) for segment in by_distance]
    return told


def text_in(language: str, text: str) -> list[dict[str, str]]:
    """A text as GBFS has it."""
    return [{"text": text, "language": language}]


def _segments(terms: PriceTerms) -> list[PriceSegment]:
    base = PriceSegment(start_minute=0, end_minute=0, rate_minor=terms.base_minor, interval_minutes=0)
    return [*([base] if terms.free_minutes and terms.base_minor else []), *terms.segments]


def _by_minute(segment: PriceSegment, terms: PriceTerms) -> Document:
    told: Document = {
        "start": terms.free_minutes + segment.start_minute,
        "rate": _major(segment.rate_minor, terms.currency),
        "interval": segment.interval_minutes,
    }
    return told | ({"end": terms.free_minutes + segment.end_minute} if segment.end_minute else {})


def _is_whole(segment: DistanceSegment) -> bool:
    """Whether GBFS, which counts whole kilometres, can say it."""
    return not any(m % _METRES for m in (segment.start_metre, segment.end_metre, segment.interval_metres))


def _by_km(segment: DistanceSegment, currency: str) -> Document:
    told: Document = {
        "start": segment.start_metre // _METRES,
        "rate": _major(segment.rate_minor, currency),
        "interval": segment.interval_metres // _METRES,
    }
    return told | ({"end": segment.end_metre // _METRES} if segment.end_metre else {})


def _in_words(terms: PriceTerms) -> Iterator[str]:
    """Figures and signs."""
    if terms.free_minutes:
        yield f"0 {terms.currency} (≤ {terms.free_minutes} min)"
    if terms.base_minor:
        yield _amount(terms.base_minor, terms)
    for by_time in terms.segments:
        every = f" / {by_time.interval_minutes} min" if by_time.interval_minutes else ""
        since = terms.free_minutes + by_time.start_minute
        yield _amount(by_time.rate_minor, terms) + every + (f" (> {since} min)" if since else "")
    for by_distance in terms.distance_segments:
        every = f" / {by_distance.interval_metres} m" if by_distance.interval_metres else ""
        since = by_distance.start_metre
        yield _amount(by_distance.rate_minor, terms) + every + (f" (> {since} m)" if since else "")
    yield from _caps_in_words(terms)
    for fee in terms.fees:
        yield f"{fee.code}: + {_amount(fee.amount_minor, terms)}"


def _caps_in_words(terms: PriceTerms) -> Iterator[str]:
    for cap in terms.window_caps:
        hours, minutes = divmod(cap.window_minutes, 60)
        yield f"≤ {_amount(cap.cap_minor, terms)} / " + (f"{cap.window_minutes} min" if minutes else f"{hours} h")
    for night in terms.nights:
        yield f"{_clock(night)}: ≤ {_amount(night.cap_minor, terms)}"
    if terms.total_cap_minor:
        yield f"≤ {_amount(terms.total_cap_minor, terms)}"


def _clock(night: NightRule) -> str:
    return "–".join(f"{minute // 60:02}:{minute % 60:02}" for minute in (night.from_minute, night.to_minute))


def _amount(amount_minor: int, terms: PriceTerms) -> str:
    return f"{_major(amount_minor, terms.currency)} {terms.currency}"


_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"


def _major(amount_minor: int, currency: str) -> float:
    """An amount as GBFS has it, in whole units with decimals (ISO 4217); nothing is counted with it here."""
    decimals = 0 if currency in _NO_DECIMALS else 3 if currency in _THREE_DECIMALS else 2
    return amount_minor / (1, 10, 100, 1000)[decimals]
