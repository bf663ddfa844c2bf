"""The adapter before localstripe, a second stand-in that others wrote: as far as that one goes.

It knows no filters of lists (so nothing can be asked about), no amounts of captures, and it ignores idempotency keys.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from stripe_bench import Clock

from services.cli.home import free_port_base
from services.deposits.domain import Operation, OperationKind, OperationState
from services.deposits.processors.stripe import StripeProcessor
from services.deposits.processors.stripe.gateway import Gateway
from services.deposits.processors.stripe.settings import Features
from services.values.ids import new_id_of, new_renter_id
from services.values.money import Money

KEY = "sk_test_of_nobody"


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    port = free_port_base()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "localstripe", "--port", str(port), "--from-scratch"),
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        await answers(port, process)
        yield f"http://localhost:{port}"
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def answers(port: int, process: asyncio.subprocess.Process) -> None:
    for _ in range(100):
        if process.returncode is not None:
            pytest.skip(f"localstripe cannot start here (exit status {process.returncode})")
        try:
            _, writer = await asyncio.open_connection("localhost", port)
        except OSError:
            await asyncio.sleep(0.1)
            continue
        writer.close()
        return
    pytest.fail("localstripe does not listen after ten seconds")


async def test_as_far_as_localstripe_goes(url: str) -> None:
    renter_id = new_renter_id("rnt")

    def asked(kind: OperationKind, reference: str, amount: int) -> Operation:
        return Operation(new_id_of("opn", renter_id), "dep_1", kind, Money("EUR", amount), reference)

    async with aiohttp.ClientSession() as session:
        processor = StripeProcessor(session, url, (KEY, "whsec_1"), Features(), Clock())
        attached = await processor.attach("pm_card_visa", new_id_of("pmt", renter_id))
        assert (attached.brand, attached.last4) == ("visa", "4242")
        holds = [await processor.perform(asked(OperationKind.AUTHORIZE, attached.processor_ref, 9900)) for _ in "12"]
        assert [hold and hold.state for hold in holds] == [OperationState.DONE] * 2
        first, second = (hold.result_ref for hold in holds if hold)
        voided = await processor.perform(asked(OperationKind.VOID, first, 9900))
        assert voided is not None
        assert voided.state is OperationState.DONE
        captured = await Gateway(session, url, KEY).capture(second, {"amount_to_capture": 3000}, "key-1")
        assert captured["status"] == "succeeded"
        refund = await processor.perform(asked(OperationKind.REFUND, second, 1000))
        assert refund is not None
        assert (refund.state, refund.result_ref[:3]) == (OperationState.DONE, "re_")
        charged = await processor.perform(asked(OperationKind.CHARGE, attached.processor_ref, 700))
        assert charged is not None
        assert charged.state is OperationState.DONE
