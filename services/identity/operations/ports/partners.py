"""Partners, their keys and their staff."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.identity.domain import ApiKey, Partner
from services.identity.domain.staff import Member, StaffSession
from services.values.requests import Request


class PartnerStore(Protocol):
    """Partners and their keys, by the keyed hash of the secret."""

    async def create_partner(self, request: Request, partner: Partner) -> Partner: ...
    async def create_api_key(self, request: Request, key: ApiKey, key_hash: bytes) -> None: ...
    async def revoke_api_key(
        self, request: Request, api_key_id: str, partner_id: str, now: datetime, real_now: datetime
    ) -> ApiKey: ...
    async def rotate_api_key(
        self,
        request: Request,
        api_key_id: str,
        partner_id: str,
        successor: ApiKey,
        key_hash: bytes,
        ends_at: datetime,
    ) -> ApiKey: ...
    async def list_api_keys(self, partner_id: str, before: str, limit: int) -> list[ApiKey]: ...
    async def resolve_api_keys(self, key_hashes: Sequence[bytes], now: datetime) -> list[ApiKey | None]: ...
    async def revoked_since(self, moment: datetime) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class NewMember:
    """Somebody about to be invited, and by what their login is found."""

    member: Member
    login_index: bytes


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session about to begin, by the keyed hash of its token. Real time."""

    session_id: str
    token_hash: bytes
    begun_at: datetime
    expires_at: datetime


class StaffStore(Protocol):
    """Staff, their sessions, and how often a login was tried."""

    async def invite(self, request: Request, new: NewMember) -> None: ...
    async def change(
        self,
        request: Request,
        staff_id: str,
        partner_id: str,
        apply: Callable[[Member, int], Member],
        *,
        end_sessions: bool = False,
        shows_secret: bool = False,
    ) -> Member: ...
    async def read_member(self, staff_id: str) -> Member | None: ...
    async def find_member(self, partner_id: str, login_index: bytes) -> Member | None: ...
    async def list_members(self, partner_id: str, before: str, limit: int) -> list[Member]: ...
    async def count_try(self, partner_id: str, login_index: bytes, real_now: datetime) -> None: ...
    async def forget_old(self, calm_since: datetime, over_since: datetime) -> None: ...
    async def forget_tries(self, partner_id: str, login_index: bytes) -> None: ...
    async def begin_session(
        self, request: Request, member: Member, step: int, session: NewSession, login_index: bytes
    ) -> Member: ...
    async def end_session(
        self, request: Request, staff_id: str, session_id: str, now: datetime, real_now: datetime
    ) -> None: ...
    async def resolve_sessions(
        self, token_hashes: Sequence[bytes], real_now: datetime
    ) -> list[StaffSession | None]: ...
    async def sessions_ended_since(self, moment: datetime) -> list[str]: ...
