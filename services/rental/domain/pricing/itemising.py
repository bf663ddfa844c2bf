"""The itemised price of a ride: lines that say what is charged and what is taken off, and sum to the total exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from services.rental.domain.pricing.metering import Metered, meter
from services.rental.domain.pricing.passes import RidePass
from services.rental.domain.pricing.terms import LARGEST_CHARGE_MINOR, Discount, PriceTerms
from services.values.money import Money

_MINUTE = timedelta(minutes=1)


class LineKind(StrEnum):
    """What a line is for (`freehold.rental.v1.PriceLineKind`)."""

    BASE = "BASE"
    FREE_MINUTES = "FREE_MINUTES"
    TIME = "TIME"
    NIGHT = "NIGHT"
    CAP = "CAP"
    DISTANCE = "DISTANCE"
    TOTAL_CAP = "TOTAL_CAP"
    PASS = "PASS"  # noqa: S105 (a season ticket)
    DISCOUNT = "DISCOUNT"
    FEE = "FEE"
    ADJUSTMENT = "ADJUSTMENT"


class LineUnit(StrEnum):
    """What is counted (`freehold.rental.v1.PriceLineUnit`)."""

    RIDE = "RIDE"
    MINUTE = "MINUTE"
    METRE = "METRE"


@dataclass(frozen=True, slots=True)
class Line:
    """`quantity` times `size` units; `amount_minor` is what it adds, or takes off when negative.

    `code` is the fee's, the discount's or the pass's.
    """

    kind: LineKind
    amount_minor: int
    quantity: int = 1
    unit: LineUnit = LineUnit.RIDE
    size: int = 1
    code: str = ""

    @property
    def text_key(self) -> str:
        """Under which an app finds the words for it."""
        return f"price.{self.kind.lower()}"


@dataclass(frozen=True, slots=True)
class Usage:
    """What is known of a ride besides its time: metres (None when nobody measured), fees that fell due, a discount."""

    distance_metres: int | None = None
    fee_codes: tuple[str, ...] = ()
    discount_code: str = ""


NO_USAGE = Usage()
"""Only the time is known."""


@dataclass(frozen=True, slots=True)
class Ride:
    """What is priced. A ride that ends before it starts counts as no time."""

    started_at: datetime
    ended_at: datetime
    usage: Usage = NO_USAGE

    @property
    def minutes(self) -> int:
        """How many minutes it has started."""
        return max(0, -((self.started_at - self.ended_at) // _MINUTE))


@dataclass(frozen=True, slots=True)
class Itemisation:
    """The price of a ride. `total_cap_reached`: longer costs no more, the renter has paid what the thing costs."""

    total: Money
    lines: tuple[Line, ...]
    pass_used: RidePass | None
    total_cap_reached: bool

    def adjusted_to(self, charge: Money) -> Itemisation:
        """The same for what was really charged: should rules or time zones have moved since, a line says by how much.

        What was charged stands.
        """
        more = (charge - self.total).amount_minor
        lines = (*self.lines, Line(LineKind.ADJUSTMENT, more)) if more else self.lines
        return Itemisation(charge, lines, self.pass_used, self.total_cap_reached)


def itemise(terms: PriceTerms, ride: Ride, passes: Sequence[RidePass] = ()) -> Itemisation:
    """The price of a ride under the plan's terms; the package says by which rules. Its usage is checked before."""
    plain = _use(terms, ride, None)
    best = min((plain, *(_use(terms, ride, one) for one in passes)), key=lambda use: use.after_pass)
    lines = list(_use_lines(terms, plain))
    if best.given is not None:
        lines.append(Line(LineKind.PASS, best.after_pass - plain.capped, code=best.given.pass_id))
    total = best.after_pass
    discount = _discount(terms, ride.usage)
    if discount is not None:
        off = _off(discount, total)
        lines.append(Line(LineKind.DISCOUNT, -off, code=discount.code))
        total -= off
    for fee in terms.fees:
        if fee.code in ride.usage.fee_codes:
            lines.append(Line(LineKind.FEE, fee.amount_minor, code=fee.code))
            total += fee.amount_minor
    reached = 0 < terms.total_cap_minor <= best.capped
    return Itemisation(Money(terms.currency, total), tuple(lines), best.given, reached)


@dataclass(frozen=True, slots=True)
class _Use:
    """Base, time and distance, with a pass or without."""

    metered: Metered
    distance: tuple[int, ...]
    uncapped: int
    capped: int
    after_pass: int
    given: RidePass | None


def _use(terms: PriceTerms, ride: Ride, given: RidePass | None) -> _Use:
    metered = meter(terms, ride.started_at, ride.minutes, 0 if given is None else given.free_minutes)
    distance = tuple(segment.intervals(ride.usage.distance_metres or 0) for segment in terms.distance_segments)
    by_distance = sum(s.rate_minor * count for s, count in zip(terms.distance_segments, distance, strict=True))
    uncapped = metered.total_minor + by_distance
    capped = min(uncapped, _most(terms))
    after_pass = capped if given is None else _rest(capped, given.percent_off)
    return _Use(metered, distance, uncapped, capped, after_pass, given)


def _most(terms: PriceTerms) -> int:
    """The most that base, time and distance come to, so that the charge with every fee still fits into Money."""
    largest = LARGEST_CHARGE_MINOR - sum(fee.amount_minor for fee in terms.fees)
    return min(terms.total_cap_minor or largest, largest)


def _rest(amount_minor: int, percent: int) -> int:
    return amount_minor * (100 - percent) // 100


def _discount(terms: PriceTerms, usage: Usage) -> Discount | None:
    return next((d for d in terms.discounts if d.code == usage.discount_code), None) if usage.discount_code else None


def _off(discount: Discount, amount_minor: int) -> int:
    if discount.percent:
        return amount_minor - _rest(amount_minor, discount.percent)
    return min(discount.amount_minor, amount_minor)


def _use_lines(terms: PriceTerms, use: _Use) -> Iterator[Line]:
    metered = use.metered
    if metered.base_minor:
        yield Line(LineKind.BASE, metered.base_minor)
    if metered.free_minutes:
        yield Line(LineKind.FREE_MINUTES, 0, metered.free_minutes, LineUnit.MINUTE)
    for segment, count in zip(terms.segments, metered.intervals, strict=True):
        if count:
            yield _counted(LineKind.TIME, count, segment.rate_minor, LineUnit.MINUTE, segment.interval_minutes)
    for off in metered.nights_off:
        if off:
            yield Line(LineKind.NIGHT, -off)
    for cap, off in zip(terms.window_caps, metered.caps_off, strict=True):
        if off:
            windows = max(1, -(-metered.paid_minutes // cap.window_minutes))
            yield Line(LineKind.CAP, -off, windows, LineUnit.MINUTE, cap.window_minutes)
    for by_metre, count in zip(terms.distance_segments, use.distance, strict=True):
        if count:
            yield _counted(LineKind.DISTANCE, count, by_metre.rate_minor, LineUnit.METRE, by_metre.interval_metres)
    if use.capped < use.uncapped:
        yield Line(LineKind.TOTAL_CAP, use.capped - use.uncapped)


def _counted(kind: LineKind, count: int, rate_minor: int, unit: LineUnit, size: int) -> Line:
    """A rate that is charged once counts rides, any other its intervals."""
    return Line(kind, count * rate_minor, count, unit, size) if size else Line(kind, count * rate_minor)
