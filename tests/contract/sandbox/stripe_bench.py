"""Stripe's stand-in and the adapter, for tests: what goes wrong next, and what the renter does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
from processor_conformance import Bench
from stand_ins import SECRET, StandIn, start

from services.deposits.domain import OperationKind, OperationState, Result
from services.deposits.processors.stripe import StripeProcessor
from services.deposits.processors.stripe.settings import Features
from services.values.ids import new_id_of

PLAIN = Features()
WEBHOOK_SECRET = "whsec_of_the_tests"
LATE_SECONDS = 0.3


@dataclass
class Clock:
    """Real time, turned forward by hand."""

    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Stripe:
    """The stand-in's own calls."""

    process: StandIn

    async def lose_request(self) -> None:
        await self.fault("request_lost")

    async def lose_answer(self) -> None:
        await self.fault("answer_lost")

    async def fault(self, fault: str, calls: int = 1) -> None:
        await self._post("/_sandbox/faults", {"fault": fault, "calls": str(calls)})

    async def authenticate(self, client_secret: str, *, success: bool = True) -> None:
        """The renter at their bank's page."""
        intent = client_secret.partition("_secret_")[0]
        form = {"client_secret": client_secret, "success": str(success).lower()}
        await self._post(f"/_sandbox/payment_intents/{intent}/authenticate", form)

    async def _post(self, path: str, form: dict[str, str]) -> None:
        async with self.process.session.post(path, data=form) as response:
            assert response.status in (200, 402), await response.text()


@dataclass
class StripeBench(Bench):
    """A bench with Stripe's own: other cards, and a clock."""

    stripe: Stripe = field(kw_only=True)
    clock: Clock = field(kw_only=True)

    async def card(self, method: str) -> str:
        """A test card as a renter's payment method; of those that cannot be saved, with the customer of another."""
        if method in _UNSAVED:
            return f"{self.good.partition(':')[0]}:{method}"
        return (await self.processor.attach(method, new_id_of("pmt", self.renter_id))).processor_ref

    async def outcome(self, kind: OperationKind, reference: str, amount: int = 9900) -> Result:
        """An operation that is declined or waits; the processor says the same when it is asked later."""
        operation = self.asked(kind, reference, amount)
        result = await self.processor.perform(operation)
        assert result is not None
        assert result.state is not OperationState.DONE
        assert await self.processor.query(operation) == result
        return result


_UNSAVED = (
    "pm_card_visa_chargeDeclined",
    "pm_card_visa_chargeDeclinedInsufficientFunds",
    "pm_card_visa_chargeDeclinedLostCard",
    "pm_card_visa_chargeDeclinedStolenCard",
    "pm_card_chargeDeclinedExpiredCard",
    "pm_card_chargeDeclinedIncorrectCvc",
    "pm_card_chargeDeclinedProcessingError",
)


@asynccontextmanager
async def bench_of(process: StandIn, features: Features = PLAIN) -> AsyncIterator[StripeBench]:
    """The adapter before a running stand-in."""
    clock, stripe = Clock(), Stripe(process)
    async with aiohttp.ClientSession() as session:
        processor = StripeProcessor(session, process.address, (SECRET, WEBHOOK_SECRET), features, clock)
        bench = StripeBench(processor, stripe, "", "", stripe=stripe, clock=clock)
        bench.good = await bench.card("pm_card_visa")
        bench.declining = await bench.card("pm_card_chargeCustomerFail")
        yield bench


async def start_stripe(folder: Path, *arguments: str, notify_url: str = "") -> StandIn:
    """The process, with webhooks if wanted."""
    options = ["--late-seconds", str(LATE_SECONDS), *arguments]
    if notify_url:
        secret = folder / "webhook-secret"
        secret.write_text(WEBHOOK_SECRET)
        options += ["--notify-url", notify_url, "--notify-secret-file", str(secret)]
    return await start("stripe", folder / "home", *options)


@asynccontextmanager
async def running_stripe(folder: Path, *arguments: str, notify_url: str = "") -> AsyncIterator[StandIn]:
    """The same for one test, which may kill it."""
    process = await start_stripe(folder, *arguments, notify_url=notify_url)
    try:
        yield process
    finally:
        if process.process.returncode is None:
            await process.kill()
