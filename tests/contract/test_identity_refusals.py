"""What identity says when it says no: a status, a documented reason, the field; and what it says to a repeat."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from identity_house import House, identity_house, newcomer, registration
from structlog.testing import capture_logs

from freehold.identity.v1 import identity_service_pb2 as pb
from services.sandbox.people import person
from services.values.ids import new_id, new_renter_id

UNKNOWN_RENTER, UNKNOWN_PARTNER = new_renter_id("rnt"), new_id("ptn")
WRONG_DIGIT = person(1).resident_id_number[:17] + "0X"[person(1).resident_id_number[17] == "0"]
EXPIRED_PASSPORT = "L898902C36UTO7408122F1204159ZE184226B<<<<<10"
ARG, NONE = "INVALID_ARGUMENT", "NOT_FOUND"
SCORING = pb.CONSENT_PURPOSE_DEPOSIT_SCORING
WHO = registration(person(1))
AT = {"renter_id": UNKNOWN_RENTER}
CONSENT = {"partner_id": UNKNOWN_PARTNER, "purpose": SCORING, "text_version": "v1"}
PASSPORT = {"document_type": pb.DOCUMENT_TYPE_PASSPORT, "document_number": EXPIRED_PASSPORT}
BAD: list[tuple[str, str, dict[str, Any], str, str, str]] = [
    (
        "RegisterRenter",
        "partner",
        WHO | {"document_number": WRONG_DIGIT},
        ARG,
        "DOCUMENT_NUMBER_INVALID",
        "document_number",
    ),
    ("RegisterRenter", "partner", WHO | PASSPORT, ARG, "DOCUMENT_EXPIRED", "document_number"),
    ("RegisterRenter", "partner", WHO | {"phone": "13800138000"}, ARG, "PHONE_INVALID", "phone"),
    ("RegisterRenter", "partner", WHO | {"full_name": " \x07"}, ARG, "INVALID_FIELD", "full_name"),
    ("RegisterRenter", "partner", WHO | {"document_type": 0}, ARG, "INVALID_FIELD", "document_type"),
    ("RegisterRenter", "partner", WHO | {"document_type": 99}, ARG, "INVALID_FIELD", "document_type"),
    ("RegisterRenter", "partner", WHO | {"request_id": "with space"}, ARG, "INVALID_FIELD", "request_id"),
    ("RegisterPartner", "operator", {"display_name": "n" * 101}, ARG, "INVALID_FIELD", "display_name"),
    ("CreateApiKey", "operator", {"partner_id": UNKNOWN_PARTNER, "display_name": "app"}, NONE, "PARTNER_NOT_FOUND", ""),
    ("RevokeApiKey", "operator", {"api_key_id": new_id("key")}, NONE, "API_KEY_NOT_FOUND", ""),
    ("GetRenter", "operator", AT, NONE, "RENTER_NOT_FOUND", ""),
    ("GetRenter", "operator", {"renter_id": "rnt_1"}, ARG, "INVALID_FIELD", "renter_id"),
    ("ShowRenter", "operator", AT, ARG, "INVALID_FIELD", "reason"),
    ("IssueRenterToken", "partner", AT | {"code": "12345"}, ARG, "INVALID_FIELD", "code"),
    ("IssueRenterToken", "partner", AT | {"code": "123456"}, ARG, "CODE_INVALID", ""),
    ("RefreshRenterToken", "partner", {"refresh_token": "fhr_short"}, ARG, "INVALID_FIELD", "refresh_token"),
    ("LinkPartner", "renter", {"partner_id": UNKNOWN_PARTNER}, NONE, "PARTNER_NOT_FOUND", ""),
    ("GrantConsent", "renter", CONSENT, NONE, "PARTNER_NOT_FOUND", ""),
    ("GrantConsent", "renter", CONSENT | {"purpose": 2}, "PERMISSION_DENIED", "PURPOSE_NOT_ALLOWED", ""),
    ("GrantConsent", "renter", CONSENT | {"text_version": ""}, ARG, "INVALID_FIELD", "text_version"),
    ("WithdrawConsent", "renter", {"partner_id": UNKNOWN_PARTNER, "purpose": SCORING}, NONE, "CONSENT_NOT_FOUND", ""),
    ("ListConsents", "renter", {"page_token": "edited"}, ARG, "PAGE_TOKEN_INVALID", "page_token"),
    ("ListAccesses", "renter", {"page_size": 201}, ARG, "INVALID_FIELD", "page_size"),
]


@pytest.fixture(scope="module")
def dsn(fresh_database: Callable[..., str]) -> str:
    return fresh_database("identity_refusals", "identity")


@pytest.fixture(scope="module")
async def house(dsn: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with identity_house(dsn, tmp_path_factory.mktemp("identity")) as running:
        yield running


@pytest.fixture(scope="module")
async def token(house: House) -> str:
    """Somebody's own token."""
    return str((await house.signed_in())[1].token)


@pytest.mark.parametrize(("method", "who", "fields", "code", "reason", "field"), BAD)
async def test_what_is_wrong_is_told_by_reason_and_field(
    house: House,
    token: str,
    method: str,
    who: str,
    fields: dict[str, Any],
    code: str,
    reason: str,
    field: str,
) -> None:
    told = await house.refused(method, token if who == "renter" else who, **fields)
    assert told == (code, reason, [field] if field else [])


async def test_a_repeat_gives_the_first_result_and_other_content_is_refused(house: House) -> None:
    who = newcomer()
    first = await house.register(who, request_id="again")
    assert (await house.register(who, request_id="again")).renter_id == first.renter_id
    reused = registration(newcomer()) | {"request_id": "again"}
    assert await house.refused("RegisterRenter", **reused) == ("ALREADY_EXISTS", "REQUEST_ID_REUSED", [])
    for partner in ("partner", "stranger"):
        assert await house.reason("RegisterRenter", partner, **registration(who)) == "DOCUMENT_ALREADY_REGISTERED"


async def test_secrets_are_shown_once(house: House) -> None:
    who = newcomer()
    renter_id = (await house.register(who)).renter_id
    issue = {"request_id": "issue", "renter_id": renter_id, "code": await house.code(renter_id, who)}
    issued = await house.call("IssueRenterToken", **issue)
    refresh = {"request_id": "next", "refresh_token": issued.refresh_token}
    create = {"request_id": "key", "partner_id": house.partners["partner"], "display_name": "till"}
    await house.call("RefreshRenterToken", **refresh)
    key = await house.call("CreateApiKey", "operator", **create)
    for method, by, fields in (
        ("IssueRenterToken", "partner", issue),
        ("RefreshRenterToken", "partner", refresh),
        ("CreateApiKey", "operator", create),
    ):
        assert await house.reason(method, by, **fields) == "SECRET_ALREADY_SHOWN"
    revoked = (await house.call("RevokeApiKey", "operator", api_key_id=key.api_key.api_key_id)).api_key
    assert revoked.HasField("revoked_at")
    async with asyncio.timeout(2):
        while await house.outcome("GetRenter", key.secret, renter_id=renter_id) != "CREDENTIALS_INVALID":
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(("purpose", "named"), [(0, "UNSPECIFIED"), (77, "UNKNOWN")])
async def test_consent_to_another_purpose_is_in_the_log(house: House, token: str, purpose: int, named: str) -> None:
    with capture_logs() as logged:
        refusal = await house.reason("GrantConsent", token, **CONSENT | {"purpose": purpose})
    assert refusal == "PURPOSE_NOT_ALLOWED"
    (told,) = (one for one in logged if one["event"] == "purpose_refused")
    assert (told["purpose"], told["partner_id"]) == (named, UNKNOWN_PARTNER)
    assert set(told) == {"event", "log_level", "purpose", "partner_id"}
