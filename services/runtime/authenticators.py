"""Credentials: API keys that identity resolves, and tokens that its public keys verify.

An API key travels as its SHA-256 only. What a key stands for is cached while identity's revocation stream beats (at
most 500 ms old); without a beat every call asks. A token is verified once (190 µs) and then known by its hash until it
expires.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import grpc
import structlog
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import KeySet

from freehold.identity.v1 import identity_internal_service_pb2 as identity
from freehold.identity.v1 import staff_service_pb2 as identity_staff
from services.runtime import statuses
from services.runtime.batching import Batcher
from services.runtime.frames import is_cancelled
from services.values.callers import Caller, Role, StaffRole
from services.values.errors import Category, Refusal

log = structlog.get_logger(__name__)

API_KEY_PREFIX, SESSION_PREFIX = "fhk_", "fhs_"
ISSUER = AUDIENCE = "freehold"
ALGORITHM = "Ed25519"
BEAT_SECONDS = 0.5
KNOWN_LIMIT = 10_000
KEYS_PAUSE_SECONDS = 5.0
REMEMBER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class KnownKey:
    """What an API key stands for, and how long that may be remembered (seconds of `time.monotonic()`)."""

    api_key_id: str
    caller: Caller
    good_until: float


def known_key(api_key_id: str, partner_id: str, scopes: Iterable[str], expires_at: datetime | None) -> KnownKey:
    """What identity says of a key; remembered for a minute, so that its use is noted and its end is seen."""
    caller = Caller(Role.PARTNER, partner_id, partner_id, frozenset(scopes) or None)
    return KnownKey(api_key_id, caller, _good_until(expires_at))


def known_session(session_id: str, partner_id: str, staff_id: str, staff_role: str, expires_at: datetime) -> KnownKey:
    """What identity says of the login of somebody of a partner's staff."""
    caller = Caller(Role.STAFF, staff_id, partner_id, None, StaffRole(staff_role), session_id)
    return KnownKey(session_id, caller, _good_until(expires_at))


def _good_until(expires_at: datetime | None) -> float:
    left = REMEMBER_SECONDS if expires_at is None else expires_at.timestamp() - time.time()
    return time.monotonic() + min(REMEMBER_SECONDS, left)


Resolve = Callable[[list[bytes]], Awaitable[Sequence[KnownKey | Refusal]]]
FetchKeys = Callable[[], Awaitable[KeySet]]


def invalid_credentials() -> Refusal:
    """The refusal of a credential that is unknown, revoked, malformed or forged; which of them is not told."""
    return Refusal(Category.UNAUTHENTICATED, "CREDENTIALS_INVALID", "the credential is not valid")


def digest_of(credential: str) -> bytes:
    """SHA-256 of a credential: its name everywhere but in the caller's hands."""
    return hashlib.sha256(credential.encode()).digest()


class Credentials:
    """Turns a bearer credential into a Caller.

    Args:
        resolve: what API keys stand for, by digest, in batches.
        fetch_keys: the keys that verify tokens.
        fresh: whether revocations are being heard right now, so that a remembered key may be used.
    """

    def __init__(self, resolve: Resolve, fetch_keys: FetchKeys, fresh: Callable[[], bool] = lambda: False) -> None:
        self._batcher: Batcher[bytes, KnownKey] = Batcher("authenticate", resolve, key=lambda digest: digest)
        self._fetch_keys = fetch_keys
        self._fresh = fresh
        self._keys: KeySet | None = None
        self._keys_read = 0.0
        self._api_keys: OrderedDict[bytes, KnownKey] = OrderedDict()
        self._tokens: OrderedDict[bytes, tuple[Caller, float]] = OrderedDict()

    async def authenticate(self, bearer: str) -> Caller:
        """Who shows this credential; raises CREDENTIALS_INVALID or CREDENTIALS_EXPIRED."""
        digest = digest_of(bearer)
        if bearer.startswith((API_KEY_PREFIX, SESSION_PREFIX)):
            return await self._api_key(digest)
        return await self._token(bearer, digest)

    def forget(self, api_key_ids: Sequence[str]) -> None:
        """Forgets revoked API keys."""
        revoked = set(api_key_ids)
        for digest in [digest for digest, known in self._api_keys.items() if known.api_key_id in revoked]:
            del self._api_keys[digest]

    def forget_all(self) -> None:
        """Forgets every API key: revocations may have been missed."""
        self._api_keys.clear()

    async def _api_key(self, digest: bytes) -> Caller:
        known = self._api_keys.get(digest)
        if known is not None and self._fresh() and known.good_until > time.monotonic():
            return known.caller
        asked = await self._batcher.submit(digest)
        _remember(self._api_keys, digest, asked)
        return asked.caller

    async def _token(self, bearer: str, digest: bytes) -> Caller:
        known = self._tokens.get(digest)
        if known is not None:
            if known[1] > time.time():
                return known[0]
            raise Refusal(Category.UNAUTHENTICATED, "CREDENTIALS_EXPIRED", "the token has expired")
        claims = await self._verified(bearer)
        caller = _caller_of(claims)
        _remember(self._tokens, digest, (caller, float(claims["exp"])))
        return caller

    async def _verified(self, bearer: str) -> dict[str, Any]:
        if self._keys is None:
            await self._read_keys()
        try:
            return self._decode(bearer)
        except ExpiredTokenError:
            raise Refusal(Category.UNAUTHENTICATED, "CREDENTIALS_EXPIRED", "the token has expired") from None
        except (JoseError, ValueError, TypeError, KeyError):
            if time.monotonic() - self._keys_read < KEYS_PAUSE_SECONDS:
                raise invalid_credentials() from None
        await self._read_keys()
        return await self._verified(bearer)

    def _decode(self, bearer: str) -> dict[str, Any]:
        assert self._keys is not None  # noqa: S101 (read by _verified)
        token = jwt.decode(bearer, self._keys, algorithms=[ALGORITHM])
        _CLAIMS.validate(token.claims)
        return token.claims

    async def _read_keys(self) -> None:
        self._keys = await self._fetch_keys()
        self._keys_read = time.monotonic()


_CLAIMS = jwt.JWTClaimsRegistry(
    leeway=5,
    iss={"essential": True, "value": ISSUER},
    aud={"essential": True, "value": AUDIENCE},
    sub={"essential": True},
    exp={"essential": True},
    nbf={"essential": True},
    role={"essential": True, "values": ["renter", "operator"]},
)


def _caller_of(claims: dict[str, Any]) -> Caller:
    role = Role.RENTER if claims["role"] == "renter" else Role.OPERATOR
    return Caller(role, str(claims["sub"]), claims.get("partner_id"))


def _remember(known: OrderedDict[bytes, Any], digest: bytes, value: Any) -> None:
    known[digest] = value
    if len(known) > KNOWN_LIMIT:
        known.popitem(last=False)


def _known(result: identity.AuthenticateResult) -> KnownKey:
    expires_at = result.expires_at.ToDatetime(tzinfo=UTC) if result.HasField("expires_at") else None
    if result.staff_id and expires_at is not None:
        role = identity_staff.StaffRole.Name(result.staff_role).removeprefix("STAFF_ROLE_")
        return known_session(result.api_key_id, result.partner_id, result.staff_id, role, expires_at)
    return known_key(result.api_key_id, result.partner_id, result.scopes, expires_at)


class RemoteCredentials:
    """Credentials of a service that is not identity: asks it, and listens to its revocations."""

    def __init__(self, stub: Any) -> None:
        self._stub = stub
        self._heard = 0.0
        self._credentials = Credentials(self._resolve, self._fetch_keys, self._fresh)
        self.authenticate = self._credentials.authenticate

    def _fresh(self) -> bool:
        return time.monotonic() - self._heard < BEAT_SECONDS

    async def _resolve(self, digests: list[bytes]) -> list[KnownKey | Refusal]:
        items = [identity.AuthenticateItem(key_digest=digest) for digest in digests]
        try:
            answer = await self._stub.Authenticate(identity.AuthenticateRequest(items=items), timeout=2.0)
        except grpc.aio.AioRpcError as error:
            raise statuses.of_rpc_error(error) from None
        return [statuses.of_item_status(result.status) or _known(result) for result in answer.results]

    async def _fetch_keys(self) -> KeySet:
        try:
            answer = await self._stub.GetVerificationKeys(identity.GetVerificationKeysRequest(), timeout=2.0)
        except grpc.aio.AioRpcError as error:
            raise statuses.of_rpc_error(error) from None
        return KeySet.import_key_set(json.loads(answer.jwks_json))

    async def watch(self) -> None:
        """Listens to revocations until cancelled; while nothing is heard, nothing remembered is used."""
        while True:
            try:
                async for beat in self._stub.WatchCredentials(identity.WatchCredentialsRequest()):
                    if beat.revoked_api_key_ids:
                        self._credentials.forget(beat.revoked_api_key_ids)
                    self._heard = time.monotonic()
            except grpc.aio.AioRpcError as error:
                log.info("credential_watch_broken", status=error.code().name)
            except asyncio.CancelledError:
                if is_cancelled():
                    raise
            self._credentials.forget_all()
            await asyncio.sleep(0.2)
