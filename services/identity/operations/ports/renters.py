"""People: registered, read, checked, changed, and who saw what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from services.identity.domain import Access, Account, Verdict
from services.values.errors import Refusal
from services.values.requests import Request
from services.values.sealed import Sealed


@dataclass(frozen=True, slots=True)
class NewRenter:
    """A person about to be registered, sealed. `verify_after` is when the registry is asked again (real time)."""

    renter_id: str
    partner_id: str
    document_index: bytes
    adult: bool
    sealed: Sealed
    created_at: datetime
    verify_after: datetime


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A RegisterRenter with the person that it would make."""

    request: Request
    renter: NewRenter


@dataclass(frozen=True, slots=True)
class FoundRenter:
    """An account, and whether the partner that was named has a link to it."""

    account: Account
    linked: bool


@dataclass(frozen=True, slots=True)
class Unverified:
    """A person whom the registry is to be asked about, in which round."""

    renter_id: str
    sealed: Sealed
    verify_round: int


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """What one read tells of a person; `sealed` only of those who may be minors. `document_checked`, ever; `verified`
    says that it still counts."""

    verified: bool
    document_checked: bool
    face_checked: bool
    adult: bool
    sealed: Sealed | None
    linked: bool
    consenting: bool


class RenterStore(Protocol):
    """People, sealed, and their links to partners."""

    async def register(self, enrolments: Sequence[Enrolment]) -> list[str | Refusal]: ...
    async def find_renters(self, people: Sequence[tuple[str, str]]) -> list[FoundRenter | Refusal]: ...
    async def find_renter(self, renter_id: str, partner_id: str = "") -> FoundRenter | None: ...
    async def lease_unverified(
        self, now: datetime, lease: timedelta, longest: timedelta, limit: int
    ) -> list[Unverified]: ...
    async def finish_verification(
        self, renter_id: str, verify_round: int, verdict: Verdict, until: datetime, now: datetime
    ) -> None: ...
    async def link(self, request: Request, renter_id: str, partner_id: str, now: datetime) -> datetime: ...
    async def check(self, people: Sequence[tuple[str, str]], now: datetime) -> list[CheckedRow | None]: ...


@dataclass(frozen=True, slots=True)
class Note:
    """Why an account changes, for its history: what was done, by whom, in their words."""

    kind: str
    actor: str
    reason: str
    changed_at: datetime


Apply = Callable[[Account, Account | None], Account]
"""A change of an account, which may look at another one; raises a Refusal."""


class AccountStore(Protocol):
    """Changes of accounts, each with its note."""

    async def change(self, request: Request, renter_id: str, note: Note, apply: Apply, beside: str = "") -> Account: ...
    async def find_changed(self, request: Request, renter_id: str) -> Account | None: ...


class WrapStore(Protocol):
    """Data keys as they are wrapped."""

    async def find_old_wraps(self, active: int, limit: int) -> list[tuple[str, Sealed]]: ...
    async def save_wraps(self, wraps: Sequence[tuple[str, Sealed, Sealed]]) -> None: ...


class NoticeStore(Protocol):
    """Which news people were told."""

    async def was_told(self, request: Request) -> bool: ...
    async def remember(self, request: Request, renter_id: str, now: datetime) -> None: ...


class AccessStore(Protocol):
    """Who saw what, append-only."""

    async def record(self, accesses: Sequence[Access]) -> None: ...
    async def list_accesses(self, renter_id: str, before: str, limit: int) -> list[Access]: ...
