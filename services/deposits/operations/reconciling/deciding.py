"""What operators ask of reconciliation: a run, its result, the differences, and what is to become of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from services.deposits.domain.reconciling import (
    LONGEST,
    Difference,
    DifferenceKind,
    DifferenceState,
    Run,
    RunState,
    confirm,
    daily_run,
    days_to_run,
    dismiss,
)
from services.deposits.operations.ports import Processor
from services.deposits.operations.reconciling.ports import Decision, ReconciliationStore
from services.values import pages
from services.values.clock import Clock
from services.values.errors import Category, Refusal, invalid
from services.values.ids import new_id
from services.values.requests import Request, fingerprint


class Deciding:
    """The use cases. Each command is carried out once per request_id; a repeat gives its subject as it stands.

    Args:
        wake: has what is due now (a run, a repair) taken up.
    """

    def __init__(
        self,
        store: ReconciliationStore,
        processors: Mapping[str, Processor],
        clock: Clock,
        real: Clock,
        wake: Callable[[], None],
    ) -> None:
        self._store = store
        self._processors = processors
        self._clock = clock
        self._real = real
        self._wake = wake

    async def plan(self) -> int:
        """The daily runs whose turn it is; each is planned once, however many replicas plan."""
        now = self._clock.now()
        for processor in self._processors:
            last = await self._store.last_day(processor)
            unsettled = await self._store.days_with_something_open(processor, now - LONGEST)
            days = days_to_run(now, last, unsettled)
            await self._store.plan_runs([daily_run(processor, day, now) for day in days], self._real.now())
        return 0

    async def run(self, operator: str, request_id: str, processor: str, since: datetime, until: datetime | None) -> Run:
        """Starts a run up to `until`, or to now. Raises PROCESSOR_NOT_FOUND, INVALID_FIELD."""
        if processor not in self._processors:
            raise Refusal(Category.NOT_FOUND, "PROCESSOR_NOT_FOUND", "this processor is not set up here")
        now = self._clock.now()
        end = until or now
        if not since < end <= max(now, since):
            raise invalid("until", "comes after since, and not after now")
        if end - since > LONGEST:
            raise invalid("until", "at most 31 days after since")
        asked = Run(new_id("rcn"), processor, since, end, False, operator, RunState.RUNNING, since, now)
        request = Request(0, operator, "RunReconciliation", request_id, fingerprint(processor, since, until))
        run = await self._store.start_run(request, asked, self._real.now())
        self._wake()
        return run

    async def get(self, run_id: str) -> Run:
        """One run. Raises RECONCILIATION_NOT_FOUND."""
        run = await self._store.read_run(run_id)
        if run is None:
            raise Refusal(Category.NOT_FOUND, "RECONCILIATION_NOT_FOUND", "no such reconciliation")
        return run

    async def list(
        self,
        processor: str,
        kind: DifferenceKind | None,
        state: DifferenceState | None,
        page_size: int,
        page_token: str,
    ) -> tuple[list[Difference], str]:
        """A page, newest first, and the next page's token. Raises PAGE_TOKEN_INVALID."""
        filters, size = ("differences", processor, kind, state), pages.page_size(page_size)
        before = pages.decode_as(_place, page_token, *filters)
        found = await self._store.list_differences(processor, kind, state, before, size + 1)
        if len(found) <= size:
            return found, ""
        key = f"{found[size - 1].first_seen_at.isoformat()} {found[size - 1].difference_id}"
        return found[:size], pages.encode(key, *filters)

    async def confirm(self, operator: str, request_id: str, difference_id: str) -> Difference:
        """Has the proposed repair carried out, where needed once a second operator confirms it too.

        Raises DIFFERENCE_NOT_FOUND, DIFFERENCE_NOT_OPEN, REPAIR_BY_HAND, APPROVAL_BY_ANOTHER.
        """
        content = fingerprint(difference_id)
        return await self._decide(
            operator, "ConfirmRepair", request_id, difference_id, content, lambda known: confirm(known, operator)
        )

    async def dismiss(self, operator: str, request_id: str, difference_id: str, reason: str) -> Difference:
        """Lets a difference be. Raises DIFFERENCE_NOT_FOUND, DIFFERENCE_NOT_OPEN."""
        content = fingerprint(difference_id, reason)
        return await self._decide(
            operator,
            "DismissDifference",
            request_id,
            difference_id,
            content,
            lambda known: dismiss(known, operator, reason),
        )

    async def _decide(
        self, operator: str, method: str, request_id: str, difference_id: str, content: bytes, decision: Decision
    ) -> Difference:
        request = Request(0, operator, method, request_id, content)
        decided = await self._store.decide(request, difference_id, decision, self._real.now())
        if isinstance(decided, Refusal):
            raise decided
        self._wake()
        return decided


def _place(key: str) -> tuple[datetime, str]:
    at, _, difference_id = key.partition(" ")
    return pages.moment(at), difference_id
