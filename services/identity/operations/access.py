"""One-time codes and renter tokens: a person proves that the phone is theirs and gets a token of their own."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.identity.operations.ports import Carrier, SignToken, Spawn, Store, Vault
from services.values.clock import Clock
from services.values.errors import Category, Refusal
from services.values.ids import bucket_of
from services.values.requests import Request, fingerprint

CODE_LIFE = timedelta(minutes=5)
CODE_DIGITS = 6
MOST_TRIES = 5
MOST_CODES, CODES_WINDOW = 5, timedelta(minutes=10)
TOKEN_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Token:
    """A token and its end, seconds of the epoch; `repr` shows nothing."""

    text: str
    expires_at: int

    def __repr__(self) -> str:
        return "Token(…)"


class Access:
    """Sends codes and exchanges them for tokens. Codes and tokens live in real time."""

    def __init__(
        self,
        store: Store,
        vault: Vault,
        carrier: Carrier,
        sign: SignToken,
        spawn: Spawn,
        clock: Clock,
        real: Clock,
    ) -> None:
        self._store = store
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
        found = await self._store.find_renter(renter_id, partner_id)
        if found is None or not found.linked:
            return now + CODE_LIFE
        code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
        request = Request(bucket_of(renter_id), partner_id, "SendRenterCode", request_id, fingerprint(renter_id))
        hashed = self._vault.code_hash(renter_id, code)
        expires_at, fresh = await self._store.send_code(request, renter_id, hashed, now, now + CODE_LIFE)
        if fresh:
            phone = self._vault.open(renter_id, found.sealed).phone
            text = f"{code} is your Freehold code. It works for five minutes. Tell it to nobody."
            self._spawn(self._carrier.send(phone, text), "one-time code")
        return expires_at

    async def issue_token(self, partner_id: str, request_id: str, renter_id: str, code: str) -> Token:
        """A token for whoever has the code.

        Raises:
            Refusal: CODE_INVALID, CODE_TRIES_EXCEEDED, SECRET_ALREADY_SHOWN, REQUEST_ID_REUSED.
        """
        found = await self._store.find_renter(renter_id, partner_id)
        if found is None or not found.linked:
            raise code_invalid()
        hashed = self._vault.code_hash(renter_id, code)
        content = fingerprint(renter_id, hashed.hex())
        request = Request(bucket_of(renter_id), partner_id, "IssueRenterToken", request_id, content)
        await self._store.use_code(request, renter_id, hashed, self._real.now(), self._clock.now())
        return Token(*self._sign(renter_id, partner_id))


def code_invalid() -> Refusal:
    """The refusal of a code that is wrong, used or expired, or of somebody unknown: all look alike."""
    return Refusal(Category.INVALID_ARGUMENT, "CODE_INVALID", "the code is wrong, used or expired")


def tries_exceeded() -> Refusal:
    """The refusal of the sixth code in ten minutes, and of the sixth try of one code."""
    return Refusal(Category.RESOURCE_EXHAUSTED, "CODE_TRIES_EXCEEDED", "too many codes or tries; wait ten minutes")
