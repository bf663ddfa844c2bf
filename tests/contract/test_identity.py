"""Identity over its sockets: each public RPC, who may call it, whose people they see, and how it says no."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from identity_house import PROMISES, House, identity_house, level, newcomer, refusal_of, registration, state

from freehold.assets.v1 import asset_kind_pb2
from freehold.identity.v1 import identity_internal_service_pb2 as internal
from freehold.identity.v1 import identity_service_pb2 as pb
from freehold.identity.v1.identity_internal_service_pb2_grpc import IdentityInternalServiceStub
from services.sandbox.people import Case, aged, named
from services.values.ids import new_renter_id

METHODS = [method.name for method in pb.DESCRIPTOR.services_by_name["IdentityService"].methods]
CALLERS = {"partner": "partners", "renter": "the renter", "operator": "operators"}
STAFF = {"OWNER": "owners", "MANAGER": "managers", "ANALYST": "analysts", "SUPPORT": "support"}
UNKNOWN_RENTER = new_renter_id("rnt")
SCORING = pb.CONSENT_PURPOSE_DEPOSIT_SCORING


@pytest.fixture(scope="module")
def dsn(fresh_database: Callable[..., str]) -> str:
    return fresh_database("identity_contract", "identity")


@pytest.fixture(scope="module")
async def house(dsn: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with identity_house(dsn, tmp_path_factory.mktemp("identity")) as running:
        yield running


@pytest.fixture(scope="module")
async def renter(house: House) -> tuple[str, str]:
    """Somebody whom tests only look at: id and token."""
    renter_id, issued = await house.signed_in()
    return renter_id, issued.token


async def until(house: House, renter_id: str, wanted: str) -> Any:
    """The person, once they are in a state."""
    async with asyncio.timeout(10):
        while state(found := (await house.call("GetRenter", renter_id=renter_id)).renter) != wanted:
            await asyncio.sleep(0.05)
    return found


@pytest.fixture(scope="module")
async def staff(house: House) -> dict[str, str]:
    """Sessions of somebody in each role at the partner."""
    return {role: await house.new_staff(role) for role in STAFF}


@pytest.mark.parametrize("method", METHODS)
async def test_which_staff_may_call_is_what_the_contract_says(house: House, staff: dict[str, str], method: str) -> None:
    (promised,) = re.findall(r"Callers: ([^.]*)\.", PROMISES[method])
    for role, so_called in STAFF.items():
        outcome = await house.outcome(method, staff[role])
        assert (outcome != "CALLER_NOT_ALLOWED") is (so_called in promised or "everybody" in promised), role


@pytest.mark.parametrize("method", METHODS)
async def test_who_may_call_is_what_the_contract_says(house: House, renter: tuple[str, str], method: str) -> None:
    (promised,) = re.findall(r"Callers: ([^.]*)\.", PROMISES[method])
    assert await house.refused(method, "nobody") == ("UNAUTHENTICATED", "CREDENTIALS_MISSING", [])
    assert await house.refused(method, "fhk_wrong") == ("UNAUTHENTICATED", "CREDENTIALS_INVALID", [])
    for caller, so_called in CALLERS.items():
        outcome = await house.outcome(method, renter[1] if caller == "renter" else caller)
        may = so_called in promised or "everybody" in promised
        assert (outcome != "CALLER_NOT_ALLOWED") is may, caller


async def test_a_person_is_verified_proves_the_phone_and_consents(house: House) -> None:
    who = newcomer()
    found = await house.register(who)
    assert (state(found), level(found), found.phone_verified) == ("VERIFIED", "DOCUMENT_CHECKED", False)
    issued = await house.call(
        "IssueRenterToken", renter_id=found.renter_id, code=await house.code(found.renter_id, who)
    )
    seen = (await house.call("GetRenter", issued.token, renter_id=found.renter_id)).renter
    assert seen.phone_verified
    assert all(text not in str(seen) for text in (who.name, who.phone, who.resident_id_number))

    partner = {"partner_id": house.partners["partner"], "purpose": SCORING}
    assert house.heard.count((found.renter_id, "consent_granted")) == 0, "nothing leaves before consent"
    given = (await house.call("GrantConsent", issued.token, text_version="v1", **partner)).consent
    ended = (await house.call("WithdrawConsent", issued.token, **partner)).consent
    again = (await house.call("GrantConsent", issued.token, text_version="v2", **partner)).consent
    assert (ended.consent_id, again.withdrawn_at.seconds) == (given.consent_id, 0)
    listed = (await house.call("ListConsents", issued.token)).consents
    assert [(one.text_version, one.HasField("withdrawn_at")) for one in listed] == [("v2", False), ("v1", True)]
    assert (await house.call("WithdrawAllConsents", issued.token)).withdrawn == 1
    async with asyncio.timeout(10):
        while (heard := [kind for who, kind in house.heard if who == found.renter_id]).count("consent_withdrawn") < 2:
            await asyncio.sleep(0.02)
    assert heard[0] == "consent_granted"
    assert {"fact", "consent_granted", "consent_withdrawn"} == set(heard)


async def test_two_hundred_at_once_with_one_document_make_one_account(house: House) -> None:
    who = newcomer()
    said = registration(who)
    outcomes = await asyncio.gather(*(house.outcome("RegisterRenter", "partner", **said) for _ in range(200)))
    assert Counter(outcomes) == {"": 1, "DOCUMENT_ALREADY_REGISTERED": 199}
    assert await house.reason("RegisterRenter", "stranger", **said) == "DOCUMENT_ALREADY_REGISTERED"


async def test_a_batch_of_people_is_answered_one_by_one(house: House) -> None:
    known, twice, wrong, fresh = newcomer(), newcomer(), newcomer(), newcomer()
    await house.register(known)
    people = [registration(who) | {"request_id": f"batch-{at}"} for at, who in enumerate((known, twice, twice, fresh))]
    people.append(registration(wrong) | {"request_id": "batch-4", "document_number": "11010519491231002"})
    ask = {"requests": [pb.RegisterRenterRequest(**one) for one in people]}
    answers = (await house.call("BatchRegisterRenters", **ask)).results
    taken, bad = "DOCUMENT_ALREADY_REGISTERED", "DOCUMENT_NUMBER_INVALID"
    assert [answer.status.reason for answer in answers] == [taken, "", taken, "", bad]
    assert answers[4].status.violations[0].field == "document_number"
    again = (await house.call("BatchRegisterRenters", **ask)).results
    assert [one.renter.renter_id for one in again] == [one.renter.renter_id for one in answers]

    made = answers[3].renter.renter_id
    await until(house, made, "VERIFIED")
    found = (await house.call("BatchGetRenters", renter_ids=[made, UNKNOWN_RENTER, made])).results
    seen = [(one.status.reason, one.renter.renter_id) for one in found]
    assert seen == [("", made), ("RENTER_NOT_FOUND", ""), ("", made)]
    others = (await house.call("BatchGetRenters", "stranger", renter_ids=[made])).results
    assert others[0].status.reason == "RENTER_NOT_FOUND"


async def test_a_partner_learns_who_may_rent_what_and_no_birth_date(house: House) -> None:
    today = datetime.now(UTC).date()
    people = {age: (await house.register(aged(age, today))).renter_id for age in (11, 12, 16, 40)}
    denied = (await house.register(full_name="Somebody Else")).renter_id
    kinds = (asset_kind_pb2.ASSET_KIND_BIKE, asset_kind_pb2.ASSET_KIND_E_BIKE)
    asked = [(who, kind) for who in (*people.values(), denied, UNKNOWN_RENTER) for kind in kinds]
    questions = [pb.RenterQuestion(renter_id=who, asset_kind=kind) for who, kind in asked]
    answers = (await house.call("BatchCheckRenters", questions=questions)).answers
    assert [answer.may_rent for answer in answers] == [False, False, True, False, True, True, True, True] + [False] * 4
    too_young, unverified = pb.RENTER_OBSTACLE_TOO_YOUNG, pb.RENTER_OBSTACLE_NOT_VERIFIED
    assert [list(answers[at].obstacles) for at in (0, 3, 8)] == [[too_young], [too_young], [unverified]]
    assert {answer.status.reason for answer in answers[10:]} == {"RENTER_NOT_FOUND"}
    others = (await house.call("BatchCheckRenters", "stranger", questions=questions[:2])).answers
    assert {answer.status.reason for answer in others} == {"RENTER_NOT_FOUND"}


async def test_a_number_of_fifteen_digits_is_refused_with_its_reason(house: House) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await house.register(document_number="110105491231002")
    _, reason, _, blamed = refusal_of(caught.value)
    assert (reason, blamed) == ("DOCUMENT_NUMBER_INVALID", ["document_number"])
    assert "15-digit kind that ended in 2013" in (caught.value.details() or "")


async def test_a_slow_registry_leaves_a_person_pending_and_they_follow_by_themselves(house: House) -> None:
    pending = await house.register(named(Case.SLOW))
    assert (state(pending), level(pending)) == ("PENDING", "CLAIMED")
    await until(house, pending.renter_id, "VERIFIED")


async def test_what_the_registry_cannot_decide_an_operator_does(house: House) -> None:
    unclear = await house.register(named(Case.UNCLEAR))
    assert state(unclear) == "IN_REVIEW"
    decision = {"renter_id": unclear.renter_id, "decision": pb.REVIEW_DECISION_APPROVE, "reason": "papers seen"}
    assert state((await house.call("ReviewRenter", "operator", **decision)).renter) == "VERIFIED"
    assert await house.reason("ReviewRenter", "operator", **decision) == "STATE_NOT_ALLOWED"

    denied = await house.register(full_name="Somebody Else", request_id="denied")
    assert state(denied) == "REJECTED"
    retried = (await house.call("RetryVerification", renter_id=denied.renter_id)).renter
    assert state(retried) == "PENDING"
    await until(house, denied.renter_id, "REJECTED")


async def test_a_face_raises_the_level_and_anything_else_says_why_not(house: House) -> None:
    renter_id = (await house.register()).renter_id
    assert await house.reason("CheckFace", renter_id=renter_id, face_token="somebody") == "FACE_MISMATCH"
    assert await house.reason("CheckFace", renter_id=renter_id, face_token="face_unclear") == "UPSTREAM_UNAVAILABLE"
    face = {"request_id": "face", "renter_id": renter_id, "face_token": "face_match"}
    for _ in range(2):
        assert level((await house.call("CheckFace", **face)).renter) == "FACE_CHECKED"
    again = face | {"face_token": "somebody"}
    assert await house.reason("CheckFace", **again) == "REQUEST_ID_REUSED", "another face is another command"
    await house.call("FreezeRenter", "operator", renter_id=renter_id, reason="to see what a repeat says")
    assert state((await house.call("CheckFace", **face)).renter) == "FROZEN", "a repeat is not refused"


async def test_an_account_is_frozen_recovered_and_merged_and_its_person_reads_who_looked(house: House) -> None:
    who, moved = newcomer(), newcomer()
    renter_id, issued = await house.signed_in(who)
    why = {"renter_id": renter_id, "reason": "phone stolen"}
    assert state((await house.call("FreezeRenter", issued.token, **why)).renter) == "FROZEN"
    assert await house.reason("FreezeRenter", "operator", **why) == "STATE_NOT_ALLOWED"
    assert state((await house.call("UnfreezeRenter", "operator", **why)).renter) == "VERIFIED"

    old = await house.code(renter_id, who)
    recovered = (await house.call("RecoverRenter", "operator", phone=moved.phone, **why)).renter
    assert not recovered.phone_verified
    refresh = {"refresh_token": issued.refresh_token}
    assert await house.reason("RefreshRenterToken", **refresh) == "REFRESH_TOKEN_INVALID", "the old phone is out"
    assert await house.reason("IssueRenterToken", renter_id=renter_id, code=old) == "CODE_INVALID"
    shown = await house.call("ShowRenter", "operator", **why)
    assert (shown.full_name, shown.document_number, shown.phone) == (who.name, who.resident_id_number, moved.phone)
    fresh = await house.call("IssueRenterToken", renter_id=renter_id, code=await house.code(renter_id, moved))
    seen = (await house.call("ListAccesses", fresh.token)).accesses
    assert {one.actor for one in seen} == {"registry", "carrier", "ann"}
    assert any(one.reason == "phone stolen" and "document_number" in one.fields for one in seen)

    into = (await house.register()).renter_id
    merge = {"from_renter_id": renter_id, "into_renter_id": into, "reason": "one person"}
    closed = (await house.call("MergeRenters", "operator", **merge)).renter
    assert (state(closed), closed.merged_into) == ("MERGED", into)


async def test_sessions_go_on_by_refresh_tokens_until_their_person_ends_them(house: House) -> None:
    _, issued = await house.signed_in()
    following = await house.call("RefreshRenterToken", refresh_token=issued.refresh_token)
    assert (await house.call("ListConsents", following.token)).consents == []
    assert (await house.call("EndRenterSessions", following.token)).ended == 1
    ended = {"refresh_token": following.refresh_token}
    assert await house.reason("RefreshRenterToken", **ended) == "REFRESH_TOKEN_INVALID"
    (key,) = json.loads((await house.call("GetTokenKeys", following.token)).jwks_json)["keys"]
    assert (key["crv"], "d" in key) == ("Ed25519", False)


async def test_another_partner_sees_and_moves_nothing_before_the_person_links_it(house: House) -> None:
    renter_id, issued = await house.signed_in()
    whom, stranger = {"renter_id": renter_id}, house.partners["stranger"]
    for method, more in (("GetRenter", {}), ("RetryVerification", {}), ("CheckFace", {"face_token": "face_match"})):
        assert await house.reason(method, "stranger", **whom, **more) == "RENTER_NOT_FOUND"
        assert await house.reason(method, "stranger", renter_id=UNKNOWN_RENTER, **more) == "RENTER_NOT_FOUND"
    assert (await house.call("SendRenterCode", "stranger", **whom)).HasField("expires_at"), "as if all were well"
    assert await house.reason("IssueRenterToken", "stranger", code="123456", **whom) == "CODE_INVALID"
    theirs = {"refresh_token": issued.refresh_token}
    assert await house.reason("RefreshRenterToken", "stranger", **theirs) == "REFRESH_TOKEN_INVALID"
    consent = {"partner_id": stranger, "purpose": SCORING, "text_version": "v1"}
    assert await house.reason("GrantConsent", issued.token, **consent) == "RENTER_NOT_LINKED"

    await house.call("LinkPartner", issued.token, partner_id=stranger)
    assert (await house.call("GetRenter", "stranger", **whom)).renter.renter_id == renter_id
    assert (await house.call("GrantConsent", issued.token, **consent)).consent.partner_id == stranger


async def test_another_person_is_not_found(house: House, renter: tuple[str, str]) -> None:
    other = {"renter_id": (await house.register()).renter_id}
    for method, more in (("GetRenter", {}), ("RetryVerification", {}), ("FreezeRenter", {"reason": "envy"})):
        assert await house.reason(method, renter[1], **other, **more) == "RENTER_NOT_FOUND"


async def test_services_are_answered_item_by_item_and_nobody_else_is(house: House) -> None:
    bike, e_bike = (asset_kind_pb2.AssetKind.Value(f"ASSET_KIND_{kind}") for kind in ("BIKE", "E_BIKE"))
    adult, partner = (await house.register()).renter_id, house.partners["partner"]
    child = (await house.register(aged(13, datetime.now(UTC).date()))).renter_id
    asked = [(adult, partner, bike), (UNKNOWN_RENTER, partner, bike), (adult, house.partners["stranger"], bike)]
    asked += [(child, partner, bike), (child, partner, e_bike)]
    items = [
        internal.CheckRenterItem(item_id=str(number), renter_id=who, partner_id=where, asset_kind=kind)
        for number, (who, where, kind) in enumerate(asked)
    ]
    async with house.internal("rental") as channel:
        stream: Any = IdentityInternalServiceStub(channel).CheckRenters(timeout=5)
        await stream.write(internal.CheckRentersRequest(items=items))
        found: dict[str, tuple[str, bool, bool, bool]] = {}
        while len(found) < len(items):
            for one in (await stream.read()).results:
                found[one.item_id] = (one.status.reason, one.verified, one.linked, one.old_enough)
        stream.cancel()
    assert [found[str(number)] for number in range(5)] == [
        ("", True, True, True),
        ("RENTER_NOT_FOUND", False, False, False),
        ("", True, False, True),
        ("", True, True, True),
        ("", True, True, False),
    ]
    strangers = (house.internal("identity"), grpc.aio.insecure_channel(f"127.0.0.1:{house.server.ports.public}"))
    for channel in strangers:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await IdentityInternalServiceStub(channel).GetVerificationKeys(
                internal.GetVerificationKeysRequest(), timeout=5
            )
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
        await channel.close()
