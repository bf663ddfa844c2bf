"""kill -9 of the processor in the middle of work: what it acknowledged is there, and nothing happens twice."""

import asyncio
import random
from pathlib import Path
from typing import Any

import aiohttp
from stand_ins import StandIn, start

WRITERS = 12
Acknowledged = dict[str, Any]


async def method_of(processor: StandIn, token: str) -> str:
    _, method = await processor.post("/v1/payment_methods", {"token": token})
    return str(method["id"])


def order(method: str, reference: str) -> dict[str, Any]:
    return {"amount_minor": 9900, "currency": "CNY", "payment_method": method, "merchant_reference": reference}


async def rent_until_it_dies(processor: StandIn, method: str, writer: str, acknowledged: Acknowledged) -> None:
    """Authorize, capture, again and again; remember each answer under its key."""
    for number in range(100_000):
        name = f"{writer}_{number}"
        try:
            _, held = await processor.post("/v1/authorizations", order(method, name), key=f"hold_{name}")
            acknowledged[f"hold_{name}"] = held
            path = f"/v1/authorizations/{held['id']}/captures"
            _, taken = await processor.post(path, {"amount_minor": 100, "final": True}, key=f"take_{name}")
            acknowledged[f"take_{name}"] = taken
        except aiohttp.ClientError:
            return


async def everything(processor: StandIn) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after = 0
    while after is not None:
        _, page = await processor.get("/v1/report", after=str(after))
        found, after = found + page["payments"], page["next_after"]
    return found


async def test_what_was_acknowledged_survives_and_acts_once(tmp_path: Path) -> None:
    acknowledged: Acknowledged = {}
    processor = await start("processor", tmp_path / "home")
    method = await method_of(processor, "tok_visa")
    for round_ in range(3):
        work = [rent_until_it_dies(processor, method, f"{round_}_{w}", acknowledged) for w in range(WRITERS)]
        busy = asyncio.gather(*work)
        await asyncio.sleep(random.uniform(0.2, 0.5))
        await processor.kill()
        await busy
        processor = await start("processor", tmp_path / "home")
    assert len(acknowledged) > 3 * WRITERS
    await check_answers_and_repeats(processor, method, acknowledged)
    assert (await processor.stop())[0] == 0


async def check_answers_and_repeats(processor: StandIn, method: str, acknowledged: Acknowledged) -> None:
    before = await everything(processor)
    for key in random.sample(sorted(acknowledged), 100):
        _, found = await processor.get("/v1/operations", idempotency_key=key)
        assert found["answer"] == acknowledged[key]
        if key.startswith("hold_"):
            again = await processor.post("/v1/authorizations", order(method, key.removeprefix("hold_")), key=key)
            assert again == (200, acknowledged[key])
    assert await everything(processor) == before
    by_reference = {payment["merchant_reference"]: payment for payment in before}
    assert len(by_reference) == len(before)
    for key, answer in acknowledged.items():
        payment = by_reference[answer["merchant_reference"]]
        assert payment["id"] == answer["id"]
        if key.startswith("take_"):
            assert payment == answer | {"idempotency_key": payment["idempotency_key"], "refunds": []}


async def test_an_unclear_answer_is_cleared_up_after_the_crash(tmp_path: Path) -> None:
    processor = await start("processor", tmp_path / "home")
    lost, unheard = [await method_of(processor, token) for token in ("tok_timeout_after", "tok_timeout_before")]
    calls = [
        asyncio.create_task(processor.post("/v1/charges", order(method, name), key=name))
        for method, name in ((lost, "lost"), (unheard, "unheard"))
    ]
    await asyncio.sleep(0.3)
    await processor.kill()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(answer, aiohttp.ClientError) for answer in answers)
    processor = await start("processor", tmp_path / "home")
    _, found = await processor.get("/v1/operations", idempotency_key="lost")
    assert found["answer"]["status"] == "succeeded"
    assert (await processor.get("/v1/operations", idempotency_key="unheard"))[0] == 404
    assert await processor.post("/v1/charges", order(lost, "lost"), key="lost") == (200, found["answer"])
    assert [payment["merchant_reference"] for payment in await everything(processor)] == ["lost"]
    await processor.stop()
