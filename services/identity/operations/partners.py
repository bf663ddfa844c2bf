"""Partners and their API keys. A key is random, shown once, and kept only as a keyed hash."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from services.identity.domain import ApiKey, ApiKeyScope, Partner, partner_not_found, tidy_text
from services.identity.operations.ports import PartnerStore, Vault
from services.values import pages
from services.values.callers import Caller
from services.values.clock import Clock
from services.values.ids import new_id
from services.values.requests import Request, fingerprint

KEY_PREFIX = "fhk_"
_KEY_BYTES = 32
REVOCATION_ECHO = timedelta(seconds=30)
"""A revocation is told for so long: longer than its transaction may take, and than clocks differ."""


class Partners:
    """Registers partners, makes and revokes their keys, and tells what a key stands for."""

    def __init__(self, store: PartnerStore, vault: Vault, clock: Clock, real: Clock) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock
        self._real = real

    async def register(self, caller: str, request_id: str, display_name: str) -> Partner:
        """A new partner. Raises INVALID_FIELD, REQUEST_ID_REUSED."""
        name = tidy_text("display_name", display_name)
        request = Request(0, caller, "RegisterPartner", request_id, fingerprint(name))
        return await self._store.create_partner(request, Partner(new_id("ptn"), name, self._clock.now()))

    async def create_key(
        self,
        caller: Caller,
        request_id: str,
        partner_id: str,
        display_name: str,
        scopes: tuple[ApiKeyScope, ...] = (),
        expires_at: datetime | None = None,
    ) -> tuple[ApiKey, str]:
        """A new key with its secret, for everything unless scopes are given.

        Raises:
            Refusal: INVALID_FIELD, PARTNER_NOT_FOUND, SECRET_ALREADY_SHOWN, REQUEST_ID_REUSED.
        """
        _must_reach(caller, partner_id)
        name = tidy_text("display_name", display_name)
        content = fingerprint(partner_id, name, sorted(scopes), expires_at)
        request = Request(0, caller.id, "CreateApiKey", request_id, content)
        secret, hashed = self._secret()
        key = ApiKey(
            new_id("key"), partner_id, name, self._clock.now(), scopes=tuple(sorted(scopes)), expires_at=expires_at
        )
        await self._store.create_api_key(request, key, hashed)
        return key, secret

    async def rotate_key(
        self, caller: Caller, request_id: str, api_key_id: str, overlap: timedelta
    ) -> tuple[ApiKey, str]:
        """A successor with its secret; the old key ends after the overlap, or when it would have ended anyway.

        Raises:
            Refusal: API_KEY_NOT_FOUND, SECRET_ALREADY_SHOWN, REQUEST_ID_REUSED.
        """
        content = fingerprint(api_key_id, overlap.total_seconds())
        request = Request(0, caller.id, "RotateApiKey", request_id, content)
        secret, hashed = self._secret()
        blank = ApiKey(new_id("key"), "", "", self._clock.now())
        ends_at = self._real.now() + overlap
        own = caller.partner_id or ""
        return await self._store.rotate_api_key(request, api_key_id, own, blank, hashed, ends_at), secret

    async def list_keys(
        self, caller: Caller, partner_id: str, page_size: int, page_token: str
    ) -> tuple[list[ApiKey], str]:
        """A page of a partner's keys, newest first. Raises PARTNER_NOT_FOUND, PAGE_TOKEN_INVALID."""
        _must_reach(caller, partner_id)
        size = pages.page_size(page_size)
        before = pages.decode(page_token, "api_keys", partner_id)
        found = await self._store.list_api_keys(partner_id, before, size + 1)
        more = pages.encode(found[size - 1].api_key_id, "api_keys", partner_id) if len(found) > size else ""
        return found[:size], more

    def _secret(self) -> tuple[str, bytes]:
        secret = KEY_PREFIX + secrets.token_urlsafe(_KEY_BYTES)
        return secret, self._vault.key_hash(sha256(secret.encode()).digest())

    async def revoke_key(self, caller: Caller, request_id: str, api_key_id: str) -> ApiKey:
        """Ends a key. Raises API_KEY_NOT_FOUND, REQUEST_ID_REUSED."""
        request = Request(0, caller.id, "RevokeApiKey", request_id, fingerprint(api_key_id))
        own, now = caller.partner_id or "", self._clock.now()
        return await self._store.revoke_api_key(request, api_key_id, own, now, self._real.now())

    async def resolve(self, key_digests: Sequence[bytes]) -> list[ApiKey | None]:
        """The key per digest, in order; None for what is unknown, revoked or expired. Their use is noted."""
        hashes = [self._vault.key_hash(digest) for digest in key_digests]
        return await self._store.resolve_api_keys(hashes, self._real.now())

    async def recently_revoked(self) -> list[str]:
        """Ids of the keys revoked in the last half minute of real time."""
        return await self._store.revoked_since(self._real.now() - REVOCATION_ECHO)


def _must_reach(caller: Caller, partner_id: str) -> None:
    """To a partner's staff another partner does not exist."""
    if caller.partner_id not in (None, partner_id):
        raise partner_not_found()
