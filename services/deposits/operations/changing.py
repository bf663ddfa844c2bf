"""Changing deposits, n at once: a transition per deposit, one transaction, and what it asks of processors launched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from services.deposits.domain import Capabilities, Change, Moment, Operation
from services.deposits.operations.ports import Store, Transition
from services.values.clock import Clock
from services.values.errors import Refusal
from services.values.ids import new_id_of
from services.values.requests import Request

LEASE = timedelta(seconds=20)
"""How long a processor operation is left to who started it."""


class Changing:
    """Applies transitions.

    Args:
        launch: carries out what a change asks of processors, detached.
        clock: business time.
        real: real time, for leases.
    """

    def __init__(
        self,
        store: Store,
        capabilities: Mapping[str, Capabilities],
        launch: Callable[[Sequence[Operation]], None],
        clock: Clock,
        real: Clock,
    ) -> None:
        self.store = store
        self.capabilities = capabilities
        self._launch = launch
        self.clock = clock
        self.real = real

    def moment(self) -> Moment:
        """Now, and all that a change has to know."""
        return Moment(self.clock.now(), new_id_of, self.capabilities)

    async def change(self, transitions: Sequence[tuple[str, Transition]], moment: Moment) -> list[Change | Refusal]:
        """One outcome per (deposit_id, transition), in order; what one deposit has more than once comes one by one."""
        outcomes: dict[int, Change | Refusal] = {}
        for turn in _turns([deposit_id for deposit_id, _ in transitions]):
            lease_until = self.real.now() + LEASE
            changed = await self.store.change([transitions[i] for i in turn], moment.now, lease_until)
            self.launch([o for outcome in changed if isinstance(outcome, Change) for o in outcome.wanted])
            outcomes.update(zip(turn, changed, strict=True))
        return [outcomes[i] for i in range(len(transitions))]

    async def change_once(
        self, request: Request, deposit_id: str, transition: Transition, moment: Moment
    ) -> Change | Refusal:
        """One transition, once per request; a repeat gives the deposit as it stands. Raises REQUEST_ID_REUSED."""
        outcome = await self.store.change_once(request, deposit_id, transition, moment.now, self.real.now() + LEASE)
        self.launch(outcome.wanted if isinstance(outcome, Change) else ())
        return outcome

    def launch(self, operations: Sequence[Operation]) -> None:
        """Has operations carried out that were just written."""
        if operations:
            self._launch(operations)


def _turns(deposit_ids: Sequence[str]) -> list[list[int]]:
    """Positions in batches that have each deposit once: a transition sees what the one before it has written."""
    turns: list[list[int]] = []
    seen: Counter[str] = Counter()
    for position, deposit_id in enumerate(deposit_ids):
        if seen[deposit_id] == len(turns):
            turns.append([])
        turns[seen[deposit_id]].append(position)
        seen[deposit_id] += 1
    return turns
