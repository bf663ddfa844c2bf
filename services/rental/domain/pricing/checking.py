"""What makes a price plan, a pass or the usage of a ride wrong, beyond what the contract's own rules say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.rental.domain.pricing.itemising import Usage
from services.rental.domain.pricing.passes import Pass
from services.rental.domain.pricing.terms import Discount, PriceTerms
from services.rental.domain.refusals import discount_not_in_plan, discount_not_valid, fee_not_in_plan
from services.values.errors import Category, Refusal, Violation, invalid

T = TypeVar("T")


def check_terms(terms: PriceTerms) -> None:
    """Refuses terms that contradict themselves: INVALID_FIELD, naming each field by its place in CreatePricePlan."""
    broken = (*_segments(terms), *_limits(terms), *_codes(terms))
    if broken:
        raise Refusal(Category.INVALID_ARGUMENT, "INVALID_FIELD", "price terms that contradict themselves", broken)


def check_usage(terms: PriceTerms, usage: Usage, started_at: datetime | None) -> Refusal | None:
    """Whether the plan knows what a ride is to be charged for.

    FEE_NOT_IN_PLAN, DISCOUNT_NOT_IN_PLAN; DISCOUNT_NOT_VALID when the ride started at another time.
    """
    if not set(usage.fee_codes) <= {fee.code for fee in terms.fees}:
        return fee_not_in_plan()
    if not usage.discount_code:
        return None
    discount = next((d for d in terms.discounts if d.code == usage.discount_code), None)
    if discount is None:
        return discount_not_in_plan()
    return None if started_at is None or discount.holds_at(started_at) else discount_not_valid()


def check_pass(new: Pass) -> None:
    """Refuses a pass that gives nothing or is never valid: INVALID_FIELD."""
    if not new.gives.free_minutes and not new.gives.percent_off:
        raise invalid("percent_off", "a pass gives free minutes, a percentage, or both")
    if new.valid_until <= new.valid_from:
        raise invalid("valid_until", "must be after valid_from")


def _segments(terms: PriceTerms) -> Iterator[Violation]:
    for at, segment in enumerate(terms.segments):
        if segment.end_minute and segment.end_minute <= segment.start_minute:
            yield Violation(f"segments[{at}].end_minute", "must be 0 or after start_minute")
    for at, by_metre in enumerate(terms.distance_segments):
        if by_metre.end_metre and by_metre.end_metre <= by_metre.start_metre:
            yield Violation(f"distance_segments[{at}].end_metre", "must be 0 or after start_metre")


def _limits(terms: PriceTerms) -> Iterator[Violation]:
    for at in _repeated(terms.caps, lambda cap: cap.window_minutes):
        yield Violation(f"caps[{at}].window_minutes", "must differ from the windows before it")
    for at, night in enumerate(terms.nights):
        if not night.length_minutes:
            yield Violation(f"nights[{at}].to_minute", "must differ from from_minute")
    if terms.nights and not terms.time_zone:
        yield Violation("time_zone", "nights need one")
    if terms.time_zone and not _is_zone(terms.time_zone):
        yield Violation("time_zone", "must be an IANA time zone")


def _codes(terms: PriceTerms) -> Iterator[Violation]:
    for at in _repeated(terms.fees, lambda fee: fee.code):
        yield Violation(f"fees[{at}].code", "must differ from the codes before it")
    for at in _repeated(terms.discounts, lambda discount: discount.code):
        yield Violation(f"discounts[{at}].code", "must differ from the codes before it")
    for at, discount in enumerate(terms.discounts):
        if bool(discount.percent) is bool(discount.amount_minor):
            yield Violation(f"discounts[{at}].percent", "either percent or amount_minor is above 0")
        if _never_valid(discount):
            yield Violation(f"discounts[{at}].valid_until", "must be after valid_from")


def _never_valid(discount: Discount) -> bool:
    first, last = discount.valid_from, discount.valid_until
    return first is not None and last is not None and last <= first


def _repeated(items: Sequence[T], key: Callable[[T], object]) -> Iterator[int]:
    known: set[object] = set()
    for at, item in enumerate(items):
        if key(item) in known:
            yield at
        known.add(key(item))


def _is_zone(name: str) -> bool:
    try:
        return ZoneInfo(name) is not None
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return False
