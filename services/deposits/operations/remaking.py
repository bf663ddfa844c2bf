"""Deciding again once a person's facts were put right: what would be waived now is waived, previews are forgotten.

Only in the person's favour, and only where money is still held: a waiver is never taken back, an ended rental is over.
A deposit that would only be smaller now stays as it is held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.deposits.domain import AdmittanceOutcome, Again, ScoreUse, UseKind
from services.deposits.operations.asking import Asking, ask
from services.deposits.operations.changing import LEASE, Changing
from services.deposits.operations.ports import Answer, Held, Identity, Remade, Scoring
from services.deposits.operations.ports.policies import cap_of
from services.deposits.operations.securing import score_use
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
    """Makes decisions again under the policy version that each was made under."""

    def __init__(self, changing: Changing, scoring: Scoring, identity: Identity) -> None:
        self._changing = changing
        self._store = changing.store
        self._scoring = scoring
        self._identity = identity

    async def remake(self, news: PutRight) -> Refusal | None:
        """Decides again, once per event.

        Returns:
            Why the event is to be told again: a hold is still on its way, or a neighbour does not answer.
        """
        held = await self._store.find_held(news.renter_id, news.since)
        if any(one.pending for one in held):
            return Refusal(Category.UNAVAILABLE, "UPSTREAM_UNAVAILABLE", "a hold is on its way; tell it again")
        try:
            askings = [await self._asking(one) for one in held]
        except Refusal as refusal:
            return None if refusal.reason == "RENTER_NOT_FOUND" else refusal
        answers = await ask(self._scoring, askings)
        silent = next((answer for answer in answers if isinstance(answer, Refusal)), None)
        if silent is not None:
            return silent
        await self._write(news, [(one, a) for one, a in zip(held, answers, strict=True) if isinstance(a, Answer)])
        return None

    async def _asking(self, held: Held) -> Asking:
        """The person as they stand now, under the version that the deposit was decided under."""
        person = await self._identity.check(held.renter_id, held.partner_id)
        return Asking(held.renter_id, held.draft, person.scoring_consent, person.assurance)

    async def _write(self, news: PutRight, answered: Sequence[tuple[Held, Answer]]) -> None:
        moment = self._changing.moment()
        request = Request(bucket_of(news.renter_id), "scoring", "Deliver", news.event_id, fingerprint(news.renter_id))
        remade = [
            Remade(one.deposit_id, Again(a.score, a.model_version, a.facts_version), cap_of(one.draft))
            for one, a in answered
            if a.outcome is AdmittanceOutcome.ADMITTED
        ]
        uses = [use for one, a in answered if (use := _use(news, one, a, moment.now)) is not None]
        lease_until = self._changing.real.now() + LEASE
        changes = await self._store.remake(request, news.renter_id, remade, uses, moment, lease_until)
        self._changing.launch([operation for change in changes for operation in change.wanted])


def _use(news: PutRight, held: Held, answer: Answer, now: datetime) -> ScoreUse | None:
    use_id = f"{held.deposit_id}:{news.event_id}"
    return score_use(UseKind.DECISION_REMADE, use_id, held, held.draft.threshold, answer, now)
