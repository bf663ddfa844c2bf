"""What a price plan says: base, segments by time and distance, caps, free minutes, nights, fees and discounts.

Amounts are whole minor units of the plan's currency. Plans are never changed: whoever rents pays what they saw.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.rental.domain.ids import PartnerId, PricePlanId

DAY_MINUTES = 24 * 60
LARGEST_CHARGE_MINOR = 1_000_000_000_000
"""The most that `freehold.money.v1.Money` carries; a charge never exceeds it, or it could not be settled."""


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

    def intervals(self, from_minute: int, to_minute: int) -> int:
        """How many times the rate is due in the minutes of [from_minute, to_minute)."""
        shape = (self.start_minute, self.end_minute, self.interval_minutes)
        return max(0, _due_before(to_minute, *shape) - _due_before(from_minute, *shape))


@dataclass(frozen=True, slots=True)
class DistanceSegment:
    """The same by distance, in metres; after `per_km_pricing` of GBFS."""

    start_metre: int
    end_metre: int
    rate_minor: int
    interval_metres: int

    def intervals(self, metres: int) -> int:
        """How many times the rate is due for a ride of so many metres."""
        return _due_before(metres, self.start_metre, self.end_metre, self.interval_metres)


@dataclass(frozen=True, slots=True)
class PriceCap:
    """Base and time cost at most `cap_minor` in each started window of so many minutes, counted from the start."""

    window_minutes: int
    cap_minor: int


@dataclass(frozen=True, slots=True)
class NightRule:
    """Time costs at most `cap_minor` (0: nothing) in each night, from one local time to another, by the plan's zone.

    Both are minutes after local midnight; the night belongs to the date it begins on. A minute of the ride is in the
    night when the local clock, at the minute's beginning, shows `from_minute` or later and not yet `to_minute`: so a
    night over a change of daylight saving is an hour longer or shorter, as the clock on the wall has it.
    """

    from_minute: int
    to_minute: int
    cap_minor: int

    @property
    def length_minutes(self) -> int:
        """How long it is by the clock on the wall."""
        return (self.to_minute - self.from_minute) % DAY_MINUTES


@dataclass(frozen=True, slots=True)
class Fee:
    """What the partner charges for something that happened at the return, by code; for example OUT_OF_ZONE."""

    code: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Discount:
    """Takes `percent` or `amount_minor` off, for rides that start in [valid_from, valid_until); None means open."""

    code: str
    percent: int
    amount_minor: int
    valid_from: datetime | None
    valid_until: datetime | None

    def holds_at(self, started_at: datetime) -> bool:
        """Whether a ride that starts then may have it."""
        begun = self.valid_from is None or self.valid_from <= started_at
        return begun and (self.valid_until is None or started_at < self.valid_until)


@dataclass(frozen=True, slots=True)
class PriceTerms:
    """What is charged, in minor units of `currency` (ISO 4217).

    `cap_per_day_minor` is a cap with a window of 24 hours. `total_cap_minor` is the most that base, time and distance
    cost however long it takes: whoever reaches it has paid what the thing costs. 0 means no cap. `time_zone` is an
    IANA name; nights need one.
    """

    currency: str
    base_minor: int
    segments: tuple[PriceSegment, ...]
    cap_per_day_minor: int
    distance_segments: tuple[DistanceSegment, ...] = ()
    caps: tuple[PriceCap, ...] = ()
    total_cap_minor: int = 0
    free_minutes: int = 0
    nights: tuple[NightRule, ...] = ()
    time_zone: str = ""
    fees: tuple[Fee, ...] = ()
    discounts: tuple[Discount, ...] = ()

    @property
    def window_caps(self) -> tuple[PriceCap, ...]:
        """Every cap that has a window, the shortest first."""
        per_day = (PriceCap(DAY_MINUTES, self.cap_per_day_minor),) if self.cap_per_day_minor else ()
        return tuple(sorted((*per_day, *self.caps), key=lambda cap: cap.window_minutes))


@dataclass(frozen=True, slots=True)
class PricePlan:
    """A partner's price plan.

    A plan with a `name` is one version of it, counted from 1; the newest is for new rentals. Without a name it stands
    alone, as version 1.
    """

    price_plan_id: PricePlanId
    partner_id: PartnerId
    terms: PriceTerms
    created_at: datetime
    name: str = ""
    version: int = 1


def _due_before(position: int, start: int, end: int, interval: int) -> int:
    last = min(position, end) if end else position
    if last <= start:
        return 0
    return -((start - last) // interval) if interval else 1
