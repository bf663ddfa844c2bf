"""How often a caller may call: counted in this process, in windows that begin with the first call.

Each API key has a count, so that one that runs wild does not use up the others; and all keys of a partner have one
together, because a partner can make more of them. All tokens of a person share one. Some RPCs also have a limit per
person or thing that the request names. A limit is written as the library `limits` writes it ("3000/second",
"600/minute"). With n processes behind one name, a caller gets up to n times as much.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from limits import parse_many

from services.runtime.settings import ServiceSettings
from services.runtime.statuses import RETRY_AFTER
from services.values.callers import Caller, Role
from services.values.errors import Category, Refusal

REMEMBERED = 50_000


class RecentCounters:
    """Counters in memory, the most recently used ones; those whose window is over go as new ones come.

    The library's own storage looks at all of its counters a hundred times a second, from a thread that it starts anew
    each time, and its strategies spend more on making names than on counting.
    """

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._counters: OrderedDict[Hashable, tuple[int, float]] = OrderedDict()
        self._remembered = remembered

    def __len__(self) -> int:
        return len(self._counters)

    def hit(self, key: Hashable, most: int, seconds: int) -> float:
        """Counts one; 0, or how many seconds the window lasts yet when it has had the most already."""
        now = time.monotonic()
        count, ends = self._counters.get(key, (0, 0.0))
        if ends <= now:
            self._forget_one(now)
            count, ends = 0, now + seconds
        self._counters[key] = (count + 1, ends)
        self._counters.move_to_end(key)
        return 0.0 if count < most else ends - now

    def _forget_one(self, now: float) -> None:
        """Makes room for a window that begins: the one not used for longest goes if it is over, or there are too many.

        That is one look for each window, so that the counters are never gone through.
        """
        if self._counters:
            oldest = next(iter(self._counters))
            if self._counters[oldest][1] <= now or len(self._counters) >= self._remembered:
                del self._counters[oldest]


class _Window(NamedTuple):
    """At most so many in so many seconds."""

    most: int
    seconds: int


def _windows(text: str) -> list[_Window]:
    return [_Window(item.amount, item.get_expiry()) for item in parse_many(text)]


@dataclass(frozen=True, slots=True)
class Limit:
    """How often one caller may call one RPC about one thing: `field` of the request names it ("renter_id")."""

    rate: str
    field: str


class Rates:
    """The limits of each kind of caller, of one API key, and of single RPCs (by full method name).

    Raises:
        ValueError: a limit is not written as the library writes it.
    """

    def __init__(
        self, by_role: Mapping[Role, str], api_key: str = "", by_method: Mapping[str, Limit] | None = None
    ) -> None:
        self._by_role = {role: _windows(text) for role, text in by_role.items()}
        self._api_key = _windows(api_key) if api_key else []
        self._by_method = {method: (limit.field, _windows(limit.rate)) for method, limit in (by_method or {}).items()}
        self._counters = RecentCounters()

    def count(self, caller: Caller, whose: str, credential: str = "") -> None:
        """Counts one call for `whose`; raises RATE_LIMITED, with the seconds until the next one in its metadata."""
        if caller.role is Role.PARTNER:
            # Of the credential only Python's keyed hash is kept: it has another key in each process.
            self._hit(self._api_key, hash(credential))
        self._hit(self._by_role.get(caller.role, ()), whose)

    def count_request(self, method: str, caller: Caller, request: Any) -> None:
        """Counts a call about what its request names; raises RATE_LIMITED.

        Each caller has a count of their own, so that nobody uses up what others may ask about the same person.
        """
        found = self._by_method.get(method)
        if found is not None:
            field, limits = found
            self._hit(limits, (method, caller.id, getattr(request, field)))

    def _hit(self, limits: Iterable[_Window], whose: Hashable) -> None:
        for limit in limits:
            if seconds := self._counters.hit((limit, whose), limit.most, limit.seconds):
                raise too_many(seconds)


def rates_of(settings: ServiceSettings, by_method: Mapping[str, Limit]) -> Rates:
    """The limits of one service."""
    by_role = {
        Role.PARTNER: settings.partner_rate,
        Role.RENTER: settings.renter_rate,
        Role.STAFF: settings.staff_rate,
        Role.OPERATOR: settings.operator_rate,
        Role.ANONYMOUS: settings.anonymous_rate,
    }
    return Rates(by_role, settings.api_key_rate, by_method)


def too_many(seconds: float, reason: str = "RATE_LIMITED") -> Refusal:
    """The refusal of a call that came too soon; in whole seconds, rounded up, it is none any more."""
    pause = max(1, math.ceil(seconds))
    return Refusal(
        Category.RESOURCE_EXHAUSTED,
        reason,
        f"too many calls; wait {pause} s, then retry with the same request_id",
        metadata={RETRY_AFTER: str(pause)},
    )
