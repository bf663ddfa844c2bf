"""The people who work at a partner: what each may do, how they become able to log in, and how they leave.

INVITED → ACTIVE        the invitation was accepted, and the second factor confirmed
ACTIVE → INVITED        a reset: password or authenticator lost
any → REMOVED           for good; the login is free again
"""

from __future__ import annotations

import hmac
import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

import pyotp

from services.values.callers import Caller, Role, StaffRole
from services.values.errors import Category, Refusal, invalid
from services.values.sealed import Sealed

INVITATION_PREFIX, SESSION_PREFIX = "fhi_", "fhs_"
INVITATION_LIFE, SESSION_LIFE = timedelta(days=3), timedelta(hours=12)
SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 128
STEP_SECONDS, STEPS_OFF = 30, 1
"""A code of RFC 6238 lasts 30 s; one of the step before or after is taken too, because clocks differ."""
MOST_TRIES, TRIES_WINDOW = 5, timedelta(minutes=15)
FIRST_LOCK, LONGEST_LOCK = timedelta(minutes=1), timedelta(hours=1)
CALM = timedelta(hours=24)
"""After so long without a try the next lock is short again, and nothing needs to be remembered."""
_MOST_DOUBLINGS = 10

_COMMONEST = frozenset(
    {
        "123456789012", "1234567890123", "12345678901234", "123456123456", "111111111111", "000000000000",
        "passwordpassword", "password1234", "password12345", "password123456", "qwertyuiop12", "qwertyuiop123",
        "qwertyuiop[]", "1q2w3e4r5t6y", "iloveyou1234", "administrator", "abcdefghijkl", "abcd1234abcd",
        "woaini1314520", "aaaaaaaaaaaa",
    }
)  # fmt: skip


class StaffState(StrEnum):
    """Whether somebody can log in; names as in `freehold.identity.v1.StaffState`."""

    INVITED = "INVITED"
    ACTIVE = "ACTIVE"
    REMOVED = "REMOVED"


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who works at a partner. `totp_step` is that of the last code that was used; times are business time
    but `invitation_until`, which is real time."""

    staff_id: str
    partner_id: str
    role: StaffRole
    state: StaffState
    sealed: Sealed
    invited_at: datetime
    password_hash: str = ""
    totp_step: int = 0
    invitation_hash: bytes = b""
    invitation_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class MemberData:
    """Personal data, and the second factor's secret, in the clear: never stored or logged so; `repr` shows nothing."""

    login: str
    display_name: str = ""
    totp_secret: str = ""

    def __repr__(self) -> str:
        return "MemberData(…)"


@dataclass(frozen=True, slots=True)
class StaffSession:
    """A login of somebody. `expires_at` is real time."""

    session_id: str
    staff_id: str
    partner_id: str
    role: StaffRole
    expires_at: datetime


def may_appoint(caller: Caller, partner_id: str, role: StaffRole) -> bool:
    """Operators appoint anybody; owners at their own partner; managers there, but only analysts and support."""
    if caller.role is Role.OPERATOR:
        return True
    allowed = {StaffRole.OWNER: frozenset(StaffRole), StaffRole.MANAGER: {StaffRole.ANALYST, StaffRole.SUPPORT}}
    own = caller.partner_id == partner_id and caller.staff_role is not None
    return own and role in allowed.get(caller.staff_role or StaffRole.SUPPORT, ())


def must_be_invited(member: Member | None, invitation_hash: bytes, real_now: datetime) -> Member:
    """The member that an invitation is for; raises INVITATION_INVALID."""
    if member is None or member.state is not StaffState.INVITED or member.invitation_until is None:
        raise invitation_invalid()
    if not hmac.compare_digest(member.invitation_hash, invitation_hash) or member.invitation_until <= real_now:
        raise invitation_invalid()
    return member


def confirmed(member: Member, step: int) -> Member:
    """Able to log in; the invitation has ended."""
    return replace(member, state=StaffState.ACTIVE, totp_step=step, invitation_hash=b"", invitation_until=None)


def invited_again(member: Member, invitation_hash: bytes, until: datetime) -> Member:
    """As new: password and second factor are set again."""
    return replace(
        member,
        state=StaffState.INVITED,
        password_hash="",
        totp_step=0,
        invitation_hash=invitation_hash,
        invitation_until=until,
    )


def with_password(member: Member, seen: str, password_hash: str) -> Member:
    """With another password; raises LOGIN_INVALID when the one that was seen has changed, or ended, meanwhile."""
    if member.state is not StaffState.ACTIVE or member.password_hash != seen:
        raise login_invalid()
    return replace(member, password_hash=password_hash)


def with_role(member: Member, role: StaffRole, other_owners: int) -> Member:
    """In another role; raises LAST_OWNER when nobody else could log in as owner."""
    if role is not StaffRole.OWNER:
        _must_not_be_last(member, other_owners)
    return replace(member, role=role)


def removed(member: Member, other_owners: int) -> Member:
    """Gone, with all that is known of the person; raises LAST_OWNER."""
    _must_not_be_last(member, other_owners)
    gone = invited_again(member, b"", member.invited_at)
    return replace(gone, state=StaffState.REMOVED, sealed=Sealed(b"", b""), invitation_until=None)


def _must_not_be_last(member: Member, other_owners: int) -> None:
    if member.role is StaffRole.OWNER and member.state is StaffState.ACTIVE and not other_owners:
        raise Refusal(Category.FAILED_PRECONDITION, "LAST_OWNER", "a partner keeps an owner who can log in")


def tidy_login(login: str) -> str:
    """A login as it is compared: without surrounding spaces, case and width."""
    return unicodedata.normalize("NFKC", login).strip().casefold()


def plain_password(password: str) -> str:
    """A password as it is hashed, however its characters were typed (NIST SP 800-63B, 3.1.1.2: NFKC)."""
    return unicodedata.normalize("NFKC", password)


def parse_password(field: str, password: str, login: str) -> str:
    """The password as it is hashed; raises PASSWORD_TOO_WEAK naming the field (NIST SP 800-63B, 3.1.1)."""
    text = plain_password(password)
    if not SHORTEST_PASSWORD <= len(text) <= LONGEST_PASSWORD:
        rule = f"must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters"
        raise invalid(field, rule, "PASSWORD_TOO_WEAK")
    if text.casefold() in _COMMONEST or text.casefold() == login or len(set(text)) == 1:
        raise invalid(field, "must not be one of the commonest, nor the login", "PASSWORD_TOO_WEAK")
    return text


def new_totp_secret() -> str:
    """A fresh secret of 160 bits, as authenticator apps take it."""
    return pyotp.random_base32()


def otpauth_uri(secret: str, login: str) -> str:
    """What an authenticator app scans."""
    return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name="Freehold")


def step_of(secret: str, code: str, real_now: datetime) -> int | None:
    """The time step that a code belongs to, whether or not it was used; None when it is wrong or too old."""
    totp, current = pyotp.TOTP(secret), int(real_now.timestamp()) // STEP_SECONDS
    steps = range(current - STEPS_OFF, current + STEPS_OFF + 1)
    return max((step for step in steps if hmac.compare_digest(totp.generate_otp(step), code)), default=None)


@dataclass(frozen=True, slots=True)
class Tries:
    """How often a login was tried in vain, in real time; a login that nobody has is counted like any other."""

    count: int
    window_ends: datetime
    locks: int = 0
    locked_until: datetime | None = None


def untried(real_now: datetime) -> Tries:
    """A login that nobody has tried."""
    return Tries(0, real_now + TRIES_WINDOW)


def tried(known: Tries, real_now: datetime) -> Tries:
    """With one more try, counted before it is known to be right; raises LOGIN_LOCKED."""
    if known.locked_until is not None and known.locked_until > real_now:
        raise login_locked(known.locked_until - real_now)
    if known.window_ends + CALM <= real_now:
        known = untried(real_now)
    if known.window_ends <= real_now:
        known = replace(known, count=0, window_ends=real_now + TRIES_WINDOW)
    if known.count < MOST_TRIES:
        return replace(known, count=known.count + 1)
    pause = min(LONGEST_LOCK, FIRST_LOCK * 2 ** min(known.locks, _MOST_DOUBLINGS))
    return Tries(0, real_now + pause + TRIES_WINDOW, known.locks + 1, real_now + pause)


def login_locked(left: timedelta) -> Refusal:
    """The refusal of a login that was tried too often."""
    seconds = str(max(1, round(left.total_seconds())))
    return Refusal(
        Category.RESOURCE_EXHAUSTED,
        "LOGIN_LOCKED",
        f"too many wrong tries; wait {seconds} s",
        metadata={"retry_after_seconds": seconds},
    )


def login_invalid() -> Refusal:
    """The refusal of a wrong login, password or code: all look alike."""
    return Refusal(Category.UNAUTHENTICATED, "LOGIN_INVALID", "login, password or code is wrong")


def invitation_invalid() -> Refusal:
    """The refusal of an invitation that is wrong, used or expired, or whose code is wrong: all look alike."""
    return Refusal(Category.INVALID_ARGUMENT, "INVITATION_INVALID", "the invitation or its code is not valid")


def staff_not_found() -> Refusal:
    """The refusal of somebody unknown, or of another partner's."""
    return Refusal(Category.NOT_FOUND, "STAFF_NOT_FOUND", "no such member of the staff")


def staff_exists() -> Refusal:
    """The refusal of a login that somebody of the same partner has."""
    return Refusal(Category.ALREADY_EXISTS, "STAFF_EXISTS", "somebody of the staff has this login")


def may_not_appoint() -> Refusal:
    """The refusal of a role that the caller may not give."""
    return Refusal(Category.PERMISSION_DENIED, "CALLER_NOT_ALLOWED", "this member may not give that role")
