"""WatchRental: what happens to a rental as it happens, and what it costs so far."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from weakref import WeakValueDictionary

from services.rental.domain import DisputeState, FollowUp, Happened, Rental, RentalId, RentalState, price_so_far
from services.rental.domain.refusals import rental_not_found
from services.rental.operations.ports import RentalStore
from services.rental.operations.reading import Reading
from services.values.callers import Caller
from services.values.clock import Clock
from services.values.money import Money

LONGEST_SECONDS = 600.0
"""Then whoever watches shows their credential again."""
POLL_SECONDS = 1.0
"""How often is looked what other processes have written."""
_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Seen:
    """What is new, and how the rental stands; `last` when nothing comes after it."""

    events: tuple[Happened, ...]
    rental: Rental
    price: Money | None
    last: bool


class Wakes:
    """Wakes those who watch a rental when this process has written it; whom nobody holds is forgotten by itself."""

    def __init__(self) -> None:
        self._waiting: WeakValueDictionary[RentalId, asyncio.Event] = WeakValueDictionary()

    def expect(self, rental_id: RentalId) -> asyncio.Event:
        """Set at the next write, one for all who wait. Ask before reading, so that no write is missed."""
        event = self._waiting.get(rental_id)
        if event is None or event.is_set():
            event = self._waiting[rental_id] = asyncio.Event()
        return event

    def wake(self, rental_ids: Collection[RentalId]) -> None:
        """These rentals were written."""
        for rental_id in rental_ids:
            if (event := self._waiting.get(rental_id)) is not None:
                event.set()


class Watching:
    """Follows rentals."""

    def __init__(self, store: RentalStore, reading: Reading, wakes: Wakes, clock: Clock) -> None:
        self._store = store
        self._reading = reading
        self._wakes = wakes
        self._clock = clock

    async def watch(self, caller: Caller, rental_id: RentalId, after: int) -> AsyncIterator[Seen]:
        """What is new since the event `after`: at once, then whenever there is something. Raises RENTAL_NOT_FOUND."""
        await self._reading.get(caller, rental_id)
        ends, price, first = asyncio.get_running_loop().time() + LONGEST_SECONDS, None, True
        while asyncio.get_running_loop().time() < ends:
            woken = self._wakes.expect(rental_id)
            seen = await self._look(rental_id, after)
            if first or seen.events or seen.price != price:
                yield seen
            first, price = False, seen.price
            if seen.events:
                after = seen.events[-1].sequence
            elif seen.last:
                return
            else:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(woken.wait(), POLL_SECONDS)

    async def _look(self, rental_id: RentalId, after: int) -> Seen:
        """The events between two looks at the rental: the first says whether more can come, the second all that they
        say."""
        before = (await self._store.read([rental_id])).get(rental_id)
        if before is None:
            raise rental_not_found()
        events = await self._store.events_after(rental_id, after, _AT_ONCE)
        row = (await self._store.read_priced([before]))[rental_id]
        price = price_so_far(row.rental, row.pricing, self._clock.now())
        return Seen(tuple(events), row.rental, price, _over(before))


def _over(rental: Rental) -> bool:
    """Whether nothing can happen any more by itself."""
    disputed = rental.dispute is not None and rental.dispute.state is DisputeState.OPEN
    ended = rental.state in (RentalState.SETTLED, RentalState.CANCELLED)
    return ended and rental.follow_up is FollowUp.NONE and not disputed
