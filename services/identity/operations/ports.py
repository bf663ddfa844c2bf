"""What the use cases need of the world: stores, a vault, a registry, a carrier, a signer."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from services.identity.domain import (
    Access,
    Account,
    ApiKey,
    Consent,
    DocumentType,
    Partner,
    Person,
    Sealed,
    Verdict,
)
from services.identity.domain.privacy import Erasure, Export
from services.identity.domain.staff import Member, StaffSession
from services.values.errors import Refusal
from services.values.requests import Request


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
class Note:
    """Why an account changes, for its history: what was done, by whom, in their words."""

    kind: str
    actor: str
    reason: str
    changed_at: datetime


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


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """What one read tells of a person; `sealed` only of those who may be minors."""

    verified: bool
    adult: bool
    sealed: Sealed | None
    linked: bool
    consenting: bool


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


class AccessStore(Protocol):
    """Who saw what, append-only."""

    async def record(self, accesses: Sequence[Access]) -> None: ...
    async def list_accesses(self, renter_id: str, before: str, limit: int) -> list[Access]: ...


@dataclass(frozen=True, slots=True)
class NewPart:
    """A piece of a copy, as a holder brings it."""

    export_id: str
    number: int
    is_last: bool
    data: bytes


class Farewell(Protocol):
    """What is still to be done with the key when a person goes: find their document, and sign the receipt."""

    def document_index(self, account: Account) -> bytes: ...
    def receipt(self, erasure: Erasure, now: datetime) -> str: ...


class PrivacyStore(Protocol):
    """Copies and erasures; each change is written with what holders are asked next."""

    async def begin_export(
        self,
        request: Request,
        fresh: Export,
        own_part: Callable[[Account, Mapping[str, Any]], bytes],
        real_now: datetime,
    ) -> Export: ...
    async def save_part(
        self, renter_id: str, holder: str, part: NewPart, seal: Callable[[Account], bytes], now: datetime
    ) -> None: ...
    async def read_export(self, renter_id: str, export_id: str, now: datetime) -> Export | None: ...
    async def read_parts(self, renter_id: str, export_id: str) -> tuple[Account, list[tuple[str, bytes]]]: ...
    async def delete_expired(self, now: datetime) -> None: ...
    async def begin_erasure(self, request: Request, fresh: Erasure, now: datetime, real_now: datetime) -> Erasure: ...
    async def change_erasure(
        self,
        renter_id: str,
        change: Callable[[Erasure], Erasure],
        farewell: Farewell,
        now: datetime,
        real_now: datetime,
    ) -> None: ...
    async def cancel_erasure(self, request: Request, renter_id: str, erasure_id: str, now: datetime) -> Erasure: ...
    async def read_erasure(self, erasure_id: str) -> Erasure | None: ...
    async def find_blocked(self, real_now: datetime, limit: int) -> list[str]: ...


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
    async def forget_tries(self, partner_id: str, login_index: bytes) -> None: ...
    async def forget_old(self, calm_since: datetime, over_since: datetime) -> None: ...
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


class Passwords(Protocol):
    """Hashes and checks passwords, slowly on purpose; with nothing stored the same work is done."""

    async def hash(self, password: str) -> str: ...
    async def fits(self, stored: str, password: str) -> bool: ...


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


class Vault(Protocol):
    """Seals people, and hashes what is looked up."""

    def seal(self, renter_id: str, person: Person) -> Sealed: ...
    def open(self, renter_id: str, sealed: Sealed) -> Person: ...
    def seal_part(self, renter_id: str, sealed: Sealed, data: bytes) -> bytes: ...
    def open_part(self, renter_id: str, sealed: Sealed, part: bytes) -> bytes: ...
    def rewrap(self, renter_id: str, sealed: Sealed) -> Sealed: ...
    def active_key(self) -> int: ...
    def document_index(self, document_type: DocumentType, key: str) -> bytes: ...
    def fingerprint(self, person: Person) -> str: ...
    def key_hash(self, key_digest: bytes) -> bytes: ...
    def code_hash(self, renter_id: str, code: str) -> bytes: ...
    def refresh_hash(self, token: str) -> bytes: ...
    def seal_texts(self, owner_id: str, texts: Sequence[str]) -> Sealed: ...
    def open_texts(self, owner_id: str, sealed: Sealed) -> list[str]: ...
    def login_index(self, partner_id: str, login: str) -> bytes: ...
    def secret_hash(self, secret: str) -> bytes: ...


class Registry(Protocol):
    """Says whether a document and a name belong together; None when it does not answer."""

    async def verify(self, question_id: str, person: Person) -> Verdict | None: ...


class Faces(Protocol):
    """Says whether a face belongs to a document; None when it does not answer."""

    async def compare(self, question_id: str, person: Person, face_token: str) -> bool | None: ...


class Carrier(Protocol):
    """Sends a text to a phone."""

    async def send(self, phone: str, text: str) -> None: ...


class Spawn(Protocol):
    """Starts work that outlives its request; what it gives can be waited for."""

    def __call__(self, work: Coroutine[Any, Any, None], name: str) -> Any: ...


class SignReceipt(Protocol):
    """Signs a statement that is no credential."""

    def __call__(self, statement: dict[str, Any]) -> str: ...


class SignToken(Protocol):
    """Signs a renter's token for one partner's app; gives it with its end."""

    def __call__(self, renter_id: str, partner_id: str, now: datetime) -> tuple[str, datetime]: ...
