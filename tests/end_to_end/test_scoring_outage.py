"""Scoring does not answer: deposits are paid, never waived, never refused; rides go on; nothing is forgotten."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from town import Town, a_town

from freehold.deposits.v1 import deposits_service_pb2 as deposits
from freehold.rental.v1 import rental_service_pb2 as rental
from freehold.scoring.v1 import scoring_service_pb2 as scoring


@contextmanager
def silent(pid: int) -> Iterator[None]:
    """The process is alive and says nothing."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_rides_go_on_against_a_deposit_and_the_facts_arrive_later(tmp_path: Path) -> None:
    async with a_town(tmp_path / "house") as town:
        waived, renter = await town.new_person(score=700), await town.new_person(score=700)
        before = await town.start(waived.renter_id, await town.new_bike())
        known = await facts(town, renter.token)
        with silent(town.ready.pids["scoring"]):
            held = await town.start(renter.renter_id, await town.new_bike(), timeout=20)
            assert held.state == rental.RENTAL_STATE_ACTIVE
            deposit = await town.deposit(held.deposit_id)
            assert deposit.state == deposits.DEPOSIT_STATE_HELD
            assert deposit.outcome == deposits.ADMITTANCE_OUTCOME_CANNOT_ASSESS
            assert list(deposit.reason_codes) == ["SCORING_UNAVAILABLE"]
            for started in (before, held):
                await town.end(started.rental_id)
                await town.until(started.rental_id, rental.RENTAL_STATE_SETTLED)
        again = await _waived_again(town, renter.renter_id)
        await town.end(again.rental_id)
        ends = time.monotonic() + 30
        while await facts(town, renter.token) <= known and time.monotonic() < ends:
            await asyncio.sleep(0.2)
        assert await facts(town, renter.token) > known, "what happened meanwhile was told once it listened"
        assert (await town.ledger()).balanced


async def facts(town: Town, token: str) -> int:
    """How many facts are known of a person."""
    ask = scoring.ListMyFactsRequest(page_size=200)
    return len((await town.api.call(town.api.scoring.ListMyFacts, ask, token)).facts)


async def _waived_again(town: Town, renter_id: str) -> rental.Rental:
    """A rental that is waived, as soon as scoring answers again."""
    for _ in range(20):
        started = await town.start(renter_id, await town.new_bike(), timeout=20)
        if started.deposit_state == deposits.DEPOSIT_STATE_WAIVED:
            return started
        await town.end(started.rental_id)
        await asyncio.sleep(0.5)
    raise AssertionError("waivers should have come back")
