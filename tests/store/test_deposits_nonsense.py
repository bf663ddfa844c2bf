"""A processor that says what nobody can read, or is not set up any more, keeps nobody else's money waiting."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from deposits_desk import Desk, ScriptedProcessor

from services.deposits.domain import Deposit, DepositState, Hold, Notice, PaymentStatus, ReportLine, Seen
from services.deposits.domain.reconciling import RunState
from services.deposits.operations.settling import SettleItem
from services.runtime.database import Database
from services.values.ids import new_id
from services.values.money import Money


@dataclass
class Babbler(ScriptedProcessor):
    """Its reports and its answers about holds lack what they should have."""

    async def inspect(self, hold: Hold) -> Seen | None:
        raise KeyError("status")

    async def report(self, since: datetime, until: datetime) -> Sequence[ReportLine]:
        raise KeyError("payments")


@pytest.fixture
def dsn(fresh_database: Callable[..., str]) -> str:
    return fresh_database("nonsense", "deposits")


@pytest.fixture
async def desk(dsn: str) -> AsyncIterator[Desk]:
    db = await Database.connect(dsn, pool_size=4)
    desk = Desk(db, Babbler("other"))
    await desk.open()
    yield desk
    assert await desk.findings() == ()
    await db.close()


async def held(desk: Desk, processor: str = "sandbox") -> Deposit:
    renter_id = await desk.person(500, card=False)
    await desk.add_card(renter_id, "visa", processor)
    outcome = await desk.secure(desk.item(renter_id))
    assert isinstance(outcome, Deposit)
    await desk.carry_out()
    return outcome


async def settle(desk: Desk, *deposits: Deposit) -> list[Deposit]:
    await desk.settling.settle([SettleItem(deposit.rental_id, Money("CNY", 300)) for deposit in deposits])
    await desk.carry_out()
    return [await desk.deposit(deposit.deposit_id) for deposit in deposits]


async def test_a_hold_that_nobody_can_read_keeps_no_other_from_being_looked_at(desk: Desk) -> None:
    await held(desk, "other")
    lapsed = await held(desk)
    desk.processor.mood = desk.other.mood = "decline"
    desk.processor.lapse()
    desk.clock.turn(days=7, hours=1)
    await desk.lapsing.sweep()
    await desk.carry_out()
    with pytest.raises(KeyError):
        await desk.lapsing.sweep()
    assert (await desk.deposit(lapsed.deposit_id)).expired_minor == 9900
    assert await desk.lapsing.sweep() == 0, "it is looked at again later"


async def test_a_report_that_nobody_can_read_is_asked_for_again_and_then_given_up(desk: Desk) -> None:
    run = await desk.deciding.run("ann", new_id("req"), "other", desk.clock.now() - timedelta(hours=1), None)
    for _ in range(20):
        with pytest.raises(KeyError):
            await desk.running.sweep()
        desk.real.turn(hours=1)
    assert await desk.running.sweep() == 0
    ended = await desk.deciding.get(run.run_id)
    assert (ended.state, ended.failure) == (RunState.FAILED, "INTERNAL")


async def test_a_deposit_at_a_processor_that_is_gone_waits_alone(desk: Desk) -> None:
    """Its settings were taken out while it held something; the batch goes on, and so does it once they are back."""
    gone, other = await held(desk, "other"), await held(desk)
    capabilities = dict(desk.claiming._changing.capabilities)
    desk.claiming._changing.capabilities = {"sandbox": capabilities["sandbox"]}
    waiting, settled = await settle(desk, gone, other)
    assert (settled.state, settled.payment_status) == (DepositState.CLOSED, PaymentStatus.PAID)
    assert waiting.charged_minor == 300


async def test_a_notice_about_what_is_no_operation_of_ours_hastens_the_payment_it_names(desk: Desk) -> None:
    """Refunds that a repair has asked for have keys of their own; processors tell of them too."""
    await held(desk)
    reference = await desk.db.fetchval("SELECT reference FROM holds")
    notice = Notice("ntc_1", "dif_06h23h4aohrulecjhejpa47ng01r-1", reference)
    await desk.store.hasten("sandbox", notice, desk.real.now(), desk.clock.now())
    assert await desk.db.fetchval("SELECT look_at FROM holds") == desk.clock.now()
