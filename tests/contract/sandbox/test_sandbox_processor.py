"""The processor's wire format and its cards, over a socket."""

import asyncio
import time
from datetime import datetime
from itertools import count
from typing import Any

import pytest
from stand_ins import StandIn

_numbers = count()


def fresh(prefix: str) -> str:
    return f"{prefix}_{next(_numbers)}"


async def order(processor: StandIn, card: str = "visa") -> dict[str, Any]:
    """The body of an authorization or a charge with a new reference."""
    status, method = await processor.post("/v1/payment_methods", {"token": f"tok_{card}"})
    assert status == 200
    return {
        "amount_minor": 9900,
        "currency": "CNY",
        "payment_method": method["id"],
        "merchant_reference": fresh("dep"),
    }


async def authorized(processor: StandIn) -> str:
    status, answer = await processor.post("/v1/authorizations", await order(processor), key=fresh("key"))
    assert (status, answer["status"]) == (200, "authorized")
    return f"/v1/authorizations/{answer['id']}"


async def payments_of(processor: StandIn, reference: str) -> list[dict[str, Any]]:
    return [payment for payment in await report(processor) if payment["merchant_reference"] == reference]


async def report(processor: StandIn, limit: int = 500) -> list[dict[str, Any]]:
    payments: list[dict[str, Any]] = []
    after = 0
    while after is not None:
        status, page = await processor.get("/v1/report", after=str(after), limit=str(limit))
        assert status == 200
        assert len(page["payments"]) <= limit
        payments += page["payments"]
        after = page["next_after"]
    return payments


def parts(payment: dict[str, Any]) -> dict[str, int]:
    names = ("captured_minor", "released_minor", "expired_minor", "open_minor")
    return {name.removesuffix("_minor"): payment[name] for name in names if payment[name]}


async def test_a_card_becomes_a_token_and_a_payment_method(processor: StandIn) -> None:
    status, token = await processor.post("/v1/tokens", {"card_number": "4000000000009995"})
    assert (status, token["brand"], token["last4"]) == (200, "visa", "9995")
    _, method = await processor.post("/v1/payment_methods", {"token": token["token"]})
    assert (method["brand"], method["last4"]) == ("visa", "9995")
    body = await order(processor) | {"payment_method": method["id"]}
    _, answer = await processor.post("/v1/authorizations", body, key=fresh("key"))
    assert answer["decline_code"] == "insufficient_funds"


async def test_no_card_number_is_stored(processor: StandIn) -> None:
    await processor.post("/v1/tokens", {"card_number": "4000000000000341"})
    stored = b"".join(path.read_bytes() for path in processor.home.iterdir())
    assert b"charge_declined" in stored
    assert b"4000000000000341" not in stored


@pytest.mark.parametrize(
    ("card", "authorization", "charge"),
    [
        ("visa", ("authorized", None), ("succeeded", None)),
        ("declined", ("declined", "generic_decline"), ("declined", "generic_decline")),
        ("insufficient_funds", ("declined", "insufficient_funds"), ("declined", "insufficient_funds")),
        ("charge_declined", ("authorized", None), ("declined", "generic_decline")),
    ],
)
async def test_cards_that_answer_at_once(
    processor: StandIn, card: str, authorization: tuple[str, str | None], charge: tuple[str, str | None]
) -> None:
    body = await order(processor, card)
    for path, expected in (("/v1/authorizations", authorization), ("/v1/charges", charge)):
        status, answer = await processor.post(path, body, key=fresh("key"))
        assert (status, (answer["status"], answer["decline_code"])) == (200, expected)
        assert {name: answer[name] for name in body} == body


async def test_an_authorization_is_captured_in_parts_and_the_rest_released(processor: StandIn) -> None:
    path = await authorized(processor)
    _, once = await processor.post(f"{path}/captures", {"amount_minor": 300, "final": False}, key=fresh("key"))
    assert (once["status"], parts(once)) == ("authorized", {"captured": 300, "open": 9600})
    _, last = await processor.post(f"{path}/captures", {"amount_minor": 600, "final": True}, key=fresh("key"))
    assert (last["status"], parts(last)) == ("captured", {"captured": 900, "released": 9000})
    assert await processor.get(path) == (200, last)


async def test_an_authorization_is_voided(processor: StandIn) -> None:
    path = await authorized(processor)
    status, answer = await processor.post(f"{path}/void", key=fresh("key"))
    assert (status, answer["status"], parts(answer)) == (200, "voided", {"released": 9900})
    status, refused = await processor.post(f"{path}/void", {}, key=fresh("key"))
    assert (status, refused["error"]["code"]) == (409, "authorization_closed")


async def test_a_capture_above_what_is_open_is_refused_and_not_remembered(processor: StandIn) -> None:
    path, key = await authorized(processor), fresh("key")
    status, refused = await processor.post(f"{path}/captures", {"amount_minor": 9901, "final": True}, key=key)
    assert (status, refused["error"]["code"]) == (409, "amount_too_large")
    assert (await processor.get("/v1/operations", idempotency_key=key))[0] == 404
    assert parts((await processor.get(path))[1]) == {"open": 9900}


async def test_a_repeated_key_gives_the_first_answer_and_acts_once(processor: StandIn) -> None:
    path, key = await authorized(processor), fresh("key")
    capture = {"amount_minor": 300, "final": False}
    first = await processor.post(f"{path}/captures", capture, key=key)
    await processor.post(f"{path}/captures", {"amount_minor": 5, "final": True}, key=fresh("key"))
    assert await processor.post(f"{path}/captures", capture, key=key) == first
    assert parts((await processor.get(path))[1]) == {"captured": 305, "released": 9595}


async def test_a_key_with_other_content_is_refused(processor: StandIn) -> None:
    body, key = await order(processor), fresh("key")
    await processor.post("/v1/authorizations", body, key=key)
    for path, other in (("/v1/authorizations", body | {"amount_minor": 1}), ("/v1/charges", body)):
        status, refused = await processor.post(path, other, key=key)
        assert (status, refused["error"]["code"]) == (409, "idempotency_key_reused")


async def test_concurrent_repeats_act_once(processor: StandIn) -> None:
    body, key = await order(processor), fresh("key")
    answers = await asyncio.gather(*(processor.post("/v1/authorizations", body, key=key) for _ in range(20)))
    assert all(answer == answers[0] for answer in answers)
    assert len(await payments_of(processor, body["merchant_reference"])) == 1


async def test_an_operation_is_found_by_its_key(processor: StandIn) -> None:
    body, key = await order(processor), fresh("key")
    assert (await processor.get("/v1/operations", idempotency_key=key))[1]["error"]["code"] == "operation_not_found"
    _, answer = await processor.post("/v1/charges", body, key=key)
    status, found = await processor.get("/v1/operations", idempotency_key=key)
    assert (status, found["operation"], found["answer"]) == (200, "charge", answer)


async def test_the_card_whose_answer_is_lost(processor: StandIn) -> None:
    body, key = await order(processor, "timeout_after"), fresh("key")
    with pytest.raises(TimeoutError):
        await processor.post("/v1/authorizations", body, key=key, timeout=0.3)
    _, found = await processor.get("/v1/operations", idempotency_key=key)
    assert found["answer"]["status"] == "authorized"
    assert await processor.post("/v1/authorizations", body, key=key) == (200, found["answer"])
    assert len(await payments_of(processor, body["merchant_reference"])) == 1


async def test_the_card_that_is_never_heard(processor: StandIn) -> None:
    body, key = await order(processor, "timeout_before"), fresh("key")
    for _ in range(2):
        with pytest.raises(TimeoutError):
            await processor.post("/v1/charges", body, key=key, timeout=0.2)
        assert (await processor.get("/v1/operations", idempotency_key=key))[0] == 404
    assert await payments_of(processor, body["merchant_reference"]) == []


async def test_the_card_that_answers_late(processor: StandIn) -> None:
    body, key = await order(processor, "late"), fresh("key")
    started = time.monotonic()
    late = asyncio.create_task(processor.post("/v1/authorizations", body, key=key))
    await asyncio.sleep(0.1)
    _, found = await processor.get("/v1/operations", idempotency_key=key)
    assert not late.done()
    assert await late == (200, found["answer"])
    assert 0.5 <= time.monotonic() - started < 3


async def test_the_card_that_stumbles_once(processor: StandIn) -> None:
    body, key = await order(processor, "flaky"), fresh("key")
    status, refused = await processor.post("/v1/authorizations", body, key=key)
    assert (status, refused["error"]["code"]) == (500, "processor_error")
    assert (await processor.get("/v1/operations", idempotency_key=key))[0] == 404
    status, answer = await processor.post("/v1/authorizations", body, key=key)
    assert (status, answer["status"]) == (200, "authorized")
    assert len(await payments_of(processor, body["merchant_reference"])) == 1


async def test_the_report_has_every_payment_once(processor: StandIn) -> None:
    references = []
    for path in ("/v1/authorizations", "/v1/charges", "/v1/authorizations"):
        body = await order(processor)
        await processor.post(path, body, key=fresh("key"))
        references.append(body["merchant_reference"])
    by_pages, at_once = await report(processor, limit=2), await report(processor)
    assert by_pages == at_once
    assert [payment["merchant_reference"] for payment in at_once][-3:] == references
    assert len({payment["id"] for payment in at_once}) == len(at_once)


async def test_an_authorization_holds_for_a_week(processor: StandIn) -> None:
    _, held = await processor.get(await authorized(processor))
    made, ends = (datetime.fromisoformat(held[name]) for name in ("created_at", "expires_at"))
    assert (ends - made).total_seconds() == 7 * 24 * 3600
