"""What the use cases need of the world: a store, a vault, a registry, a carrier, a signer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from services.identity.domain import Consent, Person, Renter, RenterState, Verdict
from services.values.errors import Category, Refusal
from services.values.requests import Request


@dataclass(frozen=True, slots=True)
class Partner:
    """A business."""

    partner_id: str
    display_name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret."""

    api_key_id: str
    partner_id: str
    display_name: str
    created_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewRenter:
    """A person about to be registered, sealed."""

    renter_id: str
    partner_id: str
    document_index: bytes
    adult: bool
    sealed: Any


@dataclass(frozen=True, slots=True)
class FoundRenter:
    """A person's state and sealed data."""

    renter: Renter
    sealed: Any
    linked: bool


@dataclass(frozen=True, slots=True)
class Unverified:
    """A person whom the registry is to be asked about."""

    renter_id: str
    sealed: Any
    attempts: int


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """What one read tells of a person; `sealed` only of those who may be minors."""

    state: RenterState
    adult: bool
    sealed: Any
    linked: bool
    consenting: bool


class Store(Protocol):
    """What identity keeps."""

    async def create_partner(self, request: Request, partner: Partner) -> Partner: ...
    async def create_api_key(self, request: Request, key: ApiKey, key_hash: bytes) -> None: ...
    async def revoke_api_key(self, request: Request, api_key_id: str, now: datetime, real_now: datetime) -> ApiKey: ...
    async def resolve_api_keys(self, key_hashes: Sequence[bytes]) -> list[tuple[str, str] | None]: ...
    async def revoked_since(self, moment: datetime) -> list[str]: ...

    async def register(self, request: Request, renter: NewRenter, now: datetime, verify_after: datetime) -> str: ...
    async def find_renter(self, renter_id: str, partner_id: str = "") -> FoundRenter | None: ...
    async def lease_unverified(self, now: datetime, until: datetime, limit: int) -> list[Unverified]: ...
    async def finish_verification(self, renter_id: str, state: RenterState, now: datetime) -> None: ...

    async def link(self, request: Request, renter_id: str, partner_id: str, now: datetime) -> datetime: ...
    async def send_code(
        self, request: Request, renter_id: str, code_hash: bytes, now: datetime, expires_at: datetime
    ) -> tuple[datetime, bool]: ...
    async def use_code(
        self, request: Request, renter_id: str, code_hash: bytes, now: datetime, business_now: datetime
    ) -> None: ...

    async def grant(self, request: Request, consent: Consent) -> Consent: ...
    async def withdraw(
        self, request: Request, renter_id: str, partner_id: str, purpose: str, now: datetime
    ) -> Consent: ...
    async def list_consents(self, renter_id: str, before: str, limit: int) -> list[Consent]: ...
    async def check(self, people: Sequence[tuple[str, str]]) -> list[CheckedRow | None]: ...


class Vault(Protocol):
    """Seals people, and hashes what is looked up."""

    def seal(self, renter_id: str, person: Person) -> Any: ...
    def open(self, renter_id: str, sealed: Any) -> Person: ...
    def document_index(self, document_type: str, number: str) -> bytes: ...
    def fingerprint(self, person: Person) -> str: ...
    def key_hash(self, key_digest: bytes) -> bytes: ...
    def code_hash(self, renter_id: str, code: str) -> bytes: ...


class Registry(Protocol):
    """Says whether a document and a name belong together; None when it does not answer."""

    async def verify(self, renter_id: str, person: Person) -> Verdict | None: ...


class Carrier(Protocol):
    """Sends a text to a phone."""

    async def send(self, phone: str, text: str) -> None: ...


class Spawn(Protocol):
    """Starts work that outlives its request."""

    def __call__(self, work: Any, name: str) -> Any: ...


class SignToken(Protocol):
    """Signs a renter's token; gives it with its end in seconds of the epoch."""

    def __call__(self, renter_id: str, partner_id: str) -> tuple[str, int]: ...


def renter_not_found() -> Refusal:
    """The refusal of an unknown renter, and of one that the caller may not see: the two look alike."""
    return Refusal(Category.NOT_FOUND, "RENTER_NOT_FOUND", "no such renter")


def partner_not_found() -> Refusal:
    """The refusal of an unknown partner."""
    return Refusal(Category.NOT_FOUND, "PARTNER_NOT_FOUND", "no such partner")
