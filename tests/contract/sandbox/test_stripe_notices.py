"""Stripe's webhooks: a hint about an operation or a hold, however often it comes; nothing when it is not Stripe's."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import stripe as sdk
from stand_ins import StandIn
from stripe_bench import WEBHOOK_SECRET, StripeBench, bench_of, running_stripe

from services.cli.home import free_port_base
from services.deposits.domain import Notice, NoticeRejected, OperationKind, OperationState
from services.deposits.servicer.notices import NoticeDoor

AUTHORIZE = OperationKind.AUTHORIZE


class Door:
    """The real door, and what came in by it."""

    def __init__(self, bench: StripeBench, port: int) -> None:
        self.heard: asyncio.Queue[Notice] = asyncio.Queue()
        self.url = f"http://127.0.0.1:{port}/processors/stripe/notices"
        self._door, self._port = NoticeDoor({"stripe": bench.processor}, self._hasten), port

    async def open(self) -> None:
        await self._door.open("127.0.0.1", self._port)

    async def close(self) -> None:
        await self._door.close()

    async def about(self, operation_id: str) -> Notice:
        """The next notice of an operation."""
        async with asyncio.timeout(10):
            while True:
                notice = await self.heard.get()
                if notice.operation_id == operation_id:
                    return notice

    async def post(self, body: str, signed: str | None) -> int:
        headers = {} if signed is None else {"Stripe-Signature": signed}
        async with aiohttp.ClientSession() as session, session.post(self.url, data=body, headers=headers) as response:
            return response.status

    async def _hasten(self, _name: str, notice: Notice) -> None:
        self.heard.put_nowait(notice)


@pytest.fixture
def port() -> int:
    return free_port_base()


@pytest.fixture
async def telling(tmp_path: Path, port: int) -> AsyncIterator[StandIn]:
    url = f"http://127.0.0.1:{port}/processors/stripe/notices"
    async with running_stripe(tmp_path, "--hold-seconds", "2", notify_url=url) as running:
        yield running


def sign(body: str, secret: str = WEBHOOK_SECRET, ago: int = 0) -> str:
    return sdk.WebhookSignature.generate_signature_header(body, secret, int(time.time()) - ago)


def event(kind: str, about: dict[str, object]) -> str:
    return json.dumps({"id": "evt_1", "object": "event", "type": kind, "data": {"object": about}})


async def test_news_of_an_operation_and_of_its_hold_come_until_they_are_taken(telling: StandIn, port: int) -> None:
    async with bench_of(telling) as bench:
        door = Door(bench, port)
        authorize = bench.asked(AUTHORIZE, await bench.card("pm_card_authenticationRequired"))
        first = await bench.processor.perform(authorize)
        assert first is not None
        await bench.stripe.authenticate(first.renter_action)
        await asyncio.sleep(0.3)
        await door.open()
        reference = (await door.about(authorize.operation_id)).reference
        confirmed = await bench.processor.query(authorize)
        assert confirmed is not None
        assert (confirmed.state, confirmed.result_ref) == (OperationState.DONE, reference)
        async with asyncio.timeout(10):
            while (await bench.seen(reference)).open_minor:
                assert (await door.heard.get()).reference == reference, "the last one tells that the hold has lapsed"
        await door.close()


async def test_duplicates_in_any_order_ask_the_same_and_are_believed_nothing(stripe: StandIn, port: int) -> None:
    async with bench_of(stripe) as bench:
        door = Door(bench, port)
        await door.open()
        authorize, reference = await bench.held()
        names = {"operation_id": authorize.operation_id}
        lies = {"id": reference, "object": "payment_intent", "metadata": names, "status": "canceled", "amount": 1}
        bodies = [event(kind, lies) for kind in ("payment_intent.canceled", "payment_intent.created")]
        bodies += [event("refund.updated", {"id": "re_1", "object": "refund", "payment_intent": reference})]
        for body in [*bodies, *reversed(bodies)]:
            assert await door.post(body, sign(body)) == 200
        heard = [door.heard.get_nowait() for _ in range(6)]
        assert {(notice.operation_id, notice.reference) for notice in heard} == {
            (authorize.operation_id, reference),
            ("", reference),
        }
        assert (await bench.seen(reference)).open_minor == 9900
        await door.close()


async def test_what_is_not_stripes_is_turned_away(stripe: StandIn, port: int) -> None:
    async with bench_of(stripe) as bench:
        door = Door(bench, port)
        await door.open()
        body = event("payment_intent.succeeded", {"id": "pi_1", "object": "payment_intent", "metadata": {}})
        forged = {
            "no signature": (body, None),
            "another secret": (body, sign(body, "whsec_other")),
            "too old": (body, sign(body, ago=301)),
            "another body": (body.replace("pi_1", "pi_2"), sign(body)),
            "no scheme": (body, sign(body).replace("v1=", "v0=")),
            "rubbish": (body, "t=now,v1=é"),
            "no event": ("[]", sign("[]")),
            "not JSON": ("{", sign("{")),
        }
        answers = {name: await door.post(*sent) for name, sent in forged.items()}
        assert answers == dict.fromkeys(forged, 400)
        assert door.heard.empty()
        assert await door.post(body, sign(body, ago=290)) == 200
        with pytest.raises(NoticeRejected):
            bench.processor.read_notice({}, b"\xff")
        await door.close()


@pytest.mark.parametrize("operation_id", ["somebody-elses", "opn_", 7, None, "opn_" + "z" * 28])
async def test_an_id_that_is_not_ours_names_no_operation(stripe: StandIn, operation_id: object) -> None:
    async with bench_of(stripe) as bench:
        about = {"id": "pi_1", "object": "payment_intent", "metadata": {"operation_id": operation_id}}
        body = event("payment_intent.succeeded", about)
        notice = bench.processor.read_notice({"stripe-signature": sign(body)}, body.encode())
        assert (notice.notice_id, notice.operation_id, notice.reference) == ("evt_1", "", "pi_1")
