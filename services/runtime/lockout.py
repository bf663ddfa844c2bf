"""A burst of failed authentications locks its address out for a while, and for longer each time.

Secrets of 256 bits are not guessed; what the lock saves is the work of looking. Behind one address there may be many
people: a credential that was good in this process before is not locked out (it is looked up as ever), so that a guest
who guesses harms only those who arrive after them. Before a proxy everybody would have its address: list it as trusted
(`addresses`), and each of its guests has their own. An expired credential is no guess and does not count.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from services.runtime.rates import too_many

WINDOW_SECONDS = 60.0
FIRST_LOCK_SECONDS, LONGEST_LOCK_SECONDS = 1.0, 300.0
CALM_SECONDS = 900.0
"""After so long without a lock, the next one is short again."""
REMEMBERED = 10_000


@dataclass(slots=True)
class _Address:
    failures: int = 0
    window_ends: float = 0.0
    locked_until: float = 0.0
    locks: int = 0


class Lockout:
    """Failures by address; the most recent addresses are remembered. Seconds are those of `time.monotonic()`."""

    def __init__(self, most_failures: int) -> None:
        self._most = most_failures
        self._addresses: OrderedDict[str, _Address] = OrderedDict()
        self._good: OrderedDict[bytes, None] = OrderedDict()
        self._all_open_at = 0.0

    def must_be_open(self, address: Callable[[], str], credential: str) -> None:
        """Raises AUTHENTICATION_LOCKED, with the seconds in its metadata, unless the credential was good before."""
        now = time.monotonic()
        if self._all_open_at <= now or _digest(credential) in self._good:
            return
        known = self._addresses.get(address())
        if known is not None and known.locked_until > now:
            raise too_many(known.locked_until - now, "AUTHENTICATION_LOCKED")

    def succeeded(self, credential: str) -> None:
        """Remembers a credential that was good; it is looked up as ever, but not locked out."""
        digest = _digest(credential)
        self._good[digest] = None
        self._good.move_to_end(digest)
        if len(self._good) > REMEMBERED:
            self._good.popitem(last=False)

    def failed(self, address: str, credential: str) -> None:
        """Counts a credential that was not good; if it was good once (a revoked key), it is let in no more."""
        self._good.pop(_digest(credential), None)
        now = time.monotonic()
        known = self._addresses.setdefault(address, _Address())
        self._addresses.move_to_end(address)
        if len(self._addresses) > REMEMBERED:
            self._addresses.popitem(last=False)
        if known.window_ends <= now:
            known.failures, known.window_ends = 0, now + WINDOW_SECONDS
        known.failures += 1
        if known.failures > self._most:
            known.locks = 1 if known.locked_until < now - CALM_SECONDS else known.locks + 1
            pause = min(LONGEST_LOCK_SECONDS, FIRST_LOCK_SECONDS * 2 ** (known.locks - 1))
            known.locked_until, known.failures = now + pause, 0
            self._all_open_at = max(self._all_open_at, known.locked_until)


def _digest(credential: str) -> bytes:
    return hashlib.sha256(credential.encode()).digest()
