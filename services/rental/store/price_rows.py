"""Price plans, passes and what a charge follows from, as columns and JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from asyncpg import Record

from services.rental.domain import (
    AssetKind,
    Discount,
    DistanceSegment,
    Fee,
    NightRule,
    Pass,
    PriceCap,
    PricePlan,
    PriceSegment,
    PriceTerms,
    Rental,
    RidePass,
    Usage,
)


def plan_of(row: Record) -> PricePlan:
    """A row of `price_plans`."""
    return PricePlan(
        row["price_plan_id"], row["partner_id"], terms_of(row), row["created_at"], row["name"], row["version"]
    )


def terms_of(row: Record) -> PriceTerms:
    """The price terms in a row."""
    return PriceTerms(
        currency=row["currency"],
        base_minor=row["base_minor"],
        segments=tuple(PriceSegment(*segment) for segment in row["segments"]),
        cap_per_day_minor=row["cap_per_day_minor"],
        **(_rules_of(row["rules"]) if row["rules"] else {}),
    )


def segments_json(terms: PriceTerms) -> list[list[int]]:
    """Segments as stored: [start_minute, end_minute, rate_minor, interval_minutes] each."""
    return [[s.start_minute, s.end_minute, s.rate_minor, s.interval_minutes] for s in terms.segments]


def rules_json(terms: PriceTerms) -> dict[str, Any] | None:
    """What a plan says beyond its columns, each rule as a list in the order of its fields; None when it is nothing."""
    rules = {
        "distance": [[s.start_metre, s.end_metre, s.rate_minor, s.interval_metres] for s in terms.distance_segments],
        "caps": [[cap.window_minutes, cap.cap_minor] for cap in terms.caps],
        "total_cap_minor": terms.total_cap_minor,
        "free_minutes": terms.free_minutes,
        "nights": [[night.from_minute, night.to_minute, night.cap_minor] for night in terms.nights],
        "time_zone": terms.time_zone,
        "fees": [[fee.code, fee.amount_minor] for fee in terms.fees],
        "discounts": [
            [d.code, d.percent, d.amount_minor, _text(d.valid_from), _text(d.valid_until)] for d in terms.discounts
        ],
    }
    return {name: rule for name, rule in rules.items() if rule} or None


def price_inputs_json(rental: Rental) -> dict[str, Any] | None:
    """What the charge follows from besides the plan and the times; None when it is nothing."""
    usage, used = rental.usage, rental.pass_used
    inputs = {
        "metres": usage.distance_metres,
        "fees": list(usage.fee_codes) or None,
        "discount": usage.discount_code or None,
        "pass": None if used is None else [used.pass_id, used.free_minutes, used.percent_off],
    }
    return {name: value for name, value in inputs.items() if value is not None} or None


def price_inputs_of(inputs: Mapping[str, Any] | None) -> dict[str, Any]:
    """The fields of a rental that stand in `price_inputs`."""
    if not inputs:
        return {}
    used = inputs.get("pass")
    return {
        "usage": Usage(inputs.get("metres"), tuple(inputs.get("fees", ())), inputs.get("discount", "")),
        "pass_used": RidePass(*used) if used else None,
    }


def ride_passes_of(row: Record) -> tuple[RidePass, ...]:
    """The passes that were gathered into a row."""
    return tuple(RidePass(*given) for given in row["passes"] or ())


def pass_of(row: Record) -> Pass:
    """A row of `passes`."""
    return Pass(
        gives=RidePass(row["pass_id"], row["free_minutes"], row["percent_off"]),
        partner_id=row["partner_id"],
        renter_id=row["renter_id"],
        asset_kind=None if row["asset_kind"] is None else AssetKind(row["asset_kind"]),
        valid_from=row["valid_from"],
        valid_until=row["valid_until"],
        granted_at=row["granted_at"],
    )


def _rules_of(rules: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "distance_segments": tuple(DistanceSegment(*segment) for segment in rules.get("distance", ())),
        "caps": tuple(PriceCap(*cap) for cap in rules.get("caps", ())),
        "total_cap_minor": rules.get("total_cap_minor", 0),
        "free_minutes": rules.get("free_minutes", 0),
        "nights": tuple(NightRule(*night) for night in rules.get("nights", ())),
        "time_zone": rules.get("time_zone", ""),
        "fees": tuple(Fee(*fee) for fee in rules.get("fees", ())),
        "discounts": tuple(
            Discount(code, percent, amount, _time(valid_from), _time(valid_until))
            for code, percent, amount, valid_from, valid_until in rules.get("discounts", ())
        ),
    }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
