"""Simulating a policy on the partner's own past decisions, before anybody is decided under it."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from services.deposits.domain import PolicyDraft
from services.deposits.domain.policies import fault_of
from services.deposits.domain.simulation import History, Simulation, check, simulate, window
from services.values.clock import Clock


class PastDecisions(Protocol):
    """The decisions that were made, as a histogram of scores."""

    async def past_decisions(self, draft: PolicyDraft, since: datetime, until: datetime) -> History: ...


class Simulating:
    """Replays drafts; writes nothing."""

    def __init__(self, past: PastDecisions, clock: Clock) -> None:
        self._past = past
        self._clock = clock

    async def simulate(self, draft: PolicyDraft, weeks: int) -> Simulation:
        """The draft on the last whole weeks. Raises POLICY_OUT_OF_BOUNDS, INVALID_FIELD, TOO_FEW_DECISIONS."""
        fault = fault_of(draft)
        if fault is not None:
            raise fault
        check(draft)
        return simulate(await self._past.past_decisions(draft, *window(self._clock.now(), weeks)), draft)
