"""The people who work at a partner: from the invitation to the login, what each role reaches, and how it ends."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pyotp
import pytest
import pytest_asyncio
from test_every_rpc import RPCS, Rpc
from town import Town, new_id, refused

from freehold.deposits.v1 import deposits_service_pb2 as deposits
from freehold.identity.v1 import identity_service_pb2 as identity
from freehold.identity.v1 import staff_service_pb2 as pb
from freehold.rental.v1 import rental_service_pb2 as rental
from services.runtime.postgres import EmbeddedPostgres
from services.values.callers import StaffRole
from services.values.errors import Refusal

PASSWORD = "correct horse battery staple"
STEP = 30


@dataclass
class Somebody:
    """A member of the staff with what they know and have."""

    staff_id: str
    partner_id: str
    login: str
    totp: pyotp.TOTP
    token: str = ""
    password: str = PASSWORD
    last_step: int = 0

    def code(self) -> str:
        """The code of the next unused step that is taken."""
        step = max(int(time.time()) // STEP - 1, self.last_step + 1)
        self.last_step = step
        return self.totp.generate_otp(step)


class Office:
    """Calls of StaffService."""

    def __init__(self, town: Town) -> None:
        self.town, self.stub = town, town.api.staff

    async def call(self, method: str, credential: str = "nothing", **fields: Any) -> Any:
        """One call; a request_id is made unless one is given."""
        request_type = getattr(pb, f"{method}Request")
        if "request_id" in request_type.DESCRIPTOR.fields_by_name:
            fields = {"request_id": new_id()} | fields
        return await self.town.api.call(getattr(self.stub, method), request_type(**fields), credential)

    async def invited(self, role: str, credential: str, partner_id: str = "") -> tuple[Any, str]:
        """Somebody invited, and their login."""
        login = f"{new_id()}@bikes.example"
        kind = f"STAFF_ROLE_{role}"
        return await self.call("InviteStaff", credential, partner_id=partner_id, login=login, role=kind), login

    async def enrolled(self, role: str, credential: str, partner_id: str = "") -> Somebody:
        """Somebody who can log in."""
        answer, login = await self.invited(role, credential, partner_id)
        return await self.enrol(answer.invitation, login, answer.staff)

    async def enrol(self, invitation: str, login: str, staff: Any) -> Somebody:
        """Accepts an invitation to the end."""
        accepted = await self.call(
            "AcceptInvitation", invitation=invitation, display_name="Eve Fang", password=PASSWORD
        )
        (secret,) = parse_qs(urlsplit(accepted.otpauth_uri).query)["secret"]
        somebody = Somebody(staff.staff_id, staff.partner_id, login, pyotp.TOTP(secret))
        done = await self.call("ConfirmSecondFactor", invitation=invitation, code=somebody.code())
        assert done.staff.state == pb.STAFF_STATE_ACTIVE
        return somebody

    async def log_in(self, who: Somebody, **changed: Any) -> Any:
        """A session."""
        fields = {"partner_id": who.partner_id, "login": who.login, "password": who.password} | changed
        if "code" not in fields:
            fields["code"] = who.code()
        return await self.call("LogIn", **fields)

    async def logged_in(self, role: str, credential: str, partner_id: str = "") -> Somebody:
        """Somebody with a session."""
        somebody = await self.enrolled(role, credential, partner_id)
        somebody.token = (await self.log_in(somebody)).token
        return somebody


@pytest_asyncio.fixture(scope="module")
async def office(town: Town) -> Office:
    return Office(town)


@pytest_asyncio.fixture(scope="module")
async def owner(office: Office) -> Somebody:
    """The demo partner's first owner, invited by an operator."""
    return await office.logged_in("OWNER", office.town.operator, office.town.city.partner_id)


@pytest_asyncio.fixture(scope="module")
async def staff(office: Office, owner: Somebody) -> dict[StaffRole, Somebody]:
    """One of each role at the demo partner."""
    others = {role: await office.logged_in(role, owner.token) for role in StaffRole if role is not StaffRole.OWNER}
    return {StaffRole.OWNER: owner, **others}


async def test_an_invitation_leads_to_a_login_and_works_once(office: Office) -> None:
    partner_id, operator = office.town.city.partner_id, office.town.operator
    answer, login = await office.invited("OWNER", operator, partner_id)
    early = office.call("ConfirmSecondFactor", invitation=answer.invitation, code="000000")
    assert (await refused(early)).reason == "INVITATION_INVALID", "there is no second factor yet"
    weak = office.call("AcceptInvitation", invitation=answer.invitation, display_name="Eve", password=login)
    assert (await refused(weak)).reason == "PASSWORD_TOO_WEAK"

    somebody = await office.enrol(answer.invitation, login, answer.staff)
    again = office.call("AcceptInvitation", invitation=answer.invitation, display_name="Mallory", password=PASSWORD)
    assert (await refused(again)).reason == "INVITATION_INVALID"
    begun = await office.log_in(somebody, login=f" {login.upper()} ")
    assert begun.staff.display_name == "Eve Fang"
    assert 11.9 * 3600 < begun.expires_at.ToSeconds() - time.time() <= 12 * 3600
    listed = await office.call("ListStaff", begun.token)
    assert login in {one.login for one in listed.staff}


async def test_a_repeated_command_shows_no_secret_twice(office: Office, owner: Somebody) -> None:
    login = f"{new_id()}@bikes.example"
    ask = {"request_id": new_id(), "login": login, "role": "STAFF_ROLE_SUPPORT"}
    answer = await office.call("InviteStaff", owner.token, **ask)
    assert (await refused(office.call("InviteStaff", owner.token, **ask))).reason == "SECRET_ALREADY_SHOWN"
    other = office.call("InviteStaff", owner.token, **(ask | {"role": "STAFF_ROLE_ANALYST"}))
    assert (await refused(other)).reason == "REQUEST_ID_REUSED"
    twice = office.call("InviteStaff", owner.token, **(ask | {"request_id": new_id()}))
    assert (await refused(twice)).reason == "STAFF_EXISTS"
    accept = {"request_id": new_id(), "invitation": answer.invitation, "display_name": "E", "password": PASSWORD}
    await office.call("AcceptInvitation", **accept)
    assert (await refused(office.call("AcceptInvitation", **accept))).reason == "SECRET_ALREADY_SHOWN"


async def test_two_who_accept_at_once_make_one_member(office: Office, owner: Somebody) -> None:
    answer, login = await office.invited("SUPPORT", owner.token)
    await office.enrol(answer.invitation, login, answer.staff)
    outcomes = await asyncio.gather(
        *(
            office.call("AcceptInvitation", invitation=answer.invitation, display_name="M", password=PASSWORD)
            for _ in range(4)
        ),
        return_exceptions=True,
    )
    assert {one.reason for one in outcomes if isinstance(one, Refusal)} == {"INVITATION_INVALID"}


async def test_whatever_is_wrong_with_a_login_looks_alike(office: Office, owner: Somebody) -> None:
    fresh = await office.enrolled("SUPPORT", owner.token)
    right = fresh.code()
    for wrong in (
        {"password": "wrong horse battery staple", "code": right},
        {"code": "000000"},
        {"login": f"{new_id()}@nobody.example", "code": right},
        {"partner_id": "ptn_" + "0" * 26, "code": right},
    ):
        refusal = await refused(office.log_in(fresh, **wrong))
        assert (refusal.reason, refusal.message) == ("LOGIN_INVALID", "login, password or code is wrong")
    await office.log_in(fresh, code=right)
    assert (await refused(office.log_in(fresh, code=right))).reason == "LOGIN_INVALID", "a code works once"


async def test_a_login_is_locked_after_five_wrong_tries_whether_or_not_somebody_has_it(
    office: Office, owner: Somebody
) -> None:
    fresh = await office.enrolled("SUPPORT", owner.token)
    nobody = Somebody("", fresh.partner_id, f"{new_id()}@nobody.example", fresh.totp)
    for who in (fresh, nobody):
        reasons = [(await refused(office.log_in(who, password="x" * 12, code="000000"))).reason for _ in range(6)]
        assert reasons == ["LOGIN_INVALID"] * 5 + ["LOGIN_LOCKED"]
    locked = await refused(office.log_in(fresh))
    assert locked.reason == "LOGIN_LOCKED", "the right password does not open it"
    assert 0 < int(locked.metadata["retry_after_seconds"]) <= 60


CELLS = [(rpc, role) for rpc in RPCS for role in StaffRole]


@pytest.mark.parametrize(("rpc", "role"), CELLS, ids=[f"{rpc}-{role}" for rpc, role in CELLS])
async def test_every_cell_of_staff(office: Office, staff: dict[StaffRole, Somebody], rpc: Rpc, role: StaffRole) -> None:
    if str(rpc) in ("LogOut", "ChangePassword") or rpc.rule.anonymous:
        return
    try:
        await rpc.call(office.town, staff[role].token)
        reason = ""
    except Refusal as refusal:
        reason = refusal.reason
    assert (reason == "CALLER_NOT_ALLOWED") is (role not in rpc.rule.staff), reason


async def test_staff_reach_their_own_partner_and_no_other(office: Office, staff: dict[StaffRole, Somebody]) -> None:
    town, api = office.town, office.town.api
    renter = await town.new_person(score=650)
    ride = await town.start(renter.renter_id, await town.new_bike())
    await town.end(ride.rental_id)
    register = identity.RegisterPartnerRequest(request_id=new_id(), display_name="Hillside Bikes")
    other = (await api.call(api.identity.RegisterPartner, register, town.operator)).partner.partner_id
    stranger = (await office.logged_in("OWNER", town.operator, other)).token

    asks = [
        (api.rental.GetRental, rental.GetRentalRequest(rental_id=ride.rental_id), "RENTAL_NOT_FOUND"),
        (api.deposits.GetDeposit, deposits.GetDepositRequest(deposit_id=ride.deposit_id), "DEPOSIT_NOT_FOUND"),
        (api.identity.GetRenter, identity.GetRenterRequest(renter_id=renter.renter_id), "RENTER_NOT_FOUND"),
    ]
    for rpc, request, reason in asks:
        await api.call(rpc, request, staff[StaffRole.SUPPORT].token)
        assert (await refused(api.call(rpc, request, stranger))).reason == reason
    mine = await api.call(api.rental.ListRentals, rental.ListRentalsRequest(), staff[StaffRole.SUPPORT].token)
    assert ride.rental_id in {one.rental_id for one in mine.rentals}
    assert not (await api.call(api.rental.ListRentals, rental.ListRentalsRequest(), stranger)).rentals
    assert not (await api.call(api.deposits.ListDeposits, deposits.ListDepositsRequest(), stranger)).deposits

    keys = identity.ListApiKeysRequest(partner_id=town.city.partner_id)
    (key, *_) = (await api.call(api.identity.ListApiKeys, keys, staff[StaffRole.OWNER].token)).api_keys
    assert (await refused(api.call(api.identity.ListApiKeys, keys, stranger))).reason == "PARTNER_NOT_FOUND"
    revoke = identity.RevokeApiKeyRequest(request_id=new_id(), api_key_id=key.api_key_id)
    assert (await refused(api.call(api.identity.RevokeApiKey, revoke, stranger))).reason == "API_KEY_NOT_FOUND"
    rotate = identity.RotateApiKeyRequest(request_id=new_id(), api_key_id=key.api_key_id)
    assert (await refused(api.call(api.identity.RotateApiKey, rotate, stranger))).reason == "API_KEY_NOT_FOUND"
    for method in ("RemoveStaff", "ResetStaff"):
        refusal = await refused(office.call(method, stranger, staff_id=staff[StaffRole.OWNER].staff_id))
        assert refusal.reason == "STAFF_NOT_FOUND"
    listed = office.call("ListStaff", stranger, partner_id=town.city.partner_id)
    assert (await refused(listed)).reason == "PARTNER_NOT_FOUND"


async def test_a_policy_names_who_set_it(office: Office, staff: dict[StaffRole, Somebody]) -> None:
    manager, api = staff[StaffRole.MANAGER], office.town.api
    request = deposits.SetPolicyRequest(
        request_id=new_id(),
        asset_kind="ASSET_KIND_E_BIKE",
        threshold=620,
        deposit={"currency_code": "CNY", "amount_minor": 19900},
        reason="winter",
    )
    policy = (await api.call(api.deposits.SetPolicy, request, manager.token)).policy
    assert (policy.author, policy.partner_id) == (manager.staff_id, office.town.city.partner_id)


@pytest.mark.parametrize("end", ["LogOut", "RemoveStaff", "ChangeStaffRole", "ResetStaff", "ChangePassword"])
async def test_a_session_that_ends_ends_everywhere_within_a_second(office: Office, owner: Somebody, end: str) -> None:
    api = office.town.api
    somebody = await office.logged_in("SUPPORT", owner.token)
    listing = rental.ListRentalsRequest()
    await api.call(api.rental.ListRentals, listing, somebody.token)
    ask: dict[str, Any] = {
        "LogOut": {},
        "ChangePassword": {"old_password": PASSWORD, "new_password": "another horse battery"},
        "ChangeStaffRole": {"staff_id": somebody.staff_id, "role": "STAFF_ROLE_ANALYST"},
    }.get(end, {"staff_id": somebody.staff_id})
    await office.call(end, somebody.token if end in ("LogOut", "ChangePassword") else owner.token, **ask)
    await asyncio.sleep(1.0)
    assert (await refused(api.call(api.rental.ListRentals, listing, somebody.token))).reason == "CREDENTIALS_INVALID"
    deposit = api.call(api.deposits.ListDeposits, deposits.ListDepositsRequest(), somebody.token)
    assert (await refused(deposit)).reason == "CREDENTIALS_INVALID", "also where it was never seen"
    assert (await refused(office.call("ListStaff", somebody.token))).reason == "CREDENTIALS_INVALID"
    if end == "ChangePassword":
        somebody.password = "another horse battery"
        await office.log_in(somebody)
    if end in ("RemoveStaff", "ResetStaff"):
        assert (await refused(office.log_in(somebody))).reason == "LOGIN_INVALID"


async def test_a_partner_keeps_an_owner_whoever_demotes_whom_at_once(office: Office) -> None:
    town, api = office.town, office.town.api
    register = identity.RegisterPartnerRequest(request_id=new_id(), display_name="Two Owners")
    partner_id = (await api.call(api.identity.RegisterPartner, register, town.operator)).partner.partner_id
    first = await office.logged_in("OWNER", town.operator, partner_id)
    alone = office.call("RemoveStaff", first.token, staff_id=first.staff_id)
    assert (await refused(alone)).reason == "LAST_OWNER"
    second = await office.enrolled("OWNER", first.token)
    outcomes = await asyncio.gather(
        *(
            office.call("ChangeStaffRole", town.operator, staff_id=who.staff_id, role="STAFF_ROLE_MANAGER")
            for who in (first, second)
        ),
        return_exceptions=True,
    )
    assert sorted(getattr(one, "reason", "") for one in outcomes) == ["", "LAST_OWNER"]


async def test_managers_appoint_analysts_and_support_only(office: Office, staff: dict[StaffRole, Somebody]) -> None:
    manager = staff[StaffRole.MANAGER].token
    await office.invited("ANALYST", manager)
    for role in ("OWNER", "MANAGER"):
        assert (await refused(office.invited(role, manager))).reason == "CALLER_NOT_ALLOWED"
    elsewhere = office.invited("SUPPORT", manager, "ptn_" + "0" * 26)
    assert (await refused(elsewhere)).reason == "PARTNER_NOT_FOUND"


async def test_nothing_of_a_member_is_stored_in_clear_and_nothing_stays_of_one_who_left(
    office: Office, owner: Somebody
) -> None:
    somebody = await office.logged_in("SUPPORT", owner.token)
    secret = somebody.totp.secret
    connection = await asyncpg.connect(EmbeddedPostgres(office.town.ready.home.path).dsn("identity"))
    try:
        rows = [
            str(value)
            for table in ("staff", "staff_sessions", "staff_tries", "requests")
            for row in await connection.fetch(f"SELECT t.* FROM {table} t")
            for value in row.values()
        ]
        assert not any(word in row for row in rows for word in (somebody.login, PASSWORD, secret, somebody.token))
        await office.call("RemoveStaff", owner.token, staff_id=somebody.staff_id)
        left = await connection.fetchrow(
            "SELECT wrapped_key, sealed, login_index, password_hash FROM staff WHERE staff_id = $1", somebody.staff_id
        )
        assert list(left.values()) == [b"", b"", b"", ""]
    finally:
        await connection.close()
