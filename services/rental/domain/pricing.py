"""What a ride costs: GBFS price plans (base, segments by minute, a cap per day) in whole minor units.

A ride of `d` takes up the half-open time [0, d). Minute `m` is started when any of [m:00, m+1:00) lies in the ride, so
a ride of exactly 30:00 has started the minutes 0 to 29, and one of 30:00.000001 has started minute 30 as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.rental.domain.ids import PartnerId, PricePlanId
from services.values.errors import Category, Refusal, Violation
from services.values.money import Money

DAY_MINUTES = 24 * 60
LARGEST_CHARGE_MINOR = 1_000_000_000_000
"""The most that `freehold.money.v1.Money` carries; a charge never exceeds it, or it could not be settled."""

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class PriceSegment:
    """Charges `rate_minor` at `start_minute` and again every `interval_minutes` before `end_minute`.

    `end_minute` is exclusive, 0 means without end. `interval_minutes` 0 charges the rate once. After `per_min_pricing`
    of GBFS.
    """

    start_minute: int
    end_minute: int
    rate_minor: int
    interval_minutes: int

    def charge_minor(self, from_minute: int, to_minute: int) -> int:
        """What the started minutes of [from_minute, to_minute) cost by this segment, in minor units."""
        return self.rate_minor * max(0, self._intervals_before(to_minute) - self._intervals_before(from_minute))

    def _intervals_before(self, minute: int) -> int:
        last = min(minute, self.end_minute) if self.end_minute else minute
        if last <= self.start_minute:
            return 0
        return -((self.start_minute - last) // self.interval_minutes) if self.interval_minutes else 1


@dataclass(frozen=True, slots=True)
class PriceTerms:
    """What is charged: amounts in minor units of `currency` (ISO 4217).

    `cap_per_day_minor` is the most that each started 24 hours of the ride can cost, the base included; 0 means no cap.
    """

    currency: str
    base_minor: int
    segments: tuple[PriceSegment, ...]
    cap_per_day_minor: int


@dataclass(frozen=True, slots=True)
class PricePlan:
    """A partner's price plan. Plans are never changed: whoever rents pays what they saw."""

    price_plan_id: PricePlanId
    partner_id: PartnerId
    terms: PriceTerms
    created_at: datetime


def price(terms: PriceTerms, started_at: datetime, ended_at: datetime) -> Money:
    """The charge for a ride; a ride that ends before it starts counts as no time and costs the base."""
    minutes = max(0, -((started_at - ended_at) // _MINUTE))
    days = max(1, -(-minutes // DAY_MINUTES))
    total = sum(_day_minor(terms, day, minutes) for day in range(days))
    return Money(terms.currency, min(total, LARGEST_CHARGE_MINOR))


def check_terms(segments: Sequence[PriceSegment]) -> None:
    """Refuses segments that end before they start: INVALID_FIELD, naming each."""
    broken = tuple(
        Violation(f"segments[{index}].end_minute", "must be 0 or after start_minute")
        for index, segment in enumerate(segments)
        if segment.end_minute and segment.end_minute <= segment.start_minute
    )
    if broken:
        raise Refusal(Category.INVALID_ARGUMENT, "INVALID_FIELD", "segments that end before they start", broken)


def _day_minor(terms: PriceTerms, day: int, minutes: int) -> int:
    first, last = day * DAY_MINUTES, min((day + 1) * DAY_MINUTES, minutes)
    cost = sum(segment.charge_minor(first, last) for segment in terms.segments)
    cost += terms.base_minor if day == 0 else 0
    return min(cost, terms.cap_per_day_minor) if terms.cap_per_day_minor else cost
