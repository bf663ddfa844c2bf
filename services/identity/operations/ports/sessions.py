"""Codes, sessions and agreements of people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.identity.domain import Consent
from services.values.requests import Request


@dataclass(frozen=True, slots=True)
class NewCode:
    """A code about to be sent, or, when the partner has no such renter, made to reach nobody. Real time."""

    renter_id: str
    partner_id: str
    code_hash: bytes
    sent_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ShownCode:
    """A code as somebody shows it. `now` is real time; `verified_at` is when the phone is verified, business time."""

    renter_id: str
    partner_id: str
    code_hash: bytes
    now: datetime
    verified_at: datetime


@dataclass(frozen=True, slots=True)
class NewRefresh:
    """A refresh token about to be given out, by its keyed hash. Real time."""

    renter_id: str
    partner_id: str
    session_id: str
    token_hash: bytes
    issued_at: datetime
    expires_at: datetime


class CodeStore(Protocol):
    """One-time codes, by their keyed hash."""

    async def send_code(self, request: Request, code: NewCode) -> tuple[datetime, bool]: ...
    async def use_code(self, request: Request, code: ShownCode, refresh: NewRefresh) -> None: ...


class SessionStore(Protocol):
    """Refresh tokens, by their keyed hash. A session is the row of tokens that follow one another."""

    async def exchange(self, request: Request, shown_hash: bytes, fresh: NewRefresh) -> None: ...
    async def end_sessions(self, request: Request, renter_id: str, now: datetime) -> int: ...


class ConsentStore(Protocol):
    """Agreements."""

    async def grant(self, request: Request, consent: Consent) -> Consent: ...
    async def withdraw(
        self, request: Request, renter_id: str, partner_id: str, purpose: str, now: datetime
    ) -> Consent: ...
    async def withdraw_all(self, request: Request, renter_id: str, purpose: str, now: datetime) -> int: ...
    async def list_consents(self, renter_id: str, before: str, limit: int) -> list[Consent]: ...
