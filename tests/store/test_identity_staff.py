"""Staff on a real PostgreSQL: tries at once are as many, codes work once, the last owner stays, keys rotate."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
import pytest_asyncio
from argon2 import PasswordHasher
from test_identity_store import OPERATOR, Hands, reason, vault_of

from services.identity.domain.staff import CALM, FIRST_LOCK, INVITATION_LIFE, MOST_TRIES, SESSION_LIFE, StaffState
from services.identity.keys import create_keys
from services.identity.operations import Logins, Partners, Rewrapping, Staff
from services.identity.operations.logins import LoggedIn
from services.identity.operations.staff import Invitation
from services.identity.passwords import AT_A_TIME, MOST_WAITING, Passwords
from services.identity.store import PartnerStore, StaffStore, WrapStore
from services.identity.vault import Vault
from services.runtime.database import Database
from services.runtime.key_ring import create_next_key
from services.values.callers import Caller, Role, StaffRole
from services.values.errors import Refusal
from services.values.ids import new_id

OWNER, MANAGER, ANALYST, SUPPORT = StaffRole
PASSWORD, STEP = "a horse of another colour", timedelta(seconds=30)
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@dataclass
class Somebody:
    """A member of the staff with an authenticator app."""

    staff_id: str
    partner_id: str
    login: str
    totp: pyotp.TOTP
    password: str = PASSWORD


@dataclass
class Desk:
    """Staff's use cases over a real store. Passwords have the cheapest parameters; time stands still."""

    db: Database
    vault: Vault
    clock: Hands = field(default_factory=Hands)

    def __post_init__(self) -> None:
        store, passwords = StaffStore(self.db, self.clock.now), Passwords(CHEAP)
        self.staff = Staff(store, self.vault, passwords, self.clock, self.clock)
        self.logins = Logins(store, self.vault, passwords, self.clock, self.clock)
        self.partners = Partners(PartnerStore(self.db), self.vault, self.clock, self.clock)

    async def partner(self) -> str:
        return (await self.partners.register("ann", new_id("req"), "Bikes")).partner_id

    async def invite(self, partner_id: str, role: StaffRole = OWNER) -> Invitation:
        login = f"{new_id('log')}@bikes.example"
        return await self.staff.invite(OPERATOR, new_id("req"), partner_id, login, role)

    async def join(self, partner_id: str, role: StaffRole = OWNER, password: str = PASSWORD) -> Somebody:
        """Somebody who can log in; the code that they showed is half a minute old."""
        invited = await self.invite(partner_id, role)
        uri = await self.staff.accept(new_id("req"), invited.text, "Eve Fang", password)
        totp, member = totp_of(uri), invited.shown.member
        await self.staff.confirm(new_id("req"), invited.text, totp.at(self.clock.time))
        self.clock.time += STEP
        return Somebody(member.staff_id, partner_id, invited.shown.login, totp, password)

    async def log_in(self, who: Somebody, request_id: str = "", **changed: str) -> LoggedIn:
        """Logs in with the code of the moment; the next call has the next code."""
        shown = {"partner_id": who.partner_id, "login": who.login, "password": who.password}
        shown |= {"code": who.totp.at(self.clock.time)} | changed
        begun = await self.logins.log_in(request_id or new_id("req"), **shown)
        self.clock.time += STEP
        return begun

    async def is_open(self, token: str) -> bool:
        """Whether the session's token still stands for somebody."""
        return (await self.logins.resolve([sha256(token.encode()).digest()]))[0] is not None


def totp_of(uri: str) -> pyotp.TOTP:
    """What an authenticator app makes of it."""
    return pyotp.TOTP(parse_qs(urlsplit(uri).query)["secret"][0])


def as_owner(who: Somebody) -> Caller:
    """The caller that they are."""
    return Caller(Role.STAFF, who.staff_id, who.partner_id, None, OWNER, "ses_1")


async def outcomes(*work: Coroutine[Any, Any, Any]) -> Counter[str]:
    """How many were refused why; "" for those that were not."""
    results = await asyncio.gather(*work, return_exceptions=True)
    assert not [one for one in results if isinstance(one, BaseException) and not isinstance(one, Refusal)]
    return Counter(one.reason if isinstance(one, Refusal) else "" for one in results)


@pytest.fixture(scope="module")
def dsn(fresh_database: Callable[..., str]) -> str:
    return fresh_database("identity_staff", "identity")


@pytest_asyncio.fixture
async def desk(dsn: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk with fresh keys, and nobody at it."""
    create_keys(tmp_path / "keys")
    db = await Database.connect(dsn, pool_size=8)
    for table in ("staff_tries", "staff_sessions", "staff"):
        await db.execute(f"DELETE FROM {table}")
    yield Desk(db, vault_of(tmp_path / "keys"))
    await db.close()


async def test_of_forty_tries_at_once_five_are_looked_at_whether_somebody_has_the_login_or_not(desk: Desk) -> None:
    who = await desk.join(await desk.partner())
    for login in (who.login, "nobody@bikes.example"):
        tries = (desk.log_in(who, login=login, password="wrong, and so on") for _ in range(40))
        assert await outcomes(*tries) == {"LOGIN_INVALID": MOST_TRIES, "LOGIN_LOCKED": 40 - MOST_TRIES}


async def test_a_login_that_was_locked_a_hundred_times_opens_again_for_the_right_person(desk: Desk) -> None:
    who = await desk.join(await desk.partner())
    begins = desk.clock.time
    for _ in range(100):
        for _ in range(MOST_TRIES):
            assert await reason(desk.log_in(who, password="wrong, and so on")) == "LOGIN_INVALID"
        with pytest.raises(Refusal) as caught:
            await desk.log_in(who)
        assert caught.value.reason == "LOGIN_LOCKED"
        desk.clock.time += timedelta(seconds=int(caught.value.metadata["retry_after_seconds"]))
    assert desk.clock.time - begins > timedelta(hours=90), "an hour each, in the end"
    await desk.log_in(who)
    assert await reason(desk.log_in(who, password="wrong, and so on")) == "LOGIN_INVALID"


async def test_calm_logins_and_sessions_that_are_over_are_forgotten(desk: Desk) -> None:
    who = await desk.join(await desk.partner())
    begun = await desk.log_in(who)
    await outcomes(*(desk.log_in(who, login="nobody@bikes.example") for _ in range(9)))
    await desk.logins.forget()
    assert await desk.is_open(begun.token)
    locked = desk.log_in(who, login="nobody@bikes.example")
    assert await reason(locked) == "LOGIN_LOCKED"
    desk.clock.time += CALM + FIRST_LOCK + SESSION_LIFE + timedelta(days=1)
    await desk.logins.forget()
    for table in ("staff_tries", "staff_sessions"):
        assert await desk.db.fetchval(f"SELECT count(*) FROM {table}") == 0, table


async def test_a_code_works_once_also_when_it_is_shown_at_once(desk: Desk) -> None:
    who = await desk.join(await desk.partner())
    begins = desk.clock.time
    assert await outcomes(*(desk.log_in(who, code=who.totp.at(begins)) for _ in range(3))) == {
        "": 1,
        "LOGIN_INVALID": 2,
    }
    desk.clock.time = begins
    assert await reason(desk.log_in(who, code=who.totp.at(begins - STEP))) == "LOGIN_INVALID", (
        "older than the last used"
    )
    await desk.log_in(who, code=who.totp.at(begins + STEP))


async def test_a_repeated_log_in_shows_no_secret_and_is_no_failure(desk: Desk) -> None:
    who = await desk.join(await desk.partner())
    code, begins = who.totp.at(desk.clock.time), desk.clock.time
    await desk.log_in(who, "same", code=code)
    desk.clock.time = begins
    for _ in range(2 * MOST_TRIES):
        assert await reason(desk.log_in(who, "same", code=code)) == "SECRET_ALREADY_SHOWN"
    wrong = desk.log_in(who, "same", code=code, password="wrong, and so on")
    assert await reason(wrong) == "LOGIN_INVALID", "only who knows the password learns that the id was used"


async def test_a_wrong_code_costs_no_more_than_a_wrong_password(desk: Desk) -> None:
    """Whoever guesses a password must not see by the time of the answer that it was right."""
    who = await desk.join(await desk.partner())
    asked: list[str] = []
    transaction = desk.db.transaction

    async def noted(*given: Any, **named: Any) -> Any:
        asked.append("transaction")
        return await transaction(*given, **named)

    desk.db.transaction = noted  # type: ignore[method-assign]
    counts = []
    for wrong in ({"password": "wrong, and so on"}, {"code": "000000"}, {"login": "nobody@bikes.example"}):
        asked.clear()
        assert await reason(desk.log_in(who, **wrong)) == "LOGIN_INVALID"
        counts.append(len(asked))
    assert counts == [1, 1, 1]


@pytest.mark.parametrize("password", ["a cafe\u0301 in the morning", "ｃｏｒｒｅｃｔ　ｈｏｒｓｅ", "the ﬁrst of many…"])
async def test_a_password_works_however_its_characters_are_typed(desk: Desk, password: str) -> None:
    who = await desk.join(await desk.partner(), password=password)
    begun = await desk.log_in(who)
    caller = Caller(Role.STAFF, who.staff_id, who.partner_id, None, OWNER, "ses_1")
    await desk.logins.change_password(caller, new_id("req"), password, PASSWORD)
    assert not await desk.is_open(begun.token)
    await desk.log_in(who, password=PASSWORD)


async def test_what_is_remembered_of_a_command_confirms_no_guess_of_a_password(desk: Desk) -> None:
    """A fingerprint that a password goes into is a fast hash of it, kept for good beside the slow one."""
    kept = []
    for password in (PASSWORD, "something else entirely"):
        invited = await desk.invite(await desk.partner())
        await desk.staff.accept("a", invited.text, "Eve Fang", password)
        again = desk.staff.accept("a", invited.text, "Eve Fang", "a third password now")
        assert await reason(again) == "SECRET_ALREADY_SHOWN"
        desk.clock.time += STEP
    partner_id = await desk.partner()
    for password in (PASSWORD, "something else entirely"):
        who = await desk.join(partner_id, password=password)
        await desk.logins.change_password(as_owner(who), "p", password, password + ", changed")
        row = await desk.db.fetchval(
            "SELECT fingerprint FROM requests WHERE caller = $1 AND method = 'ChangePassword'", who.staff_id
        )
        kept.append(row)
    assert kept[0] == kept[1]


async def test_a_made_up_invitation_is_an_invalid_one(desk: Desk) -> None:
    known = (await desk.join(await desk.partner())).staff_id
    for staff_id in (known, new_id("stf")):
        made_up = f"fhi_{staff_id[4:]}_{'A' * 43}"
        assert await reason(desk.staff.confirm(new_id("req"), made_up, "000000")) == "INVITATION_INVALID"
        assert await reason(desk.staff.accept(new_id("req"), made_up, "Eve", PASSWORD)) == "INVITATION_INVALID"


@pytest.mark.parametrize("accepted", [False, True])
async def test_an_invitation_ends_after_three_days(desk: Desk, accepted: bool) -> None:
    invited = await desk.invite(await desk.partner())
    uri = await desk.staff.accept("a", invited.text, "Eve", PASSWORD) if accepted else ""
    desk.clock.time += INVITATION_LIFE
    late = (
        desk.staff.confirm("c", invited.text, totp_of(uri).at(desk.clock.time))
        if accepted
        else desk.staff.accept("a", invited.text, "Eve", PASSWORD)
    )
    assert await reason(late) == "INVITATION_INVALID"
    anew = await desk.staff.reset(OPERATOR, new_id("req"), invited.shown.member.staff_id)
    await desk.staff.accept("b", anew.text, "Eve", PASSWORD)
    assert await reason(desk.staff.accept("c", invited.text, "Eve", PASSWORD)) == "INVITATION_INVALID"


async def test_of_two_who_accept_at_once_one_can_log_in(desk: Desk) -> None:
    invited = await desk.invite(await desk.partner())
    passwords = ("the first password", "the other password")
    uris = await asyncio.gather(*(desk.staff.accept(new_id("req"), invited.text, "Eve", text) for text in passwords))
    now, member = desk.clock.time, invited.shown.member
    confirming = [desk.staff.confirm(new_id("req"), invited.text, totp_of(uri).at(now)) for uri in uris]
    assert await outcomes(*confirming) == {"": 1, "INVITATION_INVALID": 1}
    desk.clock.time += STEP
    people = [Somebody(member.staff_id, member.partner_id, invited.shown.login, totp_of(uri)) for uri in uris]
    shown = [desk.log_in(who, password=text) for who in people for text in passwords]
    assert await outcomes(*shown) == {"": 1, "LOGIN_INVALID": 3}, "name, password and second factor are one person's"


async def test_owners_who_demote_reset_or_remove_each_other_at_once_leave_one(desk: Desk) -> None:
    for _ in range(5):
        partner_id = await desk.partner()
        one, two, three = [await desk.join(partner_id) for _ in range(3)]
        work = (
            desk.staff.change_role(as_owner(one), new_id("req"), two.staff_id, SUPPORT),
            desk.staff.remove(as_owner(two), new_id("req"), three.staff_id),
            desk.staff.change_role(as_owner(three), new_id("req"), one.staff_id, ANALYST),
        )
        assert await outcomes(*work) == {"": 2, "LAST_OWNER": 1}
        listed, _ = await desk.staff.list(OPERATOR, partner_id, 0, "")
        present = [shown.member for shown in listed if shown.member.state is StaffState.ACTIVE]
        assert [member.role for member in present].count(OWNER) == 1


async def test_who_is_removed_while_they_log_in_is_not_in(desk: Desk) -> None:
    partner_id = await desk.partner()
    await desk.join(partner_id)
    for _ in range(5):
        who = await desk.join(partner_id, SUPPORT)
        begun, _ = await asyncio.gather(
            desk.log_in(who),
            desk.staff.remove(OPERATOR, new_id("req"), who.staff_id),
            return_exceptions=True,
        )
        assert isinstance(begun, Refusal) or not await desk.is_open(begun.token)


async def test_keys_rotate_under_staff_too(desk: Desk, tmp_path: Path) -> None:
    await desk.db.execute("DELETE FROM renters")
    partner_id = await desk.partner()
    who, gone = await desk.join(partner_id), await desk.join(partner_id, SUPPORT)
    await desk.staff.remove(OPERATOR, new_id("req"), gone.staff_id)
    create_next_key(tmp_path / "keys")
    rewrapping = Rewrapping(WrapStore(desk.db), desk.vault)
    assert [await rewrapping.run() for _ in range(2)] == [1, 0]
    (tmp_path / "keys" / "kek.key").unlink()
    later = Desk(desk.db, vault_of(tmp_path / "keys"), desk.clock)
    assert (await later.log_in(who)).display_name == "Eve Fang"


class Counting(PasswordHasher):
    """Takes its time, and knows how many of it run."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.running = self.most = self.began = 0
        self._lock = threading.Lock()

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        with self._lock:
            self.running, self.began = self.running + 1, self.began + 1
            self.most = max(self.most, self.running)
        time.sleep(0.05)
        with self._lock:
            self.running -= 1
        return super().hash(password, salt=salt)


async def test_two_passwords_at_a_time_also_when_callers_give_up(desk: Desk) -> None:
    hasher = Counting()
    passwords = Passwords(hasher)
    asked = []
    for _ in range(12):
        asked.append(asyncio.create_task(passwords.hash(PASSWORD)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        asked[-1].cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    await passwords.hash(PASSWORD)
    assert hasher.most <= AT_A_TIME
    assert hasher.began <= 1 + AT_A_TIME + 1, "what nobody waits for is not begun"


async def test_a_long_queue_for_passwords_is_refused(desk: Desk) -> None:
    passwords = Passwords(Counting())
    many = AT_A_TIME + MOST_WAITING
    assert await outcomes(*(passwords.hash(PASSWORD) for _ in range(many + 5))) == {"": many, "OVERLOADED": 5}
    assert await outcomes(passwords.fits("", PASSWORD)) == {"": 1}
