"""The use cases of scoring: record what happened, decide admittance, explain a score to its owner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.scoring.domain import (
    Admittance,
    Assessment,
    Event,
    Fact,
    Improvement,
    Model,
    Standing,
    UnscoredReason,
    admit,
    improvements,
)
from services.values import pages
from services.values.clock import Clock
from services.values.errors import Category, Refusal

DEPOSIT_WAIVER = "DEPOSIT_WAIVER"
PURPOSE_NOT_ALLOWED = "PURPOSE_NOT_ALLOWED"

FactKey = tuple[str, str]
"""(renter_id, fact_id)"""


@dataclass(frozen=True, slots=True)
class Question:
    """Is this person's score above this threshold? For deposits only."""

    renter_id: str
    threshold: int
    purpose: str


@dataclass(frozen=True, slots=True)
class Stored:
    """What is kept of a person: whether their facts are sealed, and the latest assessment, None before the first."""

    sealed: bool
    assessment: Assessment | None
    computed_at: datetime


@dataclass(frozen=True, slots=True)
class Explained:
    """A person's own view of their score: the stored assessment, or why there is none."""

    assessment: Assessment | None
    unscored: UnscoredReason | None
    computed_at: datetime | None
    improvements: tuple[Improvement, ...] = ()


@dataclass(frozen=True, slots=True)
class PastScore:
    """One entry of a person's history; `facts` is how many facts it was computed from."""

    score: int | None
    computed_at: datetime
    facts: int
    model_version: str


class Store(Protocol):
    """What scoring keeps."""

    async def read_standings(self, renter_ids: Sequence[str]) -> list[Standing | None]: ...
    async def read_assessment(self, renter_id: str) -> Stored | None: ...
    async def list_history(self, renter_id: str, before: int, limit: int) -> list[PastScore]: ...
    async def find_facts(self, facts: Sequence[Fact]) -> Mapping[FactKey, Fact]: ...
    async def apply(self, events: Sequence[Event], model: Model, now: datetime) -> None: ...


class Consents(Protocol):
    """Whether people consent to scoring with any partner, read fresh. One answer per person, in order."""

    async def consenting(self, renter_ids: Sequence[str]) -> list[bool | Refusal]: ...


class Scoring:
    """Scoring's use cases over a store, a model and identity's word on consent."""

    def __init__(self, store: Store, consents: Consents, model: Model, clock: Clock) -> None:
        self._store = store
        self._consents = consents
        self._model = model
        self._clock = clock

    async def admit(self, questions: list[Question]) -> list[Admittance | Refusal]:
        """One decision per question: a pure read. Another purpose than deposits is PURPOSE_NOT_ALLOWED."""
        standings = await self._store.read_standings([q.renter_id for q in questions])
        return [self._decide(question, found) for question, found in zip(questions, standings, strict=True)]

    def _decide(self, question: Question, found: Standing | None) -> Admittance | Refusal:
        if question.purpose != DEPOSIT_WAIVER:
            return Refusal(Category.PERMISSION_DENIED, PURPOSE_NOT_ALLOWED, "the score serves deposits only")
        nothing_known = Standing(None, sealed=False, reason_codes=(), model_version=self._model.version)
        return admit(found or nothing_known, question.threshold)

    async def deliver(self, events: Sequence[Event]) -> None:
        """Applies events of other services, in order per person; repeated ones change nothing."""
        await self._store.apply(events, self._model, self._clock.now())

    async def record_facts(self, facts: Sequence[Fact]) -> list[Refusal | None]:
        """Records facts of people who consent; one outcome per fact.

        Refuses CONSENT_REQUIRED, RENTER_NOT_FOUND, and FACT_ID_REUSED for a known id with other content.
        """
        consenting = await self._consents.consenting([f.renter_id for f in facts])
        known = dict(await self._store.find_facts(facts))
        outcomes = [_check(fact, answer, known) for fact, answer in zip(facts, consenting, strict=True)]
        accepted = [fact for fact, refused in zip(facts, outcomes, strict=True) if refused is None]
        if accepted:
            await self._store.apply(accepted, self._model, self._clock.now())
        return outcomes

    async def explain(self, renter_id: str) -> Explained:
        """A person's own score with its points and reasons; without consent nothing is shown."""
        (consenting,) = await self._consents.consenting([renter_id])
        if isinstance(consenting, Refusal):
            raise consenting
        stored = await self._store.read_assessment(renter_id)
        if not consenting or (stored is not None and stored.sealed):
            return Explained(None, UnscoredReason.NO_CONSENT, None)
        if stored is None or stored.assessment is None:
            return Explained(None, UnscoredReason.TOO_FEW_FACTS, None)
        steps = improvements(self._model, stored.assessment)
        return Explained(stored.assessment, stored.assessment.unscored, stored.computed_at, steps)

    async def history(self, renter_id: str, page_size: int, page_token: str) -> tuple[list[PastScore], str]:
        """A page of a person's scores, newest first, and the next page's token. Raises PAGE_TOKEN_INVALID."""
        size = pages.page_size(page_size)
        before = pages.decode(page_token, "scores", renter_id)
        found = await self._store.list_history(renter_id, int(before or 0), size + 1)
        more = pages.encode(str(found[size - 1].facts), "scores", renter_id) if len(found) > size else ""
        return found[:size], more


def _check(fact: Fact, consenting: bool | Refusal, known: dict[FactKey, Fact]) -> Refusal | None:
    """Why a fact is not recorded; an accepted one is known to those that follow it in the same call."""
    if isinstance(consenting, Refusal):
        return consenting
    if not consenting:
        return Refusal(Category.FAILED_PRECONDITION, "CONSENT_REQUIRED", "the person has not consented to scoring")
    if known.setdefault((fact.renter_id, fact.fact_id), fact) != fact:
        return Refusal(Category.ALREADY_EXISTS, "FACT_ID_REUSED", "this fact_id is recorded with other content")
    return None
