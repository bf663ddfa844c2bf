"""The use cases of scoring: record what happened, decide admittance, explain a score to its owner."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime

from services.scoring.domain import (
    BAD_RECORD,
    Admittance,
    Event,
    Fact,
    Standing,
    UnscoredReason,
    admit,
    fault_of,
    gaps,
    improvements,
    years_before,
)
from services.scoring.operations.paging import LATEST
from services.scoring.operations.ports import (
    Consents,
    Explained,
    FactKey,
    Past,
    PastScore,
    Question,
    ScoreStore,
    consent_required,
)
from services.scoring.operations.scorecards import Scorecards
from services.values import pages
from services.values.clock import Clock
from services.values.errors import Category, Refusal, invalid

DEPOSIT_WAIVER = "DEPOSIT_WAIVER"
PURPOSE_NOT_ALLOWED = "PURPOSE_NOT_ALLOWED"
NEWEST: Past = (2**63 - 1, LATEST, "")
"""Where the first page of a history starts."""


class Scoring:
    """Scoring's use cases over a store, a model and identity's word on consent."""

    def __init__(self, store: ScoreStore, consents: Consents, cards: Scorecards, clock: Clock) -> None:
        self._store = store
        self._consents = consents
        self._cards = cards
        self._clock = clock

    async def admit(self, questions: list[Question]) -> list[Admittance | Refusal]:
        """One decision per question: a pure read. Another purpose than deposits is PURPOSE_NOT_ALLOWED."""
        standings = await self._store.read_standings([q.renter_id for q in questions])
        fresh = await self._of_this_moment(questions, standings)
        now = self._clock.now()
        return [
            self._decide(q, fresh.get(q.renter_id, found), now) for q, found in zip(questions, standings, strict=True)
        ]

    async def _of_this_moment(
        self, questions: Sequence[Question], standings: Sequence[Standing | None]
    ) -> dict[str, Standing]:
        """The standings of people of whom a record has run out and nobody has written it down yet."""
        now = self._clock.now()
        late = {q.renter_id for q, s in zip(questions, standings, strict=True) if s is not None and _is_over(s, now)}
        people = sorted(late)
        found = await self._store.standings_at(people, self._cards.served, now) if people else []
        return dict(zip(people, found, strict=True))

    def _decide(self, question: Question, found: Standing | None, now: datetime) -> Admittance | Refusal:
        if question.purpose != DEPOSIT_WAIVER:
            return Refusal(Category.PERMISSION_DENIED, PURPOSE_NOT_ALLOWED, "the score serves deposits only")
        lines = (question.threshold, *question.higher)
        if any(line <= before for before, line in itertools.pairwise(lines)):
            return invalid("higher_thresholds", "each lies above the one before")
        standing = found or self._unknown()
        years = question.clean_record_years
        clean_since = years_before(now, years) if years else None
        decided = admit(standing, question.threshold, question.higher, clean_since)
        if BAD_RECORD not in decided.reason_codes:
            self._cards.compared(standing, question.threshold, decided)
        return decided

    def _unknown(self) -> Standing:
        return Standing(None, sealed=False, reason_codes=(), model_version=self._cards.served.champion.version)

    async def deliver(self, events: Sequence[Event]) -> None:
        """Applies events of other services, in order per person; repeated ones change nothing."""
        await self._store.apply(events, self._cards.served, self._clock.now())

    async def record_facts(self, facts: Sequence[Fact]) -> list[Refusal | None]:
        """Records facts of people who consent; one outcome per fact.

        Refuses INVALID_FIELD, CONSENT_REQUIRED, RENTER_NOT_FOUND, and FACT_ID_REUSED for a known id with other content.
        """
        now = self._clock.now()
        consenting = await self._consents.consenting([f.renter_id for f in facts])
        known = dict(await self._store.find_facts(facts))
        outcomes = [
            fault_of(fact, now) or _check(fact, answer, known) for fact, answer in zip(facts, consenting, strict=True)
        ]
        accepted = [fact for fact, refused in zip(facts, outcomes, strict=True) if refused is None]
        if accepted:
            await self._store.apply(accepted, self._cards.served, now)
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
        made = stored.assessment
        missed = gaps(made.score, await self._store.last_asked(renter_id)) if made.score is not None else []
        steps = improvements(self._cards.of(made.model_version), made)
        return Explained(made, made.unscored, stored.computed_at, steps, tuple(missed), stored.facts_version)

    async def let_run_out(self, limit: int) -> int:
        """Recomputes people of whom a record has run out; gives how many there were."""
        return await self._store.recompute_changed(self._cards.served, self._clock.now(), limit)

    async def history(self, renter_id: str, page_size: int, page_token: str) -> tuple[list[PastScore], str]:
        """A page of a person's scores, newest first, and the next page's token. Raises PAGE_TOKEN_INVALID."""
        size = pages.page_size(page_size)
        before = pages.decode_as(_past, page_token, "scores", renter_id) or NEWEST
        found = await self._store.list_history(renter_id, before, size + 1)
        if len(found) <= size:
            return found, ""
        last = found[size - 1]
        end = f"{last.facts_version}|{last.computed_at.isoformat()}|{last.model_version}"
        return found[:size], pages.encode(end, "scores", renter_id)


def _past(at: str) -> Past:
    """Where in a history a page ended."""
    version, moment, model = at.split("|", 2)
    if not 0 <= int(version) < 2**63:
        raise ValueError("not a version")
    return int(version), pages.moment(moment), model


def _is_over(standing: Standing, now: datetime) -> bool:
    return standing.changes_at is not None and standing.changes_at <= now


def _check(fact: Fact, consenting: bool | Refusal, known: dict[FactKey, Fact]) -> Refusal | None:
    """Why a fact is not recorded; an accepted one is known to those that follow it in the same call."""
    if isinstance(consenting, Refusal):
        return consenting
    if not consenting:
        return consent_required()
    if known.setdefault((fact.renter_id, fact.fact_id), fact) != fact:
        return Refusal(Category.ALREADY_EXISTS, "FACT_ID_REUSED", "this fact_id is recorded with other content")
    return None
