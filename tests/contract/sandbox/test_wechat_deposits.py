"""Deposits at WeChat through the real use cases: held, settled, captured, given back; our ledger is its books."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from deposits_desk import DEPOSIT_MINOR, Desk
from wechat_house import Keyring, WeChat, asked, running

from services.deposits.domain import BillState, Deposit, DepositState, OperationKind, PaymentStatus
from services.deposits.operations.settling import CancelItem, SettleItem
from services.runtime.database import Database
from services.values.callers import Caller, Role
from services.values.ids import new_id
from services.values.money import Money


@dataclass
class Branch:
    """A desk whose other processor is WeChat."""

    desk: Desk
    wechat: WeChat

    async def ask(self, means: str = "confirm") -> Deposit:
        """A rental is to be secured; the renter has not answered yet."""
        renter = await self.desk.person(500, card=False)
        await self.desk.add_card(renter, means, "other")
        deposit = await self.desk.secure(self.desk.item(renter))
        assert isinstance(deposit, Deposit)
        await self.desk.carry_out()
        return await self.desk.deposit(deposit.deposit_id)

    async def settle(self, deposit: Deposit, fare: int) -> Deposit:
        await self.desk.settling.settle([SettleItem(deposit.rental_id, Money("CNY", fare))])
        await self.desk.carry_out()
        return await self.desk.deposit(deposit.deposit_id)

    async def told(self, deposit: Deposit) -> Deposit:
        """The next notice comes through the door; what it is about is due, and looked at."""
        notice = await asyncio.wait_for(self.wechat.notices.get(), 5)
        now = self.desk.real.now()
        await self.desk.store.hasten("other", notice, now, self.desk.clock.now())
        for leased in await self.desk.processing.lease_due():
            await self.desk._carry(leased)
        await self.desk.carry_out()
        return await self.desk.deposit(deposit.deposit_id)

    async def balance(self, account: str) -> int:
        accounts = (await self.desk.store.trial_balance()).accounts
        return sum(total.balance_minor for total in accounts if total.account == account)

    async def books(self) -> tuple[int, int]:
        """What WeChat holds open and what it has collected less what it paid back; it is stopped for that."""
        self.wechat.process.terminate()
        await self.wechat.process.wait()
        books = sqlite3.connect(self.wechat.folder / "home" / "wechat.sqlite3")
        (opened,) = books.execute(
            "SELECT coalesce(sum(fund_minor), 0) FROM orders WHERE state = 'DOING' AND NOT completed"
        ).fetchone()
        (paid,) = books.execute("SELECT coalesce(sum(paid_minor), 0) FROM orders").fetchone()
        (back,) = books.execute(
            "SELECT coalesce(sum(refund_minor), 0) FROM refunds WHERE status = 'SUCCESS'"
        ).fetchone()
        books.close()
        return opened, paid - back


@pytest.fixture
async def branch(tmp_path: Path, fresh_database: Callable[..., str]) -> AsyncIterator[Branch]:
    db = await Database.connect(await asyncio.to_thread(fresh_database, "wechat", "deposits"), pool_size=4)
    async with running(Keyring.cut().lay_out(tmp_path)) as wechat:
        desk = Desk(db, other=wechat.processor)
        await desk.open()
        yield Branch(desk, wechat)
        assert await desk.findings() == ()
    await db.close()


def parts(deposit: Deposit) -> tuple[int, int, int, int]:
    return deposit.captured_minor, deposit.released_minor, deposit.expired_minor, deposit.open_minor


async def test_deposits_at_wechat_add_up_to_its_books(branch: Branch) -> None:
    wechat, desk = branch.wechat, branch.desk
    await wechat.script(confirms="at_once", permits="at_once", pays="never")
    pending = await branch.ask()
    assert (pending.state, pending.renter_action[:8]) == (DepositState.PENDING, "confirm:")
    held = await branch.told(pending)
    assert (held.state, parts(held)) == (DepositState.HELD, (0, 0, 0, DEPOSIT_MINOR))
    assert held.holds[0].credit_minor == DEPOSIT_MINOR, "no money of the renter's is frozen"

    unpaid = await branch.settle(held, 3000)
    assert (unpaid.payment_status, parts(unpaid)) == (PaymentStatus.IN_PROGRESS, (0, 0, 0, DEPOSIT_MINOR))
    for _ in range(5):
        await desk.sweep()
    still = await desk.deposit(held.deposit_id)
    assert (still.payment_status, still.paid_minor) == (PaymentStatus.IN_PROGRESS, 0), "owed is not paid"
    assert still.renter_action == f"pay:{held.holds[0].reference}", "the renter may pay it in WeChat meanwhile"
    assert (await desk.store.refund_queue()).waiting == 0, "nobody waits for money"

    await wechat.renter(held.holds[0].reference, "pay")
    paid = await branch.told(unpaid)
    assert (paid.state, paid.payment_status, parts(paid)) == (
        DepositState.CLOSED,
        PaymentStatus.PAID,
        (3000, 6900, 0, 0),
    )

    partner = Caller(Role.PARTNER, desk.partner_id, desk.partner_id)
    await desk.claiming.refund(partner, new_id("req"), paid.deposit_id, Money("CNY", 1000), "too much")
    await desk.carry_out()
    assert (await branch.told(paid)).refunded_minor == 1000

    asked = await branch.ask("permission")
    assert asked.renter_action.startswith("permission:")
    await branch.told(asked)
    await desk.sweep()
    assert (await desk.deposit(asked.deposit_id)).state is DepositState.HELD, "no further confirmation"

    cancelled = await branch.told(await branch.ask())
    await desk.settling.cancel([CancelItem(cancelled.rental_id, cancelled.renter_id, cancelled.partner_id)])
    await desk.carry_out()
    assert parts(await desk.deposit(cancelled.deposit_id)) == (0, DEPOSIT_MINOR, 0, 0)

    ledger = (await branch.balance("processor_authorized"), await branch.balance("processor_receivable"))
    assert ledger == await branch.books() == (DEPOSIT_MINOR, 2000)


async def test_a_confirmation_after_the_rental_was_given_up_is_cancelled_at_wechat(branch: Branch) -> None:
    await branch.wechat.script(confirms="never")
    pending = await branch.ask()
    order = str(await branch.desk.db.fetchval("SELECT operation_id FROM processor_operations"))
    await branch.desk.settling.cancel([CancelItem(pending.rental_id, pending.renter_id, pending.partner_id)])
    await branch.wechat.renter(order, "confirm")
    late = await branch.told(pending)
    assert (late.state, parts(late)) == (DepositState.CANCELLED, (0, DEPOSIT_MINOR, 0, 0))
    assert await branch.books() == (0, 0)


async def test_an_unpaid_order_that_somebody_cancels_becomes_a_bill(branch: Branch) -> None:
    await branch.wechat.script(confirms="at_once", pays="never")
    held = await branch.told(await branch.ask())
    unpaid = await branch.settle(held, 3000)
    by_hand = asked(OperationKind.VOID, held.holds[0].reference)
    await branch.wechat.processor.perform(by_hand)
    await branch.desk.sweep()
    after = await branch.desk.deposit(unpaid.deposit_id)
    assert (after.state, parts(after)) == (DepositState.CLOSED, (0, 0, DEPOSIT_MINOR, 0))
    assert (after.payment_status, after.paid_minor) == (PaymentStatus.DUE, 0)
    bill = await branch.desk.store.read_bill(after.deposit_id)
    assert bill is not None
    assert bill[0].state is BillState.OPEN
    assert await branch.books() == (0, 0)
