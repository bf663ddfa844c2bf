"""The embedded processor through its adapter, over real sockets: every kind, what waits for the renter, webhooks."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from stand_ins import SECRET, StandIn, start
from standardwebhooks import Webhook

from services.cli.home import free_port_base
from services.deposits.domain import (
    Hold,
    LineKind,
    Notice,
    NoticeRejected,
    Operation,
    OperationKind,
    OperationState,
    Result,
)
from services.deposits.processors.sandbox import HttpProcessor
from services.deposits.servicer.notices import NoticeDoor
from services.values.ids import new_id
from services.values.money import Money

LATE_SECONDS = "0.3"


@pytest.fixture
def notices_port() -> int:
    return free_port_base()


@pytest.fixture
async def process(tmp_path: Path, notices_port: int) -> AsyncIterator[StandIn]:
    url = f"http://127.0.0.1:{notices_port}/processors/sandbox/notices"
    running = await start("processor", tmp_path / "home", "--notify-url", url, "--late-seconds", LATE_SECONDS)
    yield running
    if running.process.returncode is None:
        await running.kill()


@pytest.fixture
async def processor(process: StandIn) -> AsyncIterator[HttpProcessor]:
    async with aiohttp.ClientSession() as session:
        yield HttpProcessor(session, process.address, SECRET)


def asked(kind: OperationKind, reference: str, amount: int = 9900, *, final: bool = True) -> Operation:
    return Operation(new_id("opn"), "dep_1", kind, Money("CNY", amount), reference, final=final)


async def done(processor: HttpProcessor, operation: Operation) -> Result:
    result = await processor.perform(operation)
    assert result is not None
    assert result.state is OperationState.DONE
    assert await processor.query(operation) == result, "the processor says the same when it is asked later"
    return result


async def method(processor: HttpProcessor, card: str = "visa") -> str:
    return (await processor.attach(f"tok_{card}", new_id("pmt"))).processor_ref


async def test_a_hold_is_raised_captured_in_parts_and_paid_back(processor: HttpProcessor) -> None:
    authorize = asked(OperationKind.AUTHORIZE, await method(processor))
    held = await done(processor, authorize)
    assert held.expires_at is not None
    assert timedelta(days=6.9) < held.expires_at - datetime.now(UTC) < timedelta(days=7.1)
    await done(processor, asked(OperationKind.INCREMENT, held.result_ref, 100))
    await done(processor, asked(OperationKind.CAPTURE, held.result_ref, 3000, final=False))
    hold = Hold(authorize.operation_id, "dep_1", "sandbox", held.result_ref)
    seen = await processor.inspect(hold)
    assert seen is not None
    assert (seen.authorized_minor, seen.captured_minor, seen.open_minor) == (10_000, 3000, 7000)
    captured = await done(processor, asked(OperationKind.CAPTURE, held.result_ref, 1000))
    refund = asked(OperationKind.REFUND, captured.result_ref, 4000)
    assert await processor.perform(refund) == await done(processor, refund), "the same key acts once"
    too_much = await processor.perform(asked(OperationKind.REFUND, captured.result_ref, 1))
    assert too_much is not None
    assert (too_much.state, too_much.decline_code) == (OperationState.DECLINED, "amount_too_large")
    now = datetime.now(UTC)
    lines = await processor.report(now - timedelta(minutes=1), now + timedelta(minutes=1))
    assert [(line.kind, line.amount_minor, line.captured_minor) for line in lines] == [
        (LineKind.AUTHORIZATION, 10_000, 4000),
        (LineKind.REFUND, 4000, 4000),
    ]
    assert lines[0].operation_id == authorize.operation_id
    assert await processor.report(now + timedelta(hours=1), now + timedelta(hours=2)) == []


async def test_a_renter_confirms_and_the_webhook_says_which_operation_has_news(
    processor: HttpProcessor, notices_port: int
) -> None:
    heard: asyncio.Queue[tuple[str, Notice]] = asyncio.Queue()

    async def hasten(name: str, notice: Notice) -> None:
        heard.put_nowait((name, notice))

    door = NoticeDoor({"sandbox": processor}, hasten)
    await door.open("127.0.0.1", notices_port)
    authorize = asked(OperationKind.AUTHORIZE, await method(processor, "confirm"))
    first = await processor.perform(authorize)
    assert first is not None
    assert (first.state, first.renter_action[:8]) == (OperationState.WANTED, "confirm:")
    name, notice = await asyncio.wait_for(heard.get(), 10)
    assert (name, notice.operation_id) == ("sandbox", authorize.operation_id)
    result = await processor.query(authorize)
    assert result is not None
    assert result.state is OperationState.DONE
    await door.close()


async def test_a_forged_old_or_foreign_notice_is_turned_away(processor: HttpProcessor, notices_port: int) -> None:
    heard: list[Notice] = []

    async def hasten(_name: str, notice: Notice) -> None:
        heard.append(notice)

    door = NoticeDoor({"sandbox": processor}, hasten)
    await door.open("127.0.0.1", notices_port)
    url = f"http://127.0.0.1:{notices_port}/processors/sandbox/notices"
    body = json.dumps({"idempotency_key": "opn_1"})

    async def post(secret: str, at: datetime, said: str = body, where: str = url) -> int:
        signed = Webhook(base64.b64encode(secret.encode()).decode()).sign("ntc_1", at, body)
        headers = {"webhook-id": "ntc_1", "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signed}
        async with aiohttp.ClientSession() as session, session.post(where, data=said, headers=headers) as response:
            return response.status

    now = datetime.now(UTC)
    assert await post("another secret", now) == 400
    assert await post(SECRET, now - timedelta(minutes=10)) == 400
    assert await post(SECRET, now, body.replace("opn_1", "opn_2")) == 400
    assert await post(SECRET, now, where=url.replace("sandbox", "paypal")) == 404
    assert heard == []
    assert [await post(SECRET, now), await post(SECRET, now)] == [200, 200]
    assert [notice.operation_id for notice in heard] == ["opn_1", "opn_1"]
    await door.close()
    with pytest.raises(NoticeRejected):
        processor.read_notice({}, b"{}")


async def test_a_processor_that_is_gone_is_unclear_and_never_a_decline(
    processor: HttpProcessor, process: StandIn
) -> None:
    reference = await method(processor)
    await process.kill()
    operation = asked(OperationKind.AUTHORIZE, reference)
    assert await processor.perform(operation) is None
    assert await processor.query(operation) is None
    assert await processor.inspect(Hold("opn_1", "dep_1", "sandbox", "auth_1")) is None
