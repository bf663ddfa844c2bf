"""What time makes happen to rentals that run: they are overdue, then bought, and disputes that nobody answers lapse.

What is looked at is what is due, by an index on the time; how many rentals are open does not matter.
"""

from __future__ import annotations

from functools import partial

from services.rental.domain import time_passed
from services.rental.operations.changing import Changing
from services.rental.operations.closing import ClosingRentals
from services.rental.operations.ports import RentalStore

_BATCH = 256


class Passing:
    """Takes what is due, a batch at a time."""

    def __init__(self, store: RentalStore, changing: Changing, closing: ClosingRentals) -> None:
        self._store = store
        self._changing = changing
        self._closing = closing

    async def sweep(self) -> int:
        """One batch; answers how many rentals were due."""
        moment = self._changing.moment()
        due = await self._store.take_waking(moment.now, _BATCH)
        moved = await self._changing.apply(
            [(row.rental, partial(time_passed, pricing=row.pricing, moment=moment)) for row in due]
        )
        for rental in moved:
            await self._closing.follow(rental)
        return len(due)
