"""How often a caller may call: counted in this process, by the strategies of `limits`.

Each API key has a count, so that one that runs wild does not use up the others, and all keys of a partner have one
together, because a partner can make more of them. All tokens of a person share one. A limit is written as the library
writes it ("3000/second", "600/minute"). With n processes behind one name, a caller gets up to n times as much.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping

from limits import RateLimitItem, parse_many
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

from services.runtime.statuses import RETRY_AFTER
from services.values.callers import Caller, Role
from services.values.errors import Category, Refusal

REMEMBERED = 50_000


class RecentCounters(Storage):
    """Counters in memory, the most recently used ones; the library's own keeps a thread that looks at all of them."""

    STORAGE_SCHEME = None

    def __init__(self, remembered: int = REMEMBERED) -> None:
        super().__init__()
        self._counters: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._remembered = remembered

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Counts, and begins anew when the window is over."""
        now = time.time()
        count, ends = self._counters.get(key, (0, 0.0))
        if ends <= now:
            count, ends = 0, now + expiry
        self._counters[key] = (count + amount, ends)
        self._counters.move_to_end(key)
        if len(self._counters) > self._remembered:
            self._counters.popitem(last=False)
        return count + amount

    def get(self, key: str) -> int:
        """The count of the window that runs."""
        count, ends = self._counters.get(key, (0, 0.0))
        return count if ends > time.time() else 0

    def get_expiry(self, key: str) -> float:
        """When the window ends."""
        return self._counters.get(key, (0, time.time()))[1]

    def check(self) -> bool:
        """Memory is always there."""
        return True

    def clear(self, key: str) -> None:
        """Forgets one counter."""
        self._counters.pop(key, None)

    def reset(self) -> int:
        """Forgets all; answers how many there were."""
        count = len(self._counters)
        self._counters.clear()
        return count

    @property
    def base_exceptions(self) -> type[Exception]:
        """None are foreseen."""
        return ValueError


class Rates:
    """The limits of each kind of caller, and of one API key.

    Raises:
        ValueError: a limit is not written as the library writes it.
    """

    def __init__(self, limits: Mapping[Role, str], api_key: str) -> None:
        self._limits: dict[Role, list[RateLimitItem]] = {role: parse_many(text) for role, text in limits.items()}
        self._api_key = parse_many(api_key)
        self._strategy = FixedWindowRateLimiter(RecentCounters())

    def count(self, caller: Caller, whose: str, credential: str = "") -> None:
        """Counts one call for `whose`; raises RATE_LIMITED, with the seconds until the next one in its metadata."""
        if caller.role is Role.PARTNER:
            # Of the credential only Python's keyed hash is kept: it has another key in each process.
            self._hit(self._api_key, f"key|{hash(credential):x}")
        self._hit(self._limits.get(caller.role, ()), whose)

    def _hit(self, limits: Iterable[RateLimitItem], whose: str) -> None:
        for limit in limits:
            if not self._strategy.hit(limit, whose):
                ends = self._strategy.get_window_stats(limit, whose).reset_time
                raise too_many(max(1, math.ceil(ends - time.time())))


def too_many(seconds: int, reason: str = "RATE_LIMITED") -> Refusal:
    """The refusal of a call that came too soon."""
    return Refusal(
        Category.RESOURCE_EXHAUSTED,
        reason,
        f"too many calls; wait {seconds} s, then retry with the same request_id",
        metadata={RETRY_AFTER: str(seconds)},
    )
