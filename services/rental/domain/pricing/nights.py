"""When it is night: a window of the local clock, as spans of a ride's minutes, right over changes of the clock.

Walking every minute of a ride through its time zone would do, and the property tests do; this finds the same spans by
their edges, one local date at a time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.rental.domain.pricing.terms import NightRule

_DAY, _MINUTE, _SECOND = timedelta(days=1), timedelta(minutes=1), timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Span:
    """The minutes [first, last) of a ride that lie in the night which begins on `night`."""

    first: int
    last: int
    night: date


class Nights:
    """The nights of one rule that a ride meets, counted in minutes from `clock_start` (UTC)."""

    def __init__(self, rule: NightRule, time_zone: str, clock_start: datetime, minutes: int) -> None:
        self.cap_minor = rule.cap_minor
        self.spans = list(_spans(rule, ZoneInfo(time_zone), clock_start, minutes))
        self._firsts = [span.first for span in self.spans]

    def at(self, minute: int) -> date | None:
        """Which night a minute lies in, by the date it begins on."""
        place = bisect_right(self._firsts, minute) - 1
        return self.spans[place].night if place >= 0 and minute < self.spans[place].last else None


def _spans(rule: NightRule, zone: ZoneInfo, start: datetime, minutes: int) -> Iterator[Span]:
    night = start.astimezone(zone).date() - _DAY
    last_night = (start + minutes * _MINUTE).astimezone(zone).date()
    while night <= last_night:
        begins = datetime.combine(night, time(), UTC) + rule.from_minute * _MINUTE
        for instant, until in _instants(begins, begins + rule.length_minutes * _MINUTE, zone):
            first, last = max(0, _minute_at(instant, start)), min(minutes, _minute_at(until, start))
            if first < last:
                yield Span(first, last, night)
        night += _DAY


def _minute_at(instant: datetime, start: datetime) -> int:
    """The first minute that begins at the instant or later."""
    return -((start - instant) // _MINUTE)


def _instants(begins: datetime, ends: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """When the local clock shows [begins, ends), both written as if they were UTC.

    Offsets lie between -24 and 24 hours, and no zone changes its clock twice within four days.
    """
    early, late = begins - _DAY, ends + _DAY
    before, after = _offset(early, zone), _offset(late, zone)
    if before == after:
        yield begins - before, ends - before
        return
    while late - early > _SECOND:
        middle = early + (late - early) // 2
        early, late = (middle, late) if _offset(middle, zone) == before else (early, middle)
    change = late.replace(microsecond=0)
    yield begins - before, min(ends - before, change)
    yield max(begins - after, change), ends - after


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()
