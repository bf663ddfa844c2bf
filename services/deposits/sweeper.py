"""What time makes happen in deposits: processor operations are carried out, those left behind are taken up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from opentelemetry import metrics

from services.deposits.domain import Change, Deposit, Operation, Result
from services.deposits.domain.reconciling import DifferenceKind
from services.deposits.operations import Lapsing, Processing
from services.deposits.operations.ports import Leased
from services.deposits.operations.reconciling import ReconciliationStore
from services.runtime.batching import Batcher
from services.runtime.tasks import Tasks
from services.values.clock import Clock

_meter = metrics.get_meter("freehold")
_age = _meter.create_gauge("freehold.refund_queue.age", unit="s", description="Age of the oldest money to give back")
_waiting = _meter.create_gauge("freehold.refund_queue.waiting", unit="{deposit}", description="Deposits to give back")
_differences = _meter.create_gauge(
    "freehold.reconciliation.differences", unit="{difference}", description="Undecided differences by processor, class"
)
_reconciled = _meter.create_gauge(
    "freehold.reconciliation.age", unit="s", description="Time since a daily run of a processor was last done"
)

SWEEP_SECONDS = 1.0
LAPSE_SECONDS = 5.0
BILL_SECONDS = 5.0
RECONCILE_SECONDS = 5.0
PLAN_SECONDS = 60.0
ROLL_UP_SECONDS = 2.0
SEAL_SECONDS = 30.0
SHARE = 32
"""A batch of changes is shared among flights in parts no smaller, so that one is decided while another is written."""


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
            "processor_results", processing.finish_all, key=lambda item: item[0], share=SHARE
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

    async def _apply(self, deposit_id: str, result: Result) -> Change:
        return await self._results.submit((deposit_id, result))


class RefundQueue:
    """How long money of ended rentals waits to go back, as metrics: `freehold.refund_queue.age` and `.waiting`."""

    def __init__(self, lapsing: Lapsing, clock: Clock) -> None:
        self._lapsing = lapsing
        self._clock = clock

    async def measure(self) -> int:
        """Looks once; there is never more to do at once."""
        queue = await self._lapsing.refund_queue()
        age = (self._clock.now() - queue.oldest).total_seconds() if queue.oldest else 0.0
        _age.set(max(0.0, age))
        _waiting.set(queue.waiting)
        return 0


class Reconciled:
    """How reconciliation stands, as metrics: `freehold.reconciliation.differences` and `.age`.

    Before a processor's first run is done, its age counts from the start of this process.
    """

    def __init__(self, store: ReconciliationStore, processors: Iterable[str], clock: Clock) -> None:
        self._store = store
        self._processors = tuple(processors)
        self._clock = clock
        self._began = clock.now()

    async def measure(self) -> int:
        """Looks once; there is never more to do at once."""
        counts, finished = await self._store.count_differences(), await self._store.last_finished()
        for processor in self._processors:
            last = finished.get(processor, self._began)
            age = max(0.0, (self._clock.now() - last).total_seconds())
            _reconciled.set(age, {"processor": processor})
            for kind in DifferenceKind:
                _differences.set(counts.get((processor, kind), 0), {"processor": processor, "class": kind.value})
        return 0
