"""The day itself: each ride starts at its hour, takes a free bike and whoever has waited longest, and ends in time."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Sequence

from freehold.rental.v1 import rental_service_pb2 as rental
from services.cli.api import Api
from services.cli.replay.demand import Ride
from services.cli.replay.tally import Tally
from services.cli.seeding import City, Renter
from services.values.errors import Refusal

HOURS = 24.0
POLL_SECONDS = 0.2
ACTIVATION_SECONDS = 90.0
_NEVER_TWICE = frozenset({"RENTER_NOT_VERIFIED", "PAYMENT_METHOD_REQUIRED"})
_TURNED_AWAY = _NEVER_TWICE | {"PAYMENT_DECLINED"}


class Day:
    """Replays rides against a running house.

    Args:
        scale: how fast business time runs; an hour of the day takes 3600 / scale seconds.
    """

    def __init__(self, api: Api, city: City, rides: Sequence[Ride], scale: float, tally: Tally) -> None:
        self._api, self._city, self._rides, self._scale, self._tally = api, city, rides, scale, tally
        self._began = 0.0
        self._idle: asyncio.Queue[Renter] = asyncio.Queue()
        self._bikes: asyncio.Queue[str] = asyncio.Queue()

    @property
    def hour(self) -> float:
        """What the day's clock shows, 0 to 24."""
        if not self._began:
            return 0.0
        return min(HOURS, (asyncio.get_running_loop().time() - self._began) * self._scale / 3600)

    async def run(self) -> None:
        """The whole day; returns when the last bike is back."""
        renters = list(self._city.renters)
        random.Random(7).shuffle(renters)  # noqa: S311 (a repeatable day)
        for renter in renters:
            self._idle.put_nowait(renter)
        for bike in self._city.bikes:
            self._bikes.put_nowait(bike)
        self._began = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as riders:
            for ride in self._rides:
                await self._until(ride.starts_at_hour)
                renter, bike = await self._idle.get(), await self._bikes.get()
                riders.create_task(self._ride(renter, bike, ride))

    async def _until(self, hour: float) -> None:
        await asyncio.sleep(max(0.0, (hour - self.hour) * 3600 / self._scale))

    async def _ride(self, renter: Renter, bike: str, ride: Ride) -> None:
        stays = True
        try:
            started = await self._start(renter, bike)
            if started is not None:
                self._tally.began(renter, started)
                await asyncio.sleep(ride.minutes * 60 / self._scale)
                await self._end(started.rental_id)
                self._tally.ended()
        except Refusal as refusal:
            stays = refusal.reason not in _NEVER_TWICE
            self._refused(renter, refusal)
        finally:
            self._bikes.put_nowait(bike)
            if stays:
                self._idle.put_nowait(renter)

    def _refused(self, renter: Renter, refusal: Refusal) -> None:
        if refusal.reason in _TURNED_AWAY:
            self._tally.turned_away(renter, refusal.reason)
        elif refusal.reason == "RENTAL_CANCELLED":
            self._tally.cancelled += 1
        else:
            self._tally.problems.append(f"{renter.case}: {refusal.category}/{refusal.reason}")

    async def _start(self, renter: Renter, bike: str) -> rental.Rental | None:
        """The ACTIVE rental; None when it was cancelled because the processor took too long."""
        request = rental.StartRentalRequest(request_id=uuid.uuid4().hex, renter_id=renter.renter_id, asset_code=bike)
        answer = (await self._api.call(self._api.rental.StartRental, request, self._city.partner_key)).rental
        ends = asyncio.get_running_loop().time() + ACTIVATION_SECONDS
        while answer.state == rental.RENTAL_STATE_REQUESTED and asyncio.get_running_loop().time() < ends:
            await asyncio.sleep(POLL_SECONDS)
            answer = (await self._api.call(self._api.rental.StartRental, request, self._city.partner_key)).rental
        if answer.state == rental.RENTAL_STATE_ACTIVE:
            return answer
        self._tally.cancelled += 1
        return None

    async def _end(self, rental_id: str) -> None:
        request = rental.EndRentalRequest(request_id=uuid.uuid4().hex, rental_id=rental_id)
        answer = (await self._api.call(self._api.rental.EndRental, request, self._city.partner_key)).rental
        if answer.state not in (rental.RENTAL_STATE_RETURNED, rental.RENTAL_STATE_SETTLED):
            self._tally.problems.append(f"{rental_id}: ended as {rental.RentalState.Name(answer.state)}")
