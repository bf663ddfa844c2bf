"""Authorizations do not hold for ever: their end is announced, running rentals get another, lapsed ones are noticed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from services.deposits.domain import Change, Hold, Moment, Seen, announce, observe
from services.deposits.operations.changing import Changing
from services.deposits.operations.ports import Breaker, Processor, RefundQueue, Transition

AHEAD = timedelta(hours=24)
"""So long before its end a hold is announced, and made anew for a rental that still runs."""
LOOK_AGAIN = timedelta(minutes=10)
BATCH = 256


class Lapsing:
    """Watches the ends of holds."""

    def __init__(
        self, changing: Changing, processors: Mapping[str, Processor], breakers: Mapping[str, Breaker]
    ) -> None:
        self._changing = changing
        self._store = changing.store
        self._processors = processors
        self._breakers = breakers

    async def sweep(self) -> int:
        """Announces, renews and notices what is due; answers how many deposits changed.

        A hold whose processor says what nobody can read keeps no other one waiting; it raises once those are done.
        """
        moment = self._changing.moment()
        holds = await self._store.lapsing_holds(moment.now + AHEAD, moment.now, BATCH)
        transitions = [(hold.deposit_id, _announcing(hold, moment)) for hold in holds if not hold.announced]
        broken: list[Exception] = []
        for hold in holds:
            try:
                transitions += await self._look(hold, moment) if hold.announced else []
            except Exception as error:
                broken.append(error)
                await self._store.looked_at(hold.hold_id, moment.now + LOOK_AGAIN)
        outcomes = await self._changing.change(transitions, moment)
        if broken:
            raise broken[0]
        return sum(isinstance(outcome, Change) and outcome.announced for outcome in outcomes)

    async def _look(self, hold: Hold, moment: Moment) -> list[tuple[str, Transition]]:
        """Asks the processor what became of a hold that should have lapsed, or of which it has sent notice."""
        breaker, processor, seen = self._breakers.get(hold.processor), self._processors.get(hold.processor), None
        if breaker is not None and processor is not None and breaker.allows():
            seen = await processor.inspect(hold)
            breaker.heard(seen is not None)
        over = seen is not None and not seen.open_minor
        lapsed = hold.expires_at is not None and hold.expires_at <= moment.now
        await self._store.looked_at(hold.hold_id, moment.now + LOOK_AGAIN if lapsed and not over else None)
        return [(hold.deposit_id, _observing(hold, seen, moment))] if seen is not None else []

    async def refund_queue(self) -> RefundQueue:
        """Whose money is still to go back, and since when."""
        return await self._store.refund_queue()


def _announcing(hold: Hold, moment: Moment) -> Transition:
    return lambda deposit, operations: announce(deposit, operations, hold.hold_id, moment)


def _observing(hold: Hold, seen: Seen, moment: Moment) -> Transition:
    return lambda deposit, operations: observe(deposit, operations, hold.hold_id, seen, moment)
