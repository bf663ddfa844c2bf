"""Recomputing everybody for another scorecard: in batches, at a bounded rate, from where it stopped."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Protocol

from services.scoring.domain import Served
from services.scoring.operations.scorecards import Scorecards
from services.values.clock import Clock

BATCH = 250
"""People in a transaction: a tenth of a second of work."""


class WalkStore(Protocol):
    """Walks over everybody."""

    async def walk(self, served: Served, now: datetime, batch: int, per_second: int) -> tuple[int, bool]: ...


class Recomputing:
    """Walks that appointments began.

    Args:
        per_second: at most so many people, in all processes together; 0 for no limit.
    """

    def __init__(self, store: WalkStore, cards: Scorecards, clock: Clock, per_second: int) -> None:
        self._store = store
        self._cards = cards
        self._clock = clock
        self._per_second = per_second

    async def step(self) -> int:
        """One batch, and a rest after it as long as the rate asks for; 0 when there is nothing to walk."""
        began = time.monotonic()
        batch = min(BATCH, self._per_second or BATCH)
        done, walking = await self._store.walk(self._cards.served, self._clock.now(), batch, self._per_second)
        if self._per_second:
            await asyncio.sleep(max(0.0, done / self._per_second - (time.monotonic() - began)))
        return max(done, int(walking))
