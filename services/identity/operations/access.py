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
from services.identity.operations.ports import (
    AccessStore,
    Carrier,
    CodeStore,
    FoundRenter,
    NewCode,
    RenterStore,
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
class Token:
    """A token and its end; `repr` shows nothing."""

    text: str
    expires_at: datetime

    def __repr__(self) -> str:
        return "Token(…)"


class Access:
    """Sends codes and exchanges them for tokens. Codes and tokens live in real time."""

    def __init__(
        self,
        renters: RenterStore,
        codes: CodeStore,
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

    async def issue_token(self, partner_id: str, request_id: str, renter_id: str, code: str) -> Token:
        """A token for whoever has the code; the phone is verified by it.

        Raises:
            Refusal: CODE_INVALID, CODE_TRIES_EXCEEDED, SECRET_ALREADY_SHOWN, REQUEST_ID_REUSED.
        """
        now = self._real.now()
        hashed = self._vault.code_hash(renter_id, code)
        content = fingerprint(renter_id, hashed.hex())
        request = Request(bucket_of(renter_id), partner_id, "IssueRenterToken", request_id, content)
        await self._codes.use_code(request, ShownCode(renter_id, partner_id, hashed, now, self._clock.now()))
        return Token(*self._sign(renter_id, partner_id, now))

    async def _text(self, recipient: FoundRenter, code: str) -> None:
        renter_id = recipient.account.renter_id
        seen = Seen(new_id("acc"), renter_id, "carrier", ("phone",), "one-time code", self._clock.now())
        await self._accesses.record([seen])
        phone = self._vault.open(renter_id, recipient.account.sealed).phone
        await self._carrier.send(phone, f"{code} is your Freehold code. It works for five minutes. Tell it to nobody.")
