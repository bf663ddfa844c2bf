"""Deciding again once a person's facts were put right: what would be waived now is waived, previews are forgotten.

Only in the person's favour, and only where money is still held: a waiver is never taken back, an ended rental is over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.deposits.domain import AdmittanceOutcome, Again, Operation, ScoreUse, UseKind
from services.deposits.operations.ports import Answer, Held, Identity, Question, Remade, Scoring, Store
from services.deposits.operations.securing import LEASE, score_use
from services.values.clock import Clock
from services.values.errors import Category, Refusal
from services.values.ids import bucket_of
from services.values.requests import Request, fingerprint


@dataclass(frozen=True, slots=True)
class PutRight:
    """A person's facts were put right; what was decided at `since` or later is concerned."""

    event_id: str
    renter_id: str
    since: datetime


class Remaking:
    """Makes decisions again under the policy version that each was made under.

    Args:
        launch: carries out the releases that this wants, detached.
    """

    def __init__(
        self,
        store: Store,
        scoring: Scoring,
        identity: Identity,
        launch: Callable[[Sequence[Operation]], None],
        clock: Clock,
        real: Clock,
    ) -> None:
        self._store = store
        self._scoring = scoring
        self._identity = identity
        self._launch = launch
        self._clock = clock
        self._real = real

    async def remake(self, news: PutRight) -> Refusal | None:
        """Decides again, once per event.

        Returns:
            Why the event is to be told again: a hold is still on its way, or a neighbour does not answer.
        """
        held = await self._store.find_held(news.renter_id, news.since)
        if any(one.pending for one in held):
            return Refusal(Category.UNAVAILABLE, "UPSTREAM_UNAVAILABLE", "a hold is on its way; tell it again")
        try:
            asked = [one for one in held if await self._consents(one)]
        except Refusal as refusal:
            return None if refusal.reason == "RENTER_NOT_FOUND" else refusal
        answers = await self._scoring.admit([Question(one.renter_id, one.threshold) for one in asked]) if asked else []
        silent = next((answer for answer in answers if isinstance(answer, Refusal)), None)
        if silent is not None:
            return silent
        await self._write(news, [(one, a) for one, a in zip(asked, answers, strict=True) if isinstance(a, Answer)])
        return None

    async def _consents(self, held: Held) -> bool:
        return (await self._identity.check(held.renter_id, held.partner_id)).scoring_consent

    async def _write(self, news: PutRight, answered: Sequence[tuple[Held, Answer]]) -> None:
        now = self._clock.now()
        request = Request(bucket_of(news.renter_id), "scoring", "Deliver", news.event_id, fingerprint(news.renter_id))
        remade = [
            Remade(one.deposit_id, Again(a.score, a.model_version, a.facts_version), one.max_open_waived)
            for one, a in answered
            if a.outcome is AdmittanceOutcome.ADMITTED
        ]
        uses = [use for one, a in answered if (use := _use(news, one, a, now)) is not None]
        changes = await self._store.remake(request, news.renter_id, remade, uses, now, self._real.now() + LEASE)
        self._launch([operation for change in changes for operation in change.wanted])


def _use(news: PutRight, held: Held, answer: Answer, now: datetime) -> ScoreUse | None:
    use_id = f"{held.deposit_id}:{news.event_id}"
    return score_use(UseKind.DECISION_REMADE, use_id, held, held.threshold, answer, now)
