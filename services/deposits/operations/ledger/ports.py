"""What the ledger's use cases need of the store, and what it answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from services.deposits.domain.ledger import Correction, CorrectionState, Entry, Leaf, Period, Root, TransferKind
from services.deposits.domain.ledger.auditing import Totals
from services.deposits.domain.ledger.books import Pages
from services.deposits.domain.ledger.corrections import Corrected
from services.values.errors import Refusal
from services.values.requests import Request

Place = tuple[int, str]
"""(bucket, renter_id): a chain, in the order in which chains are rolled up."""

Draft = Callable[[Corrected, str, str, str], Correction | Refusal]
"""Decides on a correction, given the transfer and its deposit_id, renter_id, partner_id."""


@dataclass(frozen=True, slots=True)
class Owned:
    """Whose books: a partner's, a renter's, or with both what the two have with each other."""

    partner_id: str
    renter_id: str


@dataclass(frozen=True, slots=True)
class Selection:
    """Which transfers: booked from `first` to before `after`; of a deposit, of a kind, or "" for any."""

    first: date
    after: date
    deposit_id: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class DayTotal:
    """What an account moved on a day, minor units; None: on all days before."""

    day: date | None
    account: str
    currency: str
    debits_minor: int
    credits_minor: int


@dataclass(frozen=True, slots=True)
class Listed:
    """A transfer as it is shown."""

    transfer_id: str
    deposit_id: str
    renter_id: str
    partner_id: str
    kind: TransferKind
    occurred_at: datetime
    corrects: str
    booked_on: date
    currency: str
    entries: tuple[Entry, ...]


class LedgerStore(Protocol):
    """What the store does for the ledger."""

    async def roll_up(self, after: Place, limit: int) -> list[Place]: ...
    async def first_unsealed_day(self) -> date | None: ...
    async def close_days(self, days: list[date], real_now: datetime) -> None: ...
    async def next_to_seal(self, closed_by: datetime) -> tuple[date, bytes] | None: ...
    def leaves_of(self, day: date) -> AsyncIterator[Leaf]: ...
    async def seal_day(self, day: date, root: bytes, renters: int) -> None: ...
    async def list_roots(self, before: date, limit: int) -> list[Root]: ...
    async def close_period(self, request: Request, month: date, operator: str, now: datetime) -> Period: ...
    async def read_periods(self, first: date, after: date) -> list[Period]: ...
    async def propose_correction(
        self, request: Request, correction_id: str, transfer_id: str, draft: Draft, now: datetime
    ) -> Correction: ...
    async def approve_correction(
        self,
        request: Request,
        correction_id: str,
        decide: Callable[[Correction], Correction | Refusal],
        now: datetime,
    ) -> Correction: ...
    async def list_corrections(self, state: CorrectionState | None, before: str, limit: int) -> list[Correction]: ...
    async def ledger_days(self, whose: Owned, first: date, after: date) -> list[DayTotal]: ...
    async def ledger_transfers(
        self, whose: Owned, selection: Selection, after: tuple[date, str], limit: int
    ) -> list[Listed]: ...


class Books(Protocol):
    """All of the ledger at one moment."""

    def buckets(self) -> AsyncIterator[Pages]: ...
    async def roots(self) -> list[Root]: ...
    async def partner_days(self) -> Totals: ...
    async def periods(self) -> list[Period]: ...
