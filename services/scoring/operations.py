"""The use cases of scoring: record what happened, decide admittance, explain a score to its owner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from services.scoring.domain import Admittance, ConsentChange, Fact, FactKind, Model, UnscoredReason, admit
from services.values.clock import Clock
from services.values.errors import Category, Refusal

DEPOSIT_WAIVER = "DEPOSIT_WAIVER"


@dataclass(frozen=True, slots=True)
class Question:
    """Is this person's score above this threshold? For deposits only."""

    renter_id: str
    threshold: int
    purpose: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A score in force; None when the facts are sealed or too few."""

    score: int | None
    reason_codes: tuple[str, ...]
    model_version: str


@dataclass(frozen=True, slots=True)
class Explained:
    """A person's own view of their score: the stored assessment, or why there is none."""

    assessment: dict[str, Any] | None
    unscored: UnscoredReason | None
    computed_at: datetime | None


class Store(Protocol):
    """What scoring keeps."""

    async def read_scores(self, renter_ids: Sequence[str]) -> list[Stored | None]: ...

    async def read_assessment(self, renter_id: str) -> tuple[bool, dict[str, Any], datetime] | None: ...

    async def find_facts(self, facts: Sequence[Fact]) -> dict[tuple[str, str], tuple[FactKind, datetime]]: ...

    async def apply(
        self, facts: Sequence[Fact], changes: Sequence[ConsentChange], model: Model, now: datetime
    ) -> None: ...


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
        """One decision per question: a pure read. Another purpose than deposits is refused."""
        stored = await self._store.read_scores([q.renter_id for q in questions])
        return [self._decide(question, found) for question, found in zip(questions, stored, strict=True)]

    def _decide(self, question: Question, found: Stored | None) -> Admittance | Refusal:
        if question.purpose != DEPOSIT_WAIVER:
            return Refusal(Category.PERMISSION_DENIED, "PURPOSE_NOT_ALLOWED", "the score serves deposits only")
        if found is None:
            return admit(None, (), self._model.version, question.threshold)
        return admit(found.score, found.reason_codes, found.model_version, question.threshold)

    async def deliver(self, facts: Sequence[Fact], changes: Sequence[ConsentChange]) -> None:
        """Applies events of other services; repeated ones change nothing, whatever their order."""
        await self._store.apply(facts, changes, self._model, self._clock.now())

    async def record_facts(self, facts: Sequence[Fact]) -> list[Refusal | None]:
        """Records facts of people who consent; one outcome per fact.

        Refuses CONSENT_REQUIRED, RENTER_NOT_FOUND, and FACT_ID_REUSED for a known id with other content.
        """
        consenting = await self._consents.consenting([f.renter_id for f in facts])
        known = await self._store.find_facts(facts)
        outcomes = [_check(f, c, known) for f, c in zip(facts, consenting, strict=True)]
        accepted = [fact for fact, refused in zip(facts, outcomes, strict=True) if refused is None]
        if accepted:
            await self._store.apply(accepted, (), self._model, self._clock.now())
        return outcomes

    async def explain(self, renter_id: str) -> Explained:
        """A person's own score with its points and reasons; without consent nothing is shown."""
        (consenting,) = await self._consents.consenting([renter_id])
        if isinstance(consenting, Refusal):
            raise consenting
        found = await self._store.read_assessment(renter_id)
        if not consenting or (found is not None and not found[0]):
            return Explained(None, UnscoredReason.NO_CONSENT, None)
        if found is None or not found[1]:
            return Explained(None, UnscoredReason.TOO_FEW_FACTS, None)
        unscored = found[1]["unscored"]
        return Explained(found[1], None if unscored is None else UnscoredReason(unscored), found[2])


def _check(
    fact: Fact, consenting: bool | Refusal, known: dict[tuple[str, str], tuple[FactKind, datetime]]
) -> Refusal | None:
    if isinstance(consenting, Refusal):
        return consenting
    if not consenting:
        return Refusal(Category.FAILED_PRECONDITION, "CONSENT_REQUIRED", "the person has not consented to scoring")
    recorded = known.get((fact.renter_id, fact.fact_id))
    if recorded is not None and recorded != (fact.kind, fact.occurred_at):
        return Refusal(Category.ALREADY_EXISTS, "FACT_ID_REUSED", "this fact_id is recorded with other content")
    return None
