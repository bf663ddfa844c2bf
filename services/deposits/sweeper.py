"""What time makes happen in deposits: processor operations are carried out, those left behind are taken up."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from services.deposits.domain import Change, Deposit, Operation, Result
from services.deposits.operations import Processing
from services.deposits.operations.ports import Leased
from services.runtime.batching import Batcher
from services.runtime.tasks import Tasks

SWEEP_SECONDS = 1.0


class Runner:
    """Carries out operations detached; their results are written in batches, and told.

    Args:
        told: takes each deposit that a result has changed.
    """

    def __init__(self, processing: Processing, tasks: Tasks, told: Callable[[Deposit], None]) -> None:
        self._processing = processing
        self._tasks = tasks
        self._told = told
        self._results: Batcher[tuple[str, Result], Change] = Batcher(
            "processor_results", processing.finish_all, key=lambda item: item[0]
        )

    def launch(self, operations: Sequence[Operation]) -> None:
        """Starts operations that were just written."""
        self._start(self._processing.fresh(operations))

    async def sweep(self) -> int:
        """Takes up operations whose lease has run out; answers how many."""
        due = await self._processing.lease_due()
        self._start(due)
        return len(due)

    def _start(self, leased: Sequence[Leased]) -> None:
        for one in leased:
            self._tasks.spawn(self._run(one), "processor operation")

    async def _run(self, leased: Leased) -> None:
        change = await self._processing.carry_out(leased, self._apply)
        if change is not None:
            self._told(change.deposit)
            self.launch(change.wanted)

    async def _apply(self, deposit_id: str, result: Result) -> Change:
        return await self._results.submit((deposit_id, result))
