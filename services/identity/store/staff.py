"""Staff, their sessions, and how often a login was tried. A member is locked with the owners of their partner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.identity.domain import partner_not_found
from services.identity.domain.staff import (
    Member,
    StaffSession,
    StaffState,
    Tries,
    login_invalid,
    login_locked,
    staff_exists,
    staff_not_found,
    tried,
    untried,
)
from services.identity.operations.ports import NewMember, NewSession
from services.runtime.database import Database
from services.runtime.queries import load_queries
from services.runtime.requests import claim, find
from services.values.callers import StaffRole
from services.values.errors import Refusal
from services.values.requests import Request, already_shown
from services.values.sealed import Sealed


class StaffStore:
    """Implements the `StaffStore` that operations need."""

    def __init__(self, db: Database, real_now: Callable[[], datetime]) -> None:
        self._db = db
        self._real_now = real_now
        self._sql = load_queries("services.identity")

    async def invite(self, request: Request, new: NewMember) -> None:
        """Keeps a new member; raises PARTNER_NOT_FOUND, STAFF_EXISTS, SECRET_ALREADY_SHOWN, REQUEST_ID_REUSED."""
        member = new.member

        async def work(connection: Any) -> None:
            if await claim(connection, request, member.staff_id, member.invited_at) is not None:
                raise already_shown()
            if await connection.fetchrow(self._sql.read_partner, member.partner_id) is None:
                raise partner_not_found()
            sealed = (member.sealed.wrapped_key, member.sealed.data, member.sealed.key_version)
            values = (member.staff_id, member.partner_id, member.role.value, new.login_index, *sealed)
            invited = (member.invitation_hash, member.invitation_until, member.invited_at)
            if await connection.fetchval(self._sql.insert_member, *values, *invited) is None:
                raise staff_exists()

        await self._db.transaction(work)

    async def change(
        self,
        request: Request,
        staff_id: str,
        partner_id: str,
        apply: Callable[[Member, int], Member],
        *,
        end_sessions: bool = False,
        shows_secret: bool = False,
    ) -> Member:
        """The member after the change, or as they are when the request was carried out before.

        Args:
            partner_id: whose staff the caller may change; empty for everybody's.
            apply: takes the member, and how many others can log in as owner.

        Raises:
            Refusal: what `apply` raises, STAFF_NOT_FOUND, SECRET_ALREADY_SHOWN, REQUEST_ID_REUSED.
        """

        async def work(connection: Any) -> Member:
            rows = await connection.fetch(self._sql.lock_members, staff_id)
            locked = {row["staff_id"]: _member(row) for row in rows}
            before = locked.pop(staff_id, None)
            if before is None or partner_id not in ("", before.partner_id):
                raise staff_not_found()
            if await claim(connection, request, staff_id, self._real_now()) is not None:
                if shows_secret:
                    raise already_shown()
                return before
            after = apply(before, len(locked))
            await self._save(connection, after)
            if end_sessions:
                await connection.execute(self._sql.end_staff_sessions, staff_id, self._real_now())
            return after

        return await self._db.transaction(work)

    async def read_member(self, staff_id: str) -> Member | None:
        """One member."""
        row = await self._db.fetchrow(self._sql.read_member, staff_id)
        return None if row is None else _member(row)

    async def find_member(self, partner_id: str, login_index: bytes) -> Member | None:
        """Who has a login at a partner."""
        row = await self._db.fetchrow(self._sql.find_member, partner_id, login_index)
        return None if row is None else _member(row)

    async def list_members(self, partner_id: str, before: str, limit: int) -> list[Member]:
        """A partner's staff before a given one, newest first."""
        return [_member(row) for row in await self._db.fetch(self._sql.list_members, partner_id, before, limit)]

    async def count_try(self, partner_id: str, login_index: bytes, real_now: datetime) -> None:
        """Counts a try before it is known to be right, so that many at once are not more; raises LOGIN_LOCKED."""

        async def work(connection: Any) -> Refusal | None:
            row = await connection.fetchrow(self._sql.lock_tries, partner_id, login_index, *_values(untried(real_now)))
            after = tried(Tries(**row), real_now)
            await connection.execute(self._sql.save_tries, partner_id, login_index, *_values(after))
            locked = after.locked_until is not None and after.locked_until > real_now
            return login_locked(after.locked_until - real_now) if locked and after.locked_until else None

        refusal = await self._db.transaction(work)
        if refusal is not None:
            raise refusal

    async def forget_old(self, calm_since: datetime, over_since: datetime) -> None:
        """Deletes what is known of logins that nobody tried since a moment, and sessions that were over by another."""
        await self._db.execute(self._sql.forget_calm_logins, calm_since)
        await self._db.execute(self._sql.forget_staff_sessions, over_since)

    async def forget_tries(self, partner_id: str, login_index: bytes) -> None:
        """A login that was right begins anew."""
        await self._db.execute(self._sql.forget_tries, partner_id, login_index)

    async def begin_session(
        self, request: Request, member: Member, step: int, session: NewSession, login_index: bytes
    ) -> Member:
        """Uses the code's time step up and keeps the session; a repeat takes its try back, too.

        Raises:
            Refusal: LOGIN_INVALID, SECRET_ALREADY_SHOWN, REQUEST_ID_REUSED.
        """

        async def work(connection: Any) -> Member | Refusal:
            rows = await connection.fetch(self._sql.lock_members, member.staff_id)
            now = next((_member(row) for row in rows if row["staff_id"] == member.staff_id), None)
            if await find(connection, request) is not None:
                await connection.execute(self._sql.forget_tries, member.partner_id, login_index)
                return already_shown()
            if now is None or step <= now.totp_step or now.password_hash != member.password_hash:
                raise login_invalid()
            await claim(connection, request, session.session_id, session.begun_at)
            await connection.execute(self._sql.forget_tries, member.partner_id, login_index)
            after = replace(now, totp_step=step)
            await self._save(connection, after)
            values = (session.session_id, member.staff_id, session.token_hash, session.begun_at, session.expires_at)
            await connection.execute(self._sql.insert_staff_session, *values)
            return after

        outcome = await self._db.transaction(work)
        if isinstance(outcome, Refusal):
            raise outcome
        return outcome

    async def end_session(
        self, request: Request, staff_id: str, session_id: str, now: datetime, real_now: datetime
    ) -> None:
        """Ends one session; raises REQUEST_ID_REUSED."""

        async def work(connection: Any) -> None:
            if await claim(connection, request, session_id, now) is None:
                await connection.execute(self._sql.end_staff_session, session_id, staff_id, real_now)

        await self._db.transaction(work)

    async def resolve_sessions(self, token_hashes: Sequence[bytes], real_now: datetime) -> list[StaffSession | None]:
        """Whose session each hash is, in order."""
        rows = await self._db.fetch(self._sql.resolve_staff_sessions, list(token_hashes), real_now)
        return [_session(row) if row["staff_id"] else None for row in rows]

    async def sessions_ended_since(self, moment: datetime) -> list[str]:
        """Ids of the sessions that ended since a moment of real time."""
        return [row["session_id"] for row in await self._db.fetch(self._sql.staff_sessions_ended_since, moment)]

    async def _save(self, connection: Any, member: Member) -> None:
        await connection.execute(
            self._sql.save_member,
            member.staff_id,
            member.role.value,
            member.state.value,
            member.sealed.wrapped_key,
            member.sealed.data,
            member.sealed.key_version,
            member.password_hash,
            member.totp_step,
            member.invitation_hash,
            member.invitation_until,
        )


def _values(tries: Tries) -> tuple[int, datetime, int, datetime | None]:
    return tries.count, tries.window_ends, tries.locks, tries.locked_until


def _session(row: Any) -> StaffSession:
    return StaffSession(
        row["session_id"], row["staff_id"], row["partner_id"], StaffRole(row["role"]), row["expires_at"]
    )


def _member(row: Any) -> Member:
    return Member(
        row["staff_id"],
        row["partner_id"],
        StaffRole(row["role"]),
        StaffState(row["state"]),
        Sealed(row["wrapped_key"], row["sealed"], row["key_version"]),
        row["invited_at"],
        row["password_hash"],
        row["totp_step"],
        row["invitation_hash"],
        row["invitation_until"],
    )
