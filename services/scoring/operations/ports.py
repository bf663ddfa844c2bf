"""What the use cases take and give, and what they need of the world: a store, and identity's word on consent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.scoring.domain import (
    Asked,
    Assessment,
    Dispute,
    DisputeState,
    Endorsement,
    EndReason,
    Event,
    Fact,
    Gap,
    Improvement,
    Recorded,
    Served,
    Standing,
    UnscoredReason,
    Use,
)
from services.values.errors import Category, Refusal
from services.values.requests import Request

FactKey = tuple[str, str]
"""(renter_id, fact_id)"""

Before = tuple[datetime, str]
"""Where a page starts in a list that is sorted by time and id, the newest first."""


Past = tuple[int, datetime, str]
"""Where a page starts in a history: a version of the facts, a moment, a version of the scorecard."""


@dataclass(frozen=True, slots=True)
class Question:
    """Is this person's score above this threshold, and above how many higher ones? For deposits only.

    With `clean_record_years`, only if no bad record happened in so many years.
    """

    renter_id: str
    threshold: int
    purpose: str
    higher: tuple[int, ...] = ()
    clean_record_years: int = 0


@dataclass(frozen=True, slots=True)
class Stored:
    """What is kept of a person: whether their facts are sealed, and the latest assessment, None before the first."""

    sealed: bool
    assessment: Assessment | None
    computed_at: datetime
    facts_version: int = 0


@dataclass(frozen=True, slots=True)
class Explained:
    """A person's own view of their score: the stored assessment, or why there is none."""

    assessment: Assessment | None
    unscored: UnscoredReason | None
    computed_at: datetime | None
    improvements: tuple[Improvement, ...] = ()
    gaps: tuple[Gap, ...] = ()
    facts_version: int = 0


@dataclass(frozen=True, slots=True)
class PastScore:
    """One entry of a person's history; `facts` is how many facts counted."""

    score: int | None
    computed_at: datetime
    facts: int
    model_version: str
    facts_version: int


@dataclass(frozen=True, slots=True)
class Told:
    """A fact as it stands, and what the person says of it."""

    recorded: Recorded
    statement: str = ""


Revise = Callable[[Recorded], Recorded]


class ScoreStore(Protocol):
    """Scores and the facts that make them."""

    async def read_standings(self, renter_ids: Sequence[str]) -> list[Standing | None]: ...
    async def standings_at(self, renter_ids: Sequence[str], served: Served, now: datetime) -> list[Standing]: ...
    async def read_assessment(self, renter_id: str) -> Stored | None: ...
    async def list_history(self, renter_id: str, before: Past, limit: int) -> list[PastScore]: ...
    async def find_facts(self, facts: Sequence[Fact]) -> Mapping[FactKey, Fact]: ...
    async def apply(self, events: Sequence[Event], served: Served, now: datetime) -> None: ...
    async def recompute_changed(self, served: Served, now: datetime, limit: int) -> int: ...
    async def last_asked(self, renter_id: str) -> list[Asked]: ...


class FactStore(Protocol):
    """Facts one by one."""

    async def list_facts(self, renter_id: str, before: Before, limit: int) -> list[Told]: ...
    async def revise_fact(
        self, request: Request, renter_id: str, fact_id: str, revise: Revise, served: Served, now: datetime
    ) -> Told: ...
    async def set_statement(
        self, request: Request, renter_id: str, fact_id: str, statement: str, now: datetime
    ) -> Told: ...


class UseStore(Protocol):
    """Uses of scores."""

    async def add_uses(self, uses: Sequence[Use]) -> None: ...
    async def list_uses(self, renter_id: str, before: Before, limit: int) -> list[Use]: ...


@dataclass(frozen=True, slots=True)
class Case:
    """A dispute with what it is about, as it stands."""

    dispute: Dispute
    fact: Told | None
    use: Use | None


@dataclass(frozen=True, slots=True)
class Ruling:
    """How a dispute ends. `corrected` puts the fact right, with CORRECTED."""

    state: DisputeState
    by: str
    reason: str
    corrected: Fact | None = None


class DisputeStore(Protocol):
    """Disputes."""

    async def open_dispute(self, request: Request, draft: Dispute, served: Served) -> Case: ...
    async def end_dispute(
        self, request: Request | None, dispute_id: str, renter_id: str, ruling: Ruling, served: Served, now: datetime
    ) -> Case: ...
    async def list_disputes(self, renter_id: str, before: str, limit: int) -> list[Case]: ...
    async def list_open_disputes(self, after: Before, limit: int) -> list[Case]: ...
    async def find_lapsed(self, now: datetime, limit: int) -> list[Dispute]: ...


class EndorsementStore(Protocol):
    """Endorsements and the codes that they are made with."""

    async def save_code(
        self, request: Request, renter_id: str, digest: bytes, until: datetime, now: datetime
    ) -> None: ...
    async def endorse(
        self, request: Request, endorser_id: str, digest: bytes, served: Served, now: datetime
    ) -> Endorsement: ...
    async def end_endorsement(
        self, request: Request | None, endorsement_id: str, who: str, why: EndReason, served: Served, now: datetime
    ) -> Endorsement: ...
    async def list_endorsements(self, renter_id: str) -> list[Endorsement]: ...
    async def find_fallen(self, above: int, limit: int) -> list[Endorsement]: ...


class Consents(Protocol):
    """Whether people consent to scoring with any partner, read fresh. One answer per person, in order."""

    async def consenting(self, renter_ids: Sequence[str]) -> list[bool | Refusal]: ...


def consent_required() -> Refusal:
    """The refusal to learn something about a person who has not consented."""
    return Refusal(Category.FAILED_PRECONDITION, "CONSENT_REQUIRED", "the person has not consented to scoring")


async def require_consent(consents: Consents, renter_id: str) -> None:
    """Raises CONSENT_REQUIRED, RENTER_NOT_FOUND or UPSTREAM_UNAVAILABLE."""
    (consenting,) = await consents.consenting([renter_id])
    if isinstance(consenting, Refusal):
        raise consenting
    if not consenting:
        raise consent_required()
