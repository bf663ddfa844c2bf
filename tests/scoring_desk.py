"""Scoring's use cases over a real store, with a clock that stands still and identity's word as a test says it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.runtime.database import Database
from services.runtime.key_ring import FIRST_KEY, FileKeyRing, create_key
from services.runtime.vault import TextVault
from services.scoring.calibrations import read_panel
from services.scoring.domain import Fact, Outcome, facts_for_score, spread
from services.scoring.domain.bureau_links import Report
from services.scoring.models import DEFAULT_SCORECARD, read_model, read_models
from services.scoring.operations import (
    DEPOSIT_WAIVER,
    Bureaus,
    Disputes,
    Endorsements,
    Facts,
    Question,
    Scorecards,
    Scoring,
    Uses,
)
from services.scoring.operations.bureaus import Granted, NoReport
from services.scoring.store import Store
from services.values.errors import Refusal

MODEL = read_model(DEFAULT_SCORECARD)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass
class Hands:
    """A clock that stands still until it is set."""

    time: datetime = NOON

    def now(self) -> datetime:
        return self.time


@dataclass
class Word:
    """Identity's word on consent: everybody consents, unless told otherwise."""

    answers: dict[str, bool | Refusal] = field(default_factory=dict)

    async def consenting(self, renter_ids: Sequence[str]) -> list[bool | Refusal]:
        return [self.answers.get(renter_id, True) for renter_id in renter_ids]


@dataclass
class Wires:
    """The bureaus as a test says them: `says` per bureau, None for silence; a code is a handle and an account."""

    says: dict[str, Report | NoReport | None] = field(default_factory=dict)
    grants: dict[str, Granted | Refusal | None] = field(default_factory=dict)
    revokes: bool = True
    redeemed: list[tuple[str, str, str]] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    revoked: list[tuple[str, str]] = field(default_factory=list)

    async def redeem(self, bureau: str, code: str, key: str) -> Granted | Refusal | None:
        self.redeemed.append((bureau, code, key))
        return self.grants.get(code, Granted(f"handle-{code}", f"account-{code}"))

    async def report(self, bureau: str, handle: str) -> Report | NoReport | None:
        self.asked.append((bureau, handle))
        return self.says.get(bureau)

    async def revoke(self, bureau: str, handle: str) -> bool:
        self.revoked.append((bureau, handle))
        return self.revokes


@dataclass
class Desk:
    """Everything that scoring can do. `ann` is an operator with request ids of her own; leases think it is `later`."""

    db: Database
    keys: Path
    word: Word = field(default_factory=Word)
    hands: Hands = field(default_factory=Hands)
    wires: Wires = field(default_factory=Wires)
    woken: list[None] = field(default_factory=list)
    later: timedelta = timedelta()
    ann: str = field(default_factory=lambda: f"ann-{uuid.uuid4().hex}")

    def __post_init__(self) -> None:
        create_key(self.keys / FIRST_KEY)
        vault = TextVault(FileKeyRing(self.keys))
        self.store = Store(self.db, vault, lambda: datetime.now(UTC) + self.later, lambda: self.woken.append(None))
        self.cards = Scorecards(self.store, read_models(), DEFAULT_SCORECARD, self.hands)
        self.scoring = Scoring(self.store, self.word, self.cards, self.hands)
        self.facts = Facts(self.store, self.word, self.cards, self.hands)
        self.uses = Uses(self.store)
        self.disputes = Disputes(self.store, self.cards, self.hands)
        self.endorsements = Endorsements(self.store, self.word, self.cards, self.hands)
        self.bureaus = Bureaus(self.store, self.wires, self.word, read_panel(), self.cards, self.hands)

    async def score(self, renter_id: str) -> int | None:
        explained = await self.scoring.explain(renter_id)
        return None if explained.assessment is None else explained.assessment.score

    async def outcome(self, renter_id: str, threshold: int) -> Outcome:
        (answer,) = await self.scoring.admit([Question(renter_id, threshold, DEPOSIT_WAIVER)])
        assert not isinstance(answer, Refusal)
        return answer.outcome

    async def stored(self, renter_id: str) -> tuple[object, ...]:
        row = await self.db.fetchrow(
            "SELECT score, facts, reason_codes, assessment, model_version FROM scores WHERE renter_id = $1", renter_id
        )
        assert row is not None
        return tuple(row)

    async def count(self, table: str, renter_id: str) -> int:
        found = await self.db.fetchval(f"SELECT count(*) FROM {table} WHERE renter_id = $1", renter_id)
        assert isinstance(found, int)
        return found


def history(renter_id: str, score: int) -> list[Fact]:
    """Facts that give that score."""
    return list(spread(facts_for_score(MODEL, score), renter_id, NOON))
