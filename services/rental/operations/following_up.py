"""What time makes happen to rentals: what deposits has not answered is asked again, and what is late is undone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from services.rental.domain import FollowUp, Moment, Rental, expired
from services.rental.operations.changing import Changing
from services.rental.operations.closing import ClosingRentals
from services.rental.operations.ports import RentalStore
from services.rental.operations.starting import Starting

_BATCH = 256


class FollowingUp:
    """Finishes or undoes every rental that was left between two steps, by whoever left it."""

    def __init__(self, store: RentalStore, starting: Starting, closing: ClosingRentals, changing: Changing) -> None:
        self._store = store
        self._starting = starting
        self._closing = closing
        self._changing = changing

    async def sweep(self) -> int:
        """Takes one batch of due follow-ups; answers how many. A failed kind of work does not stop the others."""
        moment = self._changing.moment()
        due = await self._store.take_due(moment.wall, moment.recheck_at, moment.lease_until, _BATCH)
        late, waiting = _by_window(due, moment)
        results = await asyncio.gather(
            self._expire(late, moment),
            self._resume(waiting),
            self._settle([rental for rental in due if rental.follow_up is FollowUp.SETTLE]),
            self._correct([rental for rental in due if rental.follow_up is FollowUp.CORRECT]),
            self._release([rental for rental in due if rental.follow_up is FollowUp.CANCEL]),
            return_exceptions=True,
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return len(due)

    async def _expire(self, rentals: Sequence[Rental], moment: Moment) -> None:
        if rentals:
            undone = await self._changing.apply([(rental, partial(expired, moment=moment)) for rental in rentals])
            await self._release([rental for rental in undone if rental.follow_up is FollowUp.CANCEL])

    async def _resume(self, rentals: Sequence[Rental]) -> None:
        if rentals:
            await self._starting.resume(rentals)

    async def _settle(self, rentals: Sequence[Rental]) -> None:
        if rentals:
            await self._closing.settle(rentals)

    async def _correct(self, rentals: Sequence[Rental]) -> None:
        if rentals:
            await self._closing.correct(rentals)

    async def _release(self, rentals: Sequence[Rental]) -> None:
        if rentals:
            await self._closing.release(rentals)


def _by_window(due: Sequence[Rental], moment: Moment) -> tuple[list[Rental], list[Rental]]:
    """REQUESTED rentals whose activation window is over, and those that may still become ACTIVE."""
    requested = [rental for rental in due if rental.follow_up is FollowUp.SECURE]
    late = [rental for rental in requested if moment.wall >= rental.activate_by]
    return late, [rental for rental in requested if moment.wall < rental.activate_by]
