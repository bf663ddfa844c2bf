"""Callers that wait for a rental to leave REQUESTED, and how they hear of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from weakref import WeakValueDictionary

from services.rental.domain import Rental, RentalId, RentalState


class Arrival:
    """The news about one rental, for whoever holds this."""

    def __init__(self) -> None:
        self._rental: Rental | None = None
        self._news = asyncio.Event()

    def tell(self, rental: Rental) -> None:
        """The rental is no longer REQUESTED."""
        self._rental = rental
        self._news.set()

    async def wait(self, seconds: float) -> Rental | None:
        """The rental as soon as it is no longer REQUESTED; None when that takes longer than `seconds`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        return self._rental


class Arrivals:
    """The arrivals that somebody still holds; what nobody waits for is forgotten by itself."""

    def __init__(self) -> None:
        self._expected: WeakValueDictionary[RentalId, Arrival] = WeakValueDictionary()

    def expect(self, rental_id: RentalId) -> Arrival:
        """The arrival of this rental, one for all who wait. Call it before writing what the news may overtake."""
        arrival = self._expected.get(rental_id)
        if arrival is None:
            arrival = self._expected[rental_id] = Arrival()
        return arrival

    def tell(self, rentals: Iterable[Rental]) -> None:
        """These rentals stand so now."""
        for rental in rentals:
            if rental.state is RentalState.REQUESTED:
                continue
            if (arrival := self._expected.get(rental.rental_id)) is not None:
                arrival.tell(rental)
