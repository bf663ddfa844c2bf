"""Base and time: what the segments charge, minute after minute, as far as windows and nights leave room.

Between two edges of windows and nights the room of each cap can only shrink by what is accepted, so a whole run of
minutes is accepted like one. A ride costs work by the edges it crosses, not by its minutes.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Protocol

from services.rental.domain.pricing.nights import Nights
from services.rental.domain.pricing.terms import PriceCap, PriceTerms


@dataclass(frozen=True, slots=True)
class Metered:
    """What base and time cost, in parts.

    `intervals` has one count per segment; `nights_off` and `caps_off` are what each overnight rule and each cap (in the
    order of `window_caps`) took off.
    """

    free_minutes: int
    paid_minutes: int
    base_minor: int
    intervals: tuple[int, ...]
    nights_off: tuple[int, ...]
    caps_off: tuple[int, ...]
    total_minor: int


def meter(terms: PriceTerms, started_at: datetime, minutes: int, more_free_minutes: int) -> Metered:
    """Base and time of a ride of so many started minutes; a pass may add free minutes to the plan's."""
    free_minutes = terms.free_minutes + more_free_minutes
    free = min(free_minutes, minutes)
    paid = minutes - free
    base = terms.base_minor if paid or not free_minutes else 0
    windows = [_Windows(cap) for cap in terms.window_caps]
    clock_start = started_at + timedelta(minutes=free)
    nights = [Nights(rule, terms.time_zone, clock_start, paid) for rule in terms.nights]
    room = _Room([*nights, *windows])
    total = room.accept(base, 0, range(len(nights), len(room.limits)))
    for first, last in pairwise(_edges(paid, windows, nights)):
        due = sum(segment.rate_minor * segment.intervals(first, last) for segment in terms.segments)
        total += room.accept(due, first, range(len(room.limits)))
    counts = tuple(segment.intervals(0, paid) for segment in terms.segments)
    nights_off, caps_off = room.taken_off[: len(nights)], room.taken_off[len(nights) :]
    return Metered(free, paid, base, counts, tuple(nights_off), tuple(caps_off), total)


class _Limit(Protocol):
    @property
    def cap_minor(self) -> int: ...

    def at(self, minute: int) -> Hashable | None: ...


class _Windows:
    """The windows of a cap: a limit that always holds."""

    def __init__(self, cap: PriceCap) -> None:
        self.cap_minor = cap.cap_minor
        self.minutes = cap.window_minutes

    def at(self, minute: int) -> int:
        return minute // self.minutes


class _Room:
    """What is left under each limit, and what each has taken off so far."""

    def __init__(self, limits: Sequence[_Limit]) -> None:
        self.limits = limits
        self.taken_off = [0] * len(limits)
        self._left: dict[tuple[int, Hashable], int] = {}

    def accept(self, due_minor: int, minute: int, by: Iterable[int]) -> int:
        """As much of what is due at that minute as the limits leave; they are asked in their order."""
        accepted, held = due_minor, []
        for place in by:
            window = self.limits[place].at(minute)
            if window is None:
                continue
            held.append((place, window))
            left = self._left.setdefault((place, window), self.limits[place].cap_minor)
            if left < accepted:
                self.taken_off[place] += accepted - left
                accepted = left
        for key in held:
            self._left[key] -= accepted
        return accepted


def _edges(paid: int, windows: Sequence[_Windows], nights: Sequence[Nights]) -> list[int]:
    edges = {0, paid}
    for window in windows:
        edges.update(range(window.minutes, paid, window.minutes))
    for rule in nights:
        for span in rule.spans:
            edges.update((span.first, span.last))
    return sorted(edges)
