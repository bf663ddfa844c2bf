"""What time makes of the ledger: chains that have grown are rolled up for partners, finished days are sealed."""

from __future__ import annotations

from services.deposits.domain.ledger.sealing import DRAIN, Tree, days_over, root_of
from services.deposits.operations.ledger.ports import LedgerStore, Place
from services.values.clock import Clock

ROLL_UP_BATCH = 500
_BEGINNING: Place = (-1, "")


class RollingUp:
    """Rolls chains up, batch after batch around all of them, so that busy renters do not keep others waiting."""

    def __init__(self, store: LedgerStore) -> None:
        self._store = store
        self._place = _BEGINNING

    async def sweep(self) -> int:
        """One batch; answers how many chains when there may be more, else 0.

        So all chains are gone around and then left alone for a while: a chain that grows three times in a second costs
        one roll-up, not three.
        """
        rolled = await self.roll_up(ROLL_UP_BATCH)
        return rolled if rolled == ROLL_UP_BATCH else 0

    async def roll_up(self, limit: int) -> int:
        """Rolls up at most `limit` chains that have grown; answers how many. None are left when it answers 0."""
        rolled = await self._store.roll_up(self._place, limit)
        if not rolled and self._place != _BEGINNING:
            rolled = await self._store.roll_up(_BEGINNING, limit)
        self._place = rolled[-1] if len(rolled) == limit else _BEGINNING
        return len(rolled)


class Sealing:
    """Closes finished days to bookings, and seals each once nothing older can still be written.

    Any number of replicas may do it: what a closed day holds does not change, so all of them find the same root.
    """

    def __init__(self, store: LedgerStore, clock: Clock, real: Clock) -> None:
        self._store = store
        self._clock = clock
        self._real = real

    async def sweep(self) -> int:
        """Closes what is over and seals one day; answers how many days it sealed."""
        first = await self._store.first_unsealed_day()
        days = days_over(first, self._clock.now()) if first else []
        if days:
            await self._store.close_days(days, self._real.now())
        found = await self._store.next_to_seal(self._real.now() - DRAIN)
        if found is None:
            return 0
        day, previous = found
        tree = Tree()
        async for leaf in self._store.leaves_of(day):
            tree.add(leaf)
        await self._store.seal_day(day, root_of(previous, day, tree), tree.renters)
        return 1
