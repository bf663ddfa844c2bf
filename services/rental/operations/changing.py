"""How a rental changes: decide on what was read, write only over that, and decide anew when somebody was faster."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from services.rental.domain import Change, Moment, Rental, Timing
from services.rental.operations.arrivals import Arrivals
from services.rental.operations.ports import RentalStore
from services.values.clock import Clock

Decide = Callable[[Rental], Change | None]

_ROUNDS = 4
"""A round is lost only when somebody else moved the rental on, and a rental has few moves."""


class Changing:
    """Applies decisions to rentals, whatever happens beside them."""

    def __init__(self, store: RentalStore, arrivals: Arrivals, clock: Clock, wall: Clock, timing: Timing) -> None:
        self._store = store
        self._arrivals = arrivals
        self._clock = clock
        self._wall = wall
        self._timing = timing

    def moment(self) -> Moment:
        """Now."""
        return Moment(self._clock.now(), self._wall.now(), self._timing)

    async def apply(self, decisions: Sequence[tuple[Rental, Decide]]) -> list[Rental]:
        """Each rental after its decision. All changes are one statement; more only when a race was lost."""
        rentals = [rental for rental, _ in decisions]
        undecided = list(range(len(decisions)))
        for _ in range(_ROUNDS):
            lost = await self._round(rentals, {at: decisions[at][1](rentals[at]) for at in undecided})
            if not lost:
                break
            fresh = await self._store.read([rentals[at].rental_id for at in lost])
            for at in lost:
                rentals[at] = fresh[rentals[at].rental_id]
            undecided = lost
        self._arrivals.tell(rentals)
        return rentals

    async def _round(self, rentals: list[Rental], decided: dict[int, Change | None]) -> list[int]:
        changes = {at: change for at, change in decided.items() if change is not None}
        if not changes:
            return []
        moment = self.moment()
        saved = await self._store.save(list(changes.values()), moment.wall, moment.now)
        for at, done in zip(changes, saved, strict=True):
            if done:
                rentals[at] = changes[at].after
        return [at for at, done in zip(changes, saved, strict=True) if not done]


def leave(_: Rental) -> None:
    """The decision to leave a rental as it is."""
