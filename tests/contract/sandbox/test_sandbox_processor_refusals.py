"""What the processor refuses, and that a refusal never repeats what was sent."""

from typing import Any

import aiohttp
import pytest
from stand_ins import StandIn

ORDER = {"amount_minor": 9900, "currency": "CNY", "payment_method": "pm_none", "merchant_reference": "dep_1"}


async def code(answer: tuple[int, Any]) -> tuple[int, str]:
    status, body = answer
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message"}
    return status, body["error"]["code"]


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic é"}])
async def test_a_call_without_the_secret_is_refused(processor: StandIn, header: dict[str, str]) -> None:
    async with (
        aiohttp.ClientSession(processor.address, headers=header) as stranger,
        stranger.get("/v1/report") as response,
    ):
        assert await code((response.status, await response.json())) == (401, "unauthorized")


async def test_health_needs_no_secret(processor: StandIn) -> None:
    async with (
        aiohttp.ClientSession(processor.address) as stranger,
        stranger.get("/healthz") as response,
    ):
        assert (response.status, await response.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    "change",
    [
        {"amount_minor": 0},
        {"amount_minor": -1},
        {"amount_minor": 99.0},
        {"amount_minor": "9900"},
        {"amount_minor": True},
        {"amount_minor": 10**12 + 1},
        {"currency": "cny"},
        {"currency": "CNYY"},
        {"payment_method": ""},
        {"payment_method": None},
        {"merchant_reference": "two words"},
        {"merchant_reference": "\ud800"},
        {"card_number": "4242424242424242"},
    ],
)
@pytest.mark.parametrize("path", ["/v1/authorizations", "/v1/charges"])
async def test_an_order_in_wrong_form_is_refused(processor: StandIn, path: str, change: dict[str, Any]) -> None:
    assert await code(await processor.post(path, ORDER | change, key="k")) == (400, "invalid_request")


@pytest.mark.parametrize("body", [None, [], "text", {"amount_minor": 9900}])
async def test_a_body_that_is_no_order_is_refused(processor: StandIn, body: Any) -> None:
    assert await code(await processor.post("/v1/charges", body, key="k")) == (400, "invalid_request")


@pytest.mark.parametrize("text", [b"{", b"[" * 10_000, b"\xff", b'{"amount_minor": 1}}'])
async def test_a_body_that_is_no_json_is_refused(processor: StandIn, text: bytes) -> None:
    async with processor.session.post("/v1/charges", data=text, headers={"Idempotency-Key": "k"}) as response:
        assert await code((response.status, await response.json())) == (400, "invalid_request")


async def test_a_body_too_large_is_refused(processor: StandIn) -> None:
    async with processor.session.post("/v1/charges", data=b" " * 20_000, headers={"Idempotency-Key": "k"}) as response:
        assert await code((response.status, await response.json())) == (413, "request_entity_too_large")


@pytest.mark.parametrize("path", ["/v1/authorizations", "/v1/charges", "/v1/authorizations/auth_1/void"])
async def test_what_moves_money_needs_a_key(processor: StandIn, path: str) -> None:
    body = {} if path.endswith("void") else ORDER
    assert await code(await processor.post(path, body)) == (400, "idempotency_key_required")


@pytest.mark.parametrize("key", ["", "two words", "k" * 256])
async def test_a_key_in_wrong_form_is_refused(processor: StandIn, key: str) -> None:
    assert await code(await processor.post("/v1/charges", ORDER, key=key)) == (400, "invalid_request")
    assert await code(await processor.get("/v1/operations", idempotency_key=key)) == (400, "invalid_request")


async def test_unknown_things_are_not_found(processor: StandIn) -> None:
    assert await code(await processor.post("/v1/charges", ORDER, key="k")) == (404, "payment_method_not_found")
    assert await code(await processor.post("/v1/payment_methods", {"token": "tok_x"})) == (404, "token_not_found")
    for path in ("/v1/authorizations/auth_1", "/v1/authorizations/%F0%9F%92%B3%ED%A0%80"):
        assert await code(await processor.get(path)) == (404, "authorization_not_found")
        assert await code(await processor.post(f"{path}/void", key="k")) == (404, "authorization_not_found")
    assert await code(await processor.get("/v1/nothing")) == (404, "not_found")
    assert await code(await processor.get("/v1/charges")) == (405, "method_not_allowed")


@pytest.mark.parametrize("query", [{"after": "-1"}, {"after": "x"}, {"limit": "0"}, {"limit": "1001"}, {"limit": "٣"}])
async def test_a_page_in_wrong_form_is_refused(processor: StandIn, query: dict[str, str]) -> None:
    assert await code(await processor.get("/v1/report", **query)) == (400, "invalid_request")


@pytest.mark.parametrize("number", ["4111111111111111", "4242 4242 4242 4242", "a card", 4242424242424242])
async def test_a_card_outside_the_table_is_refused_without_repeating_it(processor: StandIn, number: Any) -> None:
    status, body = await processor.post("/v1/tokens", {"card_number": number})
    assert (status, body["error"]["code"]) in ((400, "card_not_accepted"), (400, "invalid_request"))
    assert str(number) not in str(body)
