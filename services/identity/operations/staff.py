"""A partner's staff: invited, given other roles, reset and removed by owners, managers and operators."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from services.identity.domain import partner_not_found, tidy_text
from services.identity.domain.staff import (
    INVITATION_LIFE,
    INVITATION_PREFIX,
    Member,
    MemberData,
    StaffState,
    confirmed,
    invitation_invalid,
    invited_again,
    may_appoint,
    may_not_appoint,
    must_be_invited,
    new_totp_secret,
    otpauth_uri,
    parse_password,
    removed,
    staff_not_found,
    step_of,
    tidy_login,
    with_role,
)
from services.identity.operations.ports import NewMember, Passwords, StaffStore, Vault
from services.values import pages
from services.values.callers import Caller, Role, StaffRole
from services.values.clock import Clock
from services.values.errors import invalid
from services.values.ids import new_id
from services.values.requests import Request, fingerprint

_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class ShownMember:
    """Somebody as the staff of the same partner, and operators, see them; `repr` shows nothing."""

    member: Member
    login: str
    display_name: str

    def __repr__(self) -> str:
        return "ShownMember(…)"


@dataclass(frozen=True, slots=True)
class Invitation:
    """What is handed to somebody who is invited; `repr` shows nothing."""

    shown: ShownMember
    text: str
    expires_at: datetime

    def __repr__(self) -> str:
        return "Invitation(…)"


class Staff:
    """Who works at a partner. Whoever asks about another partner's people is told that they do not exist."""

    def __init__(self, store: StaffStore, vault: Vault, passwords: Passwords, clock: Clock, real: Clock) -> None:
        self._store = store
        self._vault = vault
        self._passwords = passwords
        self._clock = clock
        self._real = real

    async def invite(self, caller: Caller, request_id: str, partner_id: str, login: str, role: StaffRole) -> Invitation:
        """A new member with their invitation.

        Raises:
            Refusal: PARTNER_NOT_FOUND, CALLER_NOT_ALLOWED, STAFF_EXISTS, SECRET_ALREADY_SHOWN, REQUEST_ID_REUSED.
        """
        partner_id, login = self._partner(caller, partner_id), tidy_login(login)
        if not may_appoint(caller, partner_id, role):
            raise may_not_appoint()
        staff_id, index = new_id("stf"), self._vault.login_index(partner_id, login)
        text, hashed = self._invitation(staff_id)
        until, now = self._real.now() + INVITATION_LIFE, self._clock.now()
        sealed = self._vault.seal_texts(staff_id, [login, "", ""])
        member = Member(staff_id, partner_id, role, StaffState.INVITED, sealed, now, "", 0, hashed, until)
        request = Request(0, caller.id, "InviteStaff", request_id, fingerprint(partner_id, index.hex(), role))
        await self._store.invite(request, NewMember(member, index))
        return Invitation(ShownMember(member, login, ""), text, until)

    async def accept(self, request_id: str, invitation: str, display_name: str, password: str) -> str:
        """What an authenticator app scans; the invitation waits for its first code.

        The password is no part of the command's fingerprint: any hash of it but argon2id would be a shortcut to it.

        Raises:
            Refusal: INVITATION_INVALID, PASSWORD_TOO_WEAK, INVALID_FIELD, SECRET_ALREADY_SHOWN, REQUEST_ID_REUSED.
        """
        member, hashed = await self._invited(invitation)
        login = self._open(member).login
        name, text = tidy_text("display_name", display_name), parse_password("password", password, login)
        stored, secret = await self._passwords.hash(text), new_totp_secret()
        sealed = self._vault.seal_texts(member.staff_id, [login, name, secret])
        request = Request(0, member.staff_id, "AcceptInvitation", request_id, fingerprint(hashed.hex()))

        def apply(before: Member, _: int) -> Member:
            still = must_be_invited(before, hashed, self._real.now())
            return replace(still, sealed=sealed, password_hash=stored)

        await self._store.change(request, member.staff_id, "", apply, shows_secret=True)
        return otpauth_uri(secret, login)

    async def confirm(self, request_id: str, invitation: str, code: str) -> ShownMember:
        """A member who can log in. Raises INVITATION_INVALID, REQUEST_ID_REUSED."""
        staff_id, hashed = self._split(invitation)
        if await self._store.read_member(staff_id) is None:
            raise invitation_invalid()
        request = Request(0, staff_id, "ConfirmSecondFactor", request_id, fingerprint(hashed.hex()))

        def apply(before: Member, _: int) -> Member:
            member = must_be_invited(before, hashed, self._real.now())
            secret = self._open(member).totp_secret
            step = step_of(secret, code, self._real.now()) if secret and member.password_hash else None
            if step is None:
                raise invitation_invalid()
            return confirmed(member, step)

        return self._shown(await self._store.change(request, staff_id, "", apply))

    async def change_role(self, caller: Caller, request_id: str, staff_id: str, role: StaffRole) -> ShownMember:
        """Somebody in another role, logged out. Raises STAFF_NOT_FOUND, LAST_OWNER, REQUEST_ID_REUSED."""
        return await self._change(
            caller,
            "ChangeStaffRole",
            request_id,
            staff_id,
            lambda member, owners: with_role(member, role, owners),
            role,
        )

    async def remove(self, caller: Caller, request_id: str, staff_id: str) -> ShownMember:
        """Somebody who was a member. Raises STAFF_NOT_FOUND, LAST_OWNER, REQUEST_ID_REUSED."""
        return await self._change(caller, "RemoveStaff", request_id, staff_id, removed)

    async def reset(self, caller: Caller, request_id: str, staff_id: str) -> Invitation:
        """A fresh invitation. Raises STAFF_NOT_FOUND, SECRET_ALREADY_SHOWN, REQUEST_ID_REUSED."""
        text, hashed = self._invitation(staff_id)
        until = self._real.now() + INVITATION_LIFE
        request = Request(0, caller.id, "ResetStaff", request_id, fingerprint(staff_id))
        member = await self._store.change(
            request,
            staff_id,
            caller.partner_id or "",
            lambda before, _: invited_again(_present(before), hashed, until),
            end_sessions=True,
            shows_secret=True,
        )
        return Invitation(self._shown(member), text, until)

    async def list(
        self, caller: Caller, partner_id: str, page_size: int, page_token: str
    ) -> tuple[list[ShownMember], str]:
        """A page of a partner's staff, newest first. Raises PARTNER_NOT_FOUND, PAGE_TOKEN_INVALID."""
        partner_id, size = self._partner(caller, partner_id), pages.page_size(page_size)
        before = pages.decode(page_token, "staff", partner_id)
        found = await self._store.list_members(partner_id, before, size + 1)
        more = pages.encode(found[size - 1].staff_id, "staff", partner_id) if len(found) > size else ""
        return [self._shown(member) for member in found[:size]], more

    async def _change(
        self,
        caller: Caller,
        method: str,
        request_id: str,
        staff_id: str,
        change: Callable[[Member, int], Member],
        *content: str,
    ) -> ShownMember:
        request = Request(0, caller.id, method, request_id, fingerprint(staff_id, *content))
        own = caller.partner_id or ""
        changed = await self._store.change(
            request, staff_id, own, lambda before, owners: change(_present(before), owners), end_sessions=True
        )
        return self._shown(changed)

    def _partner(self, caller: Caller, partner_id: str) -> str:
        """The partner that a call is about: any for operators, their own for staff."""
        if caller.role is Role.STAFF and partner_id not in ("", caller.partner_id):
            raise partner_not_found()
        if not (partner_id or caller.partner_id):
            raise invalid("partner_id", "must name a partner, because operators belong to none")
        return partner_id or caller.partner_id or ""

    def _invitation(self, staff_id: str) -> tuple[str, bytes]:
        text = f"{INVITATION_PREFIX}{staff_id.partition('_')[2]}_{secrets.token_urlsafe(_SECRET_BYTES)}"
        return text, self._vault.secret_hash(text)

    def _split(self, invitation: str) -> tuple[str, bytes]:
        return f"stf_{invitation.split('_')[1]}", self._vault.secret_hash(invitation)

    async def _invited(self, invitation: str) -> tuple[Member, bytes]:
        staff_id, hashed = self._split(invitation)
        return must_be_invited(await self._store.read_member(staff_id), hashed, self._real.now()), hashed

    def _shown(self, member: Member) -> ShownMember:
        data = self._open(member)
        return ShownMember(member, data.login, data.display_name)

    def _open(self, member: Member) -> MemberData:
        if member.state is StaffState.REMOVED:
            return MemberData("")
        return MemberData(*self._vault.open_texts(member.staff_id, member.sealed))


def _present(member: Member) -> Member:
    if member.state is StaffState.REMOVED:
        raise staff_not_found()
    return member
