"""Price plans and prices: proto to domain and back, rule by rule."""

from __future__ import annotations

from collections.abc import Iterable

from freehold.rental.v1 import price_plan_pb2 as plan_pb
from freehold.rental.v1 import rental_service_pb2 as pb
from services.rental.domain import (
    Discount,
    DistanceSegment,
    Fee,
    Line,
    NightRule,
    PriceCap,
    PricePlan,
    PriceSegment,
    PriceTerms,
    Usage,
)
from services.rental.operations import Priced
from services.rental.wire import LINE_KINDS, LINE_UNITS, moment, money, timestamp


def decode_terms(request: pb.CreatePricePlanRequest) -> PriceTerms:
    """The terms that a partner asks for."""
    return PriceTerms(
        currency=request.currency_code,
        base_minor=request.base_minor,
        segments=tuple(
            PriceSegment(s.start_minute, s.end_minute, s.rate_minor, s.interval_minutes) for s in request.segments
        ),
        cap_per_day_minor=request.cap_per_day_minor,
        distance_segments=tuple(
            DistanceSegment(s.start_metre, s.end_metre, s.rate_minor, s.interval_metres)
            for s in request.distance_segments
        ),
        caps=tuple(PriceCap(cap.window_minutes, cap.cap_minor) for cap in request.caps),
        total_cap_minor=request.total_cap_minor,
        free_minutes=request.free_minutes,
        nights=tuple(NightRule(night.from_minute, night.to_minute, night.cap_minor) for night in request.nights),
        time_zone=request.time_zone,
        fees=tuple(Fee(fee.code, fee.amount_minor) for fee in request.fees),
        discounts=tuple(_decode_discount(discount) for discount in request.discounts),
    )


def decode_usage(metres: int | None, fee_codes: Iterable[str], discount_code: str) -> Usage:
    """What is known of a ride besides its time; in which order fees are named does not matter."""
    return Usage(metres, tuple(sorted(fee_codes)), discount_code)


def encode_plan(plan: PricePlan) -> pb.PricePlan:
    """A price plan."""
    terms = plan.terms
    return pb.PricePlan(
        price_plan_id=plan.price_plan_id,
        currency_code=terms.currency,
        base_minor=terms.base_minor,
        segments=[_encode_segment(segment) for segment in terms.segments],
        cap_per_day_minor=terms.cap_per_day_minor,
        created_at=timestamp(plan.created_at),
        name=plan.name,
        version=plan.version,
        distance_segments=[_encode_by_distance(segment) for segment in terms.distance_segments],
        caps=[plan_pb.PriceCap(window_minutes=cap.window_minutes, cap_minor=cap.cap_minor) for cap in terms.caps],
        total_cap_minor=terms.total_cap_minor,
        free_minutes=terms.free_minutes,
        nights=[_encode_night(night) for night in terms.nights],
        time_zone=terms.time_zone,
        fees=[plan_pb.PriceFee(code=fee.code, amount_minor=fee.amount_minor) for fee in terms.fees],
        discounts=[_encode_discount(discount) for discount in terms.discounts],
    )


def encode_price(priced: Priced) -> plan_pb.Price:
    """A price with its lines."""
    itemisation = priced.itemisation
    return plan_pb.Price(
        total=money(itemisation.total),
        lines=[_encode_line(line) for line in itemisation.lines],
        price_plan_id=priced.price_plan_id,
        priced_until=timestamp(priced.until),
        total_cap_reached=itemisation.total_cap_reached,
    )


def _encode_line(line: Line) -> plan_pb.PriceLine:
    return plan_pb.PriceLine(
        kind=LINE_KINDS.encode(line.kind),
        code=line.code,
        text_key=line.text_key,
        quantity=line.quantity,
        unit=LINE_UNITS.encode(line.unit),
        size=line.size,
        amount_minor=line.amount_minor,
    )


def _encode_segment(segment: PriceSegment) -> pb.PriceSegment:
    return pb.PriceSegment(
        start_minute=segment.start_minute,
        end_minute=segment.end_minute,
        rate_minor=segment.rate_minor,
        interval_minutes=segment.interval_minutes,
    )


def _encode_by_distance(segment: DistanceSegment) -> plan_pb.DistanceSegment:
    return plan_pb.DistanceSegment(
        start_metre=segment.start_metre,
        end_metre=segment.end_metre,
        rate_minor=segment.rate_minor,
        interval_metres=segment.interval_metres,
    )


def _encode_night(night: NightRule) -> plan_pb.NightRule:
    return plan_pb.NightRule(from_minute=night.from_minute, to_minute=night.to_minute, cap_minor=night.cap_minor)


def _decode_discount(discount: plan_pb.PriceDiscount) -> Discount:
    return Discount(
        code=discount.code,
        percent=discount.percent,
        amount_minor=discount.amount_minor,
        valid_from=moment(discount.valid_from) if discount.HasField("valid_from") else None,
        valid_until=moment(discount.valid_until) if discount.HasField("valid_until") else None,
    )


def _encode_discount(discount: Discount) -> plan_pb.PriceDiscount:
    return plan_pb.PriceDiscount(
        code=discount.code,
        percent=discount.percent,
        amount_minor=discount.amount_minor,
        valid_from=timestamp(discount.valid_from) if discount.valid_from else None,
        valid_until=timestamp(discount.valid_until) if discount.valid_until else None,
    )
