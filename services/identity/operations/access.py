"""One-time codes and renter tokens: a person proves that the phone is theirs and gets a token of their own.

A partner that has no link to a renter is answered as if the renter did not exist, and that as if they did: a code is
made that reaches nobody, counts, expires and can be tried like any other, and that nothing matches.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from services.identity.domain import CODE_DIGITS, CODE_LIFE
from services.identity.domain import Access as Seen
from services.identity.domain.sessions import REFRESH_LIFE, REFRESH_PREFIX, renter_of
from services.identity.operations.ports import (
    AccessStore,
    Carrier,
    CodeStore,
    FoundRenter,
    NewCode,
    NewRefresh,
    RenterStore,
    SessionStore,
    ShownCode,
    SignToken,
    Spawn,
    Vault,
)
from services.values.clock import Clock
from services.values.ids import bucket_of, new_id
from services.values.requests import Request, fingerprint

_HASH_BYTES = 32


@dataclass(frozen=True, slots=True)
class Tokens:
    """A token and what it is refreshed by, with their ends; `repr` shows nothing."""

    token: str
    expires_at: datetime
    refresh: str
    refresh_expires_at: datetime

    def __repr__(self) -> str:
        return "Tokens(…)"


class Access:
    """Sends codes and exchanges them for tokens. Codes and tokens live in real time."""

    def __init__(
        self,
        renters: RenterStore,
        codes: CodeStore,
        sessions: SessionStore,
        accesses: AccessStore,
        vault: Vault,
        carrier: Carrier,
        sign: SignToken,
        spawn: Spawn,
        clock: Clock,
        real: Clock,
    ) -> None:
        self._renters = renters
        self._codes = codes
        self._sessions = sessions
        self._accesses = accesses
        self._vault = vault
        self._carrier = carrier
        self._sign = sign
        self._spawn = spawn
        self._clock = clock
        self._real = real

    async def send_code(self, partner_id: str, request_id: str, renter_id: str) -> datetime:
        """Sends a code and tells when it ends; the same whether or not the renter exists or is linked.

        Raises:
            Refusal: CODE_TRIES_EXCEEDED after five codes in ten minutes, REQUEST_ID_REUSED.
        """
        now = self._real.now()
        found = await self._renters.find_renter(renter_id, partner_id)
        recipient = found if found is not None and found.linked else None
        code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
        hashed = self._vault.code_hash(renter_id, code) if recipient else secrets.token_bytes(_HASH_BYTES)
        request = Request(bucket_of(renter_id), partner_id, "SendRenterCode", request_id, fingerprint(renter_id))
        fresh = NewCode(renter_id, partner_id, hashed, now, now + CODE_LIFE)
        expires_at, is_first = await self._codes.send_code(request, fresh)
        if recipient is not None and is_first:
            self._spawn(self._text(recipient, code), "one-time code")
        return expires_at

    async def issue_token(self, partner_id: str, request_id: str, renter_id: str, code: str) -> Tokens:
        """Tokens for whoever has the code; the phone is verified by it.

        Raises:
            Refusal: CODE_INVALID, CODE_TRIES_EXCEEDED, SECRET_ALREADY_SHOWN, REQUEST_ID_REUSED.
        """
        now = self._real.now()
        hashed = self._vault.code_hash(renter_id, code)
        content = fingerprint(renter_id, hashed.hex())
        request = Request(bucket_of(renter_id), partner_id, "IssueRenterToken", request_id, content)
        text, fresh = self._refresh(renter_id, partner_id, now)
        shown = ShownCode(renter_id, partner_id, hashed, now, self._clock.now())
        await self._codes.use_code(request, shown, fresh)
        return Tokens(*self._sign(renter_id, partner_id, now), text, fresh.expires_at)

    async def refresh(self, partner_id: str, request_id: str, token: str) -> Tokens:
        """A fresh pair for a refresh token, once.

        Raises:
            Refusal: REFRESH_TOKEN_INVALID, SECRET_ALREADY_SHOWN, REQUEST_ID_REUSED.
        """
        now, renter_id, hashed = self._real.now(), renter_of(token), self._vault.refresh_hash(token)
        content = fingerprint(hashed.hex())
        request = Request(bucket_of(renter_id), partner_id, "RefreshRenterToken", request_id, content)
        text, fresh = self._refresh(renter_id, partner_id, now)
        await self._sessions.exchange(request, hashed, fresh)
        return Tokens(*self._sign(renter_id, partner_id, now), text, fresh.expires_at)

    async def end_sessions(self, renter_id: str, request_id: str) -> int:
        """How many sessions of the caller ended. Raises REQUEST_ID_REUSED."""
        request = Request(bucket_of(renter_id), renter_id, "EndRenterSessions", request_id, fingerprint())
        return await self._sessions.end_sessions(request, renter_id, self._real.now())

    def _refresh(self, renter_id: str, partner_id: str, now: datetime) -> tuple[str, NewRefresh]:
        text = f"{REFRESH_PREFIX}{renter_id[4:]}_{secrets.token_urlsafe(_HASH_BYTES)}"
        hashed, ends = self._vault.refresh_hash(text), now + REFRESH_LIFE
        return text, NewRefresh(renter_id, partner_id, new_id("ses"), hashed, now, ends)

    async def _text(self, recipient: FoundRenter, code: str) -> None:
        renter_id = recipient.account.renter_id
        seen = Seen(new_id("acc"), renter_id, "carrier", ("phone",), "one-time code", self._clock.now())
        await self._accesses.record([seen])
        phone = self._vault.open(renter_id, recipient.account.sealed).phone
        await self._carrier.send(phone, f"{code} is your Freehold code. It works for five minutes. Tell it to nobody.")
