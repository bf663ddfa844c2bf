"""Who may appoint whom, which passwords and codes are taken, when a login is locked, and who is the last owner."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from services.identity.domain.staff import (
    CALM,
    FIRST_LOCK,
    INVITATION_LIFE,
    LONGEST_LOCK,
    MOST_TRIES,
    TRIES_WINDOW,
    Member,
    StaffState,
    Tries,
    confirmed,
    invited_again,
    may_appoint,
    must_be_invited,
    new_totp_secret,
    otpauth_uri,
    parse_password,
    removed,
    step_of,
    tidy_login,
    tried,
    untried,
    with_role,
)
from services.values.callers import Caller, Role, StaffRole
from services.values.errors import Refusal
from services.values.sealed import Sealed

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
OPERATOR = Caller(Role.OPERATOR, "ann")
OWNER, MANAGER, ANALYST, SUPPORT = StaffRole
MEMBER = Member("stf_1", "ptn_1", OWNER, StaffState.ACTIVE, Sealed(b"key", b"data"), NOW, "$argon2id$")


def _staff(role: StaffRole, partner_id: str = "ptn_1") -> Caller:
    return Caller(Role.STAFF, "stf_9", partner_id, None, role, "ses_1")


def _reason(work: object, *args: object) -> str:
    with pytest.raises(Refusal) as caught:
        work(*args)  # type: ignore[operator]
    return caught.value.reason


@pytest.mark.parametrize(
    ("caller", "allowed"),
    [
        (OPERATOR, {OWNER, MANAGER, ANALYST, SUPPORT}),
        (_staff(OWNER), {OWNER, MANAGER, ANALYST, SUPPORT}),
        (_staff(MANAGER), {ANALYST, SUPPORT}),
        (_staff(ANALYST), set()),
        (_staff(SUPPORT), set()),
        (_staff(OWNER, "ptn_2"), set()),
    ],
)
def test_who_appoints_whom(caller: Caller, allowed: set[StaffRole]) -> None:
    assert {role for role in StaffRole if may_appoint(caller, "ptn_1", role)} == allowed


def test_an_invitation_works_once_in_time_and_by_its_secret() -> None:
    invited = invited_again(MEMBER, b"hash", NOW + INVITATION_LIFE)
    assert (invited.state, invited.password_hash) == (StaffState.INVITED, "")
    assert must_be_invited(invited, b"hash", NOW) is invited
    assert _reason(must_be_invited, invited, b"other", NOW) == "INVITATION_INVALID"
    assert _reason(must_be_invited, invited, b"hash", NOW + INVITATION_LIFE) == "INVITATION_INVALID"
    assert _reason(must_be_invited, confirmed(invited, 7), b"hash", NOW) == "INVITATION_INVALID"
    assert _reason(must_be_invited, confirmed(invited, 7), b"", NOW) == "INVITATION_INVALID"
    assert _reason(must_be_invited, None, b"hash", NOW) == "INVITATION_INVALID"


def test_a_partner_keeps_an_owner_who_can_log_in() -> None:
    assert _reason(removed, MEMBER, 0) == "LAST_OWNER"
    assert _reason(with_role, MEMBER, MANAGER, 0) == "LAST_OWNER"
    assert with_role(MEMBER, OWNER, 0) == MEMBER
    assert with_role(MEMBER, SUPPORT, 1).role is SUPPORT
    gone = removed(MEMBER, 1)
    assert (gone.state, gone.sealed, gone.password_hash) == (StaffState.REMOVED, Sealed(b"", b""), "")
    invited = invited_again(MEMBER, b"hash", NOW)
    assert removed(invited, 0).state is StaffState.REMOVED, "one who could not log in is not missed"


@pytest.mark.parametrize(
    "weak",
    ["short", "elevenchars", "x" * 129, "passwordpassword", "PasswordPassword", "aaaaaaaaaaaaaaa", "eve@x.example"],
)
def test_weak_passwords_are_refused_by_field(weak: str) -> None:
    with pytest.raises(Refusal) as caught:
        parse_password("password", weak, "eve@x.example")
    assert caught.value.reason == "PASSWORD_TOO_WEAK"
    assert [violation.field for violation in caught.value.violations] == ["password"]
    assert weak not in str(caught.value)


def test_a_password_of_any_script_is_taken_and_its_width_does_not_matter() -> None:
    assert parse_password("password", "correct horse battery", "eve") == "correct horse battery"
    assert parse_password("password", "ｃｏｒｒｅｃｔ　ｈｏｒｓｅ", "eve") == "correct horse"
    assert parse_password("password", "春眠不觉晓处处闻啼鸟夜来", "eve")


def test_logins_are_compared_without_case_and_width() -> None:
    assert tidy_login(" Eve@Bikes.EXAMPLE ") == tidy_login("ｅve@bikes.example") == "eve@bikes.example"


def test_a_code_is_of_this_time_step_or_a_neighbour() -> None:
    secret = new_totp_secret()
    totp = pyotp.TOTP(secret)
    step = int(NOW.timestamp()) // 30
    for off in (-1, 0, 1):
        assert step_of(secret, totp.generate_otp(step + off), NOW) == step + off
    for off in (-3, -2, 2, 3):
        assert step_of(secret, totp.generate_otp(step + off), NOW) is None
    assert otpauth_uri(secret, "eve@bikes.example").startswith("otpauth://totp/Freehold:eve%40bikes.example?")


def test_a_burst_of_tries_locks_for_longer_each_time() -> None:
    tries, now, pauses = untried(NOW), NOW, []
    for _ in range(100):
        for _ in range(MOST_TRIES):
            tries = tried(tries, now)
            assert tries.locked_until is None or tries.locked_until <= now
        tries = tried(tries, now)
        assert tries.locked_until is not None
        assert _reason(tried, tries, now) == "LOGIN_LOCKED"
        pauses.append(tries.locked_until - now)
        now = tries.locked_until
    assert pauses[:3] == [timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=4)]
    assert pauses[-1] == LONGEST_LOCK


def test_after_a_calm_day_the_next_lock_is_short_again() -> None:
    tries = Tries(0, NOW - CALM, locks=60, locked_until=NOW - CALM - TRIES_WINDOW)
    for _ in range(MOST_TRIES + 1):
        tries = tried(tries, NOW)
    assert tries.locked_until == NOW + FIRST_LOCK
    still = Tries(0, NOW - CALM + timedelta(seconds=1), locks=60)
    for _ in range(MOST_TRIES + 1):
        still = tried(still, NOW)
    assert still.locked_until == NOW + LONGEST_LOCK


def test_tries_that_are_far_between_lock_nothing() -> None:
    tries = untried(NOW)
    for number in range(50):
        tries = tried(tries, NOW + number * TRIES_WINDOW)
        assert tries.locked_until is None
