"""Logging in and out: login, password and a code of the second factor for a session's token."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from services.identity.domain import ApiKey
from services.identity.domain.staff import (
    CALM,
    SESSION_LIFE,
    SESSION_PREFIX,
    Member,
    MemberData,
    StaffSession,
    StaffState,
    login_invalid,
    parse_password,
    plain_password,
    step_of,
    tidy_login,
    with_password,
)
from services.identity.operations.partners import REVOCATION_ECHO, Partners
from services.identity.operations.ports import NewSession, Passwords, StaffStore, Vault
from services.values.callers import Caller
from services.values.clock import Clock
from services.values.ids import new_id
from services.values.requests import Request, fingerprint

KEPT = timedelta(days=1)
"""Sessions that are over are kept for so long."""
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A session's token, with who has it; `repr` shows nothing."""

    token: str
    expires_at: datetime
    member: Member
    login: str
    display_name: str

    def __repr__(self) -> str:
        return "LoggedIn(…)"


class Logins:
    """Sessions of staff. They live in real time, and what a token stands for is looked up like an API key."""

    def __init__(self, store: StaffStore, vault: Vault, passwords: Passwords, clock: Clock, real: Clock) -> None:
        self._store = store
        self._vault = vault
        self._passwords = passwords
        self._clock = clock
        self._real = real

    async def log_in(self, request_id: str, partner_id: str, login: str, password: str, code: str) -> LoggedIn:
        """A new session. Whatever is wrong, the same work is done.

        Raises:
            Refusal: LOGIN_INVALID, LOGIN_LOCKED, SECRET_ALREADY_SHOWN, REQUEST_ID_REUSED.
        """
        now, index = self._real.now(), self._vault.login_index(partner_id, tidy_login(login))
        await self._store.count_try(partner_id, index, now)
        member = await self._store.find_member(partner_id, index)
        fits = await self._passwords.fits(member.password_hash if member else "", plain_password(password))
        if member is None or not fits or member.state is not StaffState.ACTIVE:
            raise login_invalid()
        data = self._open(member)
        step = step_of(data.totp_secret, code, now)
        if step is None:
            raise login_invalid()
        token = SESSION_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
        session = NewSession(new_id("ses"), self._hash(token), now, now + SESSION_LIFE)
        request = Request(0, member.staff_id, "LogIn", request_id, fingerprint(index.hex(), code))
        member = await self._store.begin_session(request, member, step, session, index)
        return LoggedIn(token, session.expires_at, member, data.login, data.display_name)

    async def log_out(self, caller: Caller, request_id: str) -> None:
        """Ends the caller's session. Raises REQUEST_ID_REUSED."""
        request = Request(0, caller.id, "LogOut", request_id, fingerprint(caller.session_id))
        await self._store.end_session(request, caller.id, caller.session_id, self._clock.now(), self._real.now())

    async def change_password(self, caller: Caller, request_id: str, old: str, new: str) -> None:
        """Sets another password and ends every session of the caller.

        Raises:
            Refusal: LOGIN_INVALID, LOGIN_LOCKED, PASSWORD_TOO_WEAK, REQUEST_ID_REUSED.
        """
        member = await self._store.read_member(caller.id)
        if member is None or member.state is not StaffState.ACTIVE:
            raise login_invalid()
        login = self._open(member).login
        text, index = parse_password("new_password", new, login), self._vault.login_index(member.partner_id, login)
        await self._store.count_try(member.partner_id, index, self._real.now())
        if not await self._passwords.fits(member.password_hash, plain_password(old)):
            raise login_invalid()
        stored = await self._passwords.hash(text)
        request = Request(0, caller.id, "ChangePassword", request_id, fingerprint())
        seen = member.password_hash
        await self._store.change(
            request, caller.id, member.partner_id, lambda m, _: with_password(m, seen, stored), end_sessions=True
        )
        await self._store.forget_tries(member.partner_id, index)

    async def resolve(self, token_digests: Sequence[bytes]) -> list[StaffSession | None]:
        """Whose session each digest is, in order; None for what is unknown, ended or expired."""
        hashes = [self._vault.key_hash(digest) for digest in token_digests]
        return await self._store.resolve_sessions(hashes, self._real.now())

    async def forget(self) -> int:
        """Forgets logins that have been calm and sessions that are long over; there is never more to do at once."""
        now = self._real.now()
        await self._store.forget_old(now - CALM, now - KEPT)
        return 0

    async def recently_ended(self) -> list[str]:
        """Ids of the sessions that ended in the last half minute of real time."""
        return await self._store.sessions_ended_since(self._real.now() - REVOCATION_ECHO)

    def _hash(self, token: str) -> bytes:
        return self._vault.key_hash(sha256(token.encode()).digest())

    def _open(self, member: Member) -> MemberData:
        return MemberData(*self._vault.open_texts(member.staff_id, member.sealed))


async def resolve_credentials(
    partners: Partners, logins: Logins, digests: Sequence[bytes]
) -> list[ApiKey | StaffSession | None]:
    """The API key or session per digest, in order; sessions are looked up only where there is no key."""
    keys = await partners.resolve(digests)
    others = [digest for digest, key in zip(digests, keys, strict=True) if key is None]
    sessions = iter(await logins.resolve(others) if others else [])
    return [next(sessions) if key is None else key for key in keys]
