"""The registry's one call, over a socket."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from stand_ins import StandIn

from services.sandbox.people import KNOWN, Case, Person, aged, named, person
from services.sandbox.travellers import Kind, traveller


def asking(somebody: Person, **other: Any) -> dict[str, Any]:
    return {
        "document_type": "RESIDENT_ID_CARD",
        "document_number": somebody.resident_id_number,
        "name": somebody.name,
    } | other


TODAY = datetime.now(UTC).date()
CASES = [
    ("the first", asking(person(0)), "MATCH"),
    ("the last", asking(person(KNOWN - 1)), "MATCH"),
    ("one too many", asking(person(KNOWN)), "NOT_FOUND"),
    ("another name", asking(person(7), name=person(8).name), "MISMATCH"),
    ("aged 10", asking(aged(10, TODAY)), "MATCH"),
    ("aged 14", asking(aged(14, TODAY)), "MATCH"),
    ("the example", asking(named(Case.EXAMPLE)), "MATCH"),
    ("the example with a small x", asking(named(Case.EXAMPLE), document_number="11010519491231002x"), "MATCH"),
    ("wrong check digit", asking(named(Case.EXAMPLE), document_number="110105194912310021"), "NOT_FOUND"),
    ("mismatch", asking(named(Case.MISMATCH)), "MISMATCH"),
    ("not found", asking(named(Case.NOT_FOUND)), "NOT_FOUND"),
    ("unclear", asking(named(Case.UNCLEAR)), "UNCLEAR"),
]


@pytest.mark.parametrize(("who", "body", "result"), CASES, ids=[who for who, _, _ in CASES])
async def test_the_registry_knows(registry: StandIn, who: str, body: dict[str, Any], result: str) -> None:
    key = who.replace(" ", "_")
    first = await registry.post("/v1/verifications", body, key=key)
    assert first == (200, {"result": result})
    assert await registry.post("/v1/verifications", body, key=key) == first


async def test_a_key_with_other_content_is_refused(registry: StandIn) -> None:
    await registry.post("/v1/verifications", asking(person(1)), key="reused")
    status, refused = await registry.post("/v1/verifications", asking(person(2)), key="reused")
    assert (status, refused["error"]["code"]) == (409, "idempotency_key_reused")


async def test_the_slow_case_is_ready_when_asked_again(registry: StandIn) -> None:
    body = asking(named(Case.SLOW))
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        await registry.post("/v1/verifications", body, key="slow", timeout=0.1)
    assert await registry.post("/v1/verifications", body, key="slow") == (200, {"result": "MATCH"})
    assert 0.5 <= time.monotonic() - started < 3
    assert await registry.post("/v1/verifications", body, key="slow", timeout=0.3) == (200, {"result": "MATCH"})


@pytest.mark.parametrize(
    "change",
    [
        {"document_type": "DRIVING_LICENCE"},
        {"document_number": ""},
        {"document_number": "1" * 45},
        {"document_number": 110105},
        {"name": ""},
        {"name": None},
        {"phone": "+8613800138000"},
    ],
)
async def test_a_request_in_wrong_form_is_refused_without_repeating_it(
    registry: StandIn, change: dict[str, Any]
) -> None:
    status, refused = await registry.post("/v1/verifications", asking(person(3), **change), key="wrong")
    assert (status, refused["error"]["code"]) == (400, "invalid_request")
    for value in (person(3).name, person(3).resident_id_number, "+8613800138000", "PASSPORT"):
        assert value not in str(refused)


async def test_it_needs_a_key_and_the_secret(registry: StandIn) -> None:
    status, refused = await registry.post("/v1/verifications", asking(person(3)))
    assert (status, refused["error"]["code"]) == (400, "idempotency_key_required")
    wrong = {"Authorization": "Bearer wrong", "Idempotency-Key": "k"}
    async with registry.session.post("/v1/verifications", json=asking(person(3)), headers=wrong) as response:
        assert response.status == 401


async def test_a_name_that_is_no_text_is_only_a_mismatch(registry: StandIn) -> None:
    body = asking(person(3), name="\ud800")
    assert await registry.post("/v1/verifications", body, key="surrogate") == (200, {"result": "MISMATCH"})


@pytest.mark.parametrize("kind", list(Kind))
async def test_it_knows_people_with_other_documents(registry: StandIn, kind: Kind) -> None:
    known = traveller(31_234, kind)
    body = {"document_type": kind, "document_number": known.number, "name": known.name}
    results = []
    for number, changed in enumerate(({}, {"name": "Somebody Else"}, {"document_number": known.number[:-3] + "000"})):
        _, answered = await registry.post("/v1/verifications", body | changed, key=f"{kind}-{number}")
        results.append(answered["result"])
    assert results[:2] == ["MATCH", "MISMATCH"]
    assert results[2] == ("MATCH" if kind is Kind.PASSPORT else "NOT_FOUND"), "a passport's optional data may differ"


@pytest.mark.parametrize(
    ("token", "result"), [("face_match", "MATCH"), ("face_unclear", "UNCLEAR"), ("somebody", "MISMATCH")]
)
async def test_a_face_is_told_by_its_token(registry: StandIn, token: str, result: str) -> None:
    body = asking(person(5)) | {"face_token": token}
    assert (await registry.post("/v1/faces", body, key=f"face-{token}"))[1] == {"result": result}
    other = body | {"name": "Somebody Else"}
    assert (await registry.post("/v1/faces", other, key=f"other-{token}"))[1] == {"result": "MISMATCH"}
