"""The carrier's two calls, over a socket."""

from hashlib import sha256

import pytest
from stand_ins import StandIn


def digest(phone: str) -> str:
    return sha256(phone.encode()).hexdigest()


async def texts(carrier: StandIn, phone: str) -> list[str]:
    status, answer = await carrier.get("/v1/messages", to_digest=digest(phone))
    assert status == 200
    return [message["text"] for message in answer["messages"]]


async def test_a_message_is_found_by_the_digest_of_its_phone(carrier: StandIn) -> None:
    status, sent = await carrier.post("/v1/messages", {"to": "+8613800138001", "text": "您的验证码是 123456"})
    assert status == 200
    _, found = await carrier.get("/v1/messages", to_digest=digest("+8613800138001"))
    assert found == {"messages": [sent | {"text": "您的验证码是 123456"}]}
    assert await texts(carrier, "+8613800138002") == []


async def test_the_newest_five_are_kept_newest_first(carrier: StandIn) -> None:
    for number in range(7):
        await carrier.post("/v1/messages", {"to": "+8613800138003", "text": f"code {number}"})
    assert await texts(carrier, "+8613800138003") == [f"code {number}" for number in (6, 5, 4, 3, 2)]


@pytest.mark.parametrize(
    "body",
    [
        {"to": "13800138000", "text": "x"},
        {"to": "+0138001380", "text": "x"},
        {"to": "+8613800138000", "text": ""},
        {"to": "+8613800138000", "text": "x" * 501},
        {"to": "+8613800138000"},
    ],
)
async def test_a_message_in_wrong_form_is_refused_without_repeating_it(carrier: StandIn, body: dict[str, str]) -> None:
    status, refused = await carrier.post("/v1/messages", body)
    assert (status, refused["error"]["code"]) == (400, "invalid_request")
    assert body["to"] not in str(refused)


@pytest.mark.parametrize("text", ["", "+8613800138000", "A" * 64])
async def test_only_a_digest_asks(carrier: StandIn, text: str) -> None:
    status, refused = await carrier.get("/v1/messages", to_digest=text)
    assert (status, refused["error"]["code"]) == (400, "invalid_request")


async def test_it_needs_the_secret(carrier: StandIn) -> None:
    async with carrier.session.get("/v1/messages", headers={"Authorization": "Bearer"}) as response:
        assert response.status == 401
