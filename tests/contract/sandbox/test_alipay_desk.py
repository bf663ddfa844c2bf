"""Alipay through the use cases of deposits: what the ledger says is what Alipay's books say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from alipay_house import CODES, House, Now, start_alipay
from deposits_desk import DEPOSIT_MINOR, Desk

from services.deposits.domain import (
    Deposit,
    DepositState,
    PaymentStatus,
)
from services.deposits.domain.reconciling import DifferenceKind, DifferenceState, Repair, Run, RunState
from services.deposits.operations.settling import CancelItem, SettleItem
from services.deposits.processors.alipay import requests
from services.runtime.database import Database
from services.values.callers import Caller, Role
from services.values.ids import new_id
from services.values.money import Money


@pytest.fixture(scope="module")
def dsn(fresh_database: Callable[..., str]) -> str:
    return fresh_database("alipay", "deposits")


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    alipay = await start_alipay(tmp_path_factory.mktemp("alipay") / "home", "--late-seconds", "0.2")
    async with aiohttp.ClientSession() as session:
        yield House(alipay, session)
    await alipay.stop()


Books = dict[str, list[dict[str, Any]]]
News = Callable[[], Awaitable[Books]]


@pytest.fixture
async def books(house: House) -> News:
    """What has come into Alipay's books since the test began; what earlier ones wrote has ended."""
    before = await house.books()

    async def news() -> Books:
        return {
            table: [row for row in rows if row not in before[table]] for table, rows in (await house.books()).items()
        }

    return news


@pytest.fixture
async def desk(dsn: str, house: House) -> AsyncIterator[Desk]:
    """A desk whose other processor is Alipay."""
    db = await Database.connect(dsn, pool_size=4)
    desk = Desk(db, house.processor)  # type: ignore[arg-type]
    desk.clock.time = desk.real.time = datetime.now(UTC)
    await desk.open()
    yield desk
    assert await desk.findings() == ()
    await db.close()


async def wanted(desk: Desk, token: str, score: int = 500) -> Deposit:
    renter_id = await desk.person(score, card=False)
    await desk.add_card(renter_id, token, "other")
    outcome = await desk.secure(desk.item(renter_id))
    assert isinstance(outcome, Deposit)
    await desk.carry_out()
    return await desk.deposit(outcome.deposit_id)


async def until(desk: Desk, deposit_id: str, met: Callable[[Deposit], bool]) -> Deposit:
    for _ in range(20):
        deposit = await desk.deposit(deposit_id)
        if met(deposit):
            return deposit
        await asyncio.sleep(0.1)
        await desk.sweep()
    raise AssertionError("it stayed as it was")


def partner(desk: Desk) -> Caller:
    return Caller(Role.PARTNER, desk.partner_id, desk.partner_id)


async def test_a_rental_from_the_order_string_to_the_refund_adds_up_with_alipays_books(
    desk: Desk, house: House, books: News
) -> None:
    pending = await wanted(desk, "alipay_app")
    assert (pending.state, pending.authorized_minor) == (DepositState.PENDING, 0)
    assert await house.confirm(pending.renter_action, "split") == "9000"
    held = await until(desk, pending.deposit_id, lambda deposit: deposit.state is DepositState.HELD)
    (hold,) = held.holds
    assert (hold.authorized_minor, hold.credit_minor, held.renter_action) == (DEPOSIT_MINOR, 5000, "")
    money = Money("CNY", 1000)
    await desk.claiming.capture(partner(desk), new_id("req"), held.deposit_id, money, "scratched")
    await desk.carry_out()
    await desk.settling.settle([SettleItem(held.rental_id, Money("CNY", 2000))])
    await desk.carry_out()
    await desk.claiming.refund(partner(desk), new_id("req"), held.deposit_id, Money("CNY", 500), "not ours")
    await desk.carry_out()
    ended = await desk.deposit(held.deposit_id)
    assert (ended.state, ended.payment_status) == (DepositState.CLOSED, PaymentStatus.PAID)
    found = await books()
    (order,) = found["orders"]
    ours = (ended.authorized_minor, ended.captured_minor, ended.released_minor, ended.expired_minor)
    theirs = tuple(order[f"{part}_minor"] for part in ("amount", "paid", "released", "expired"))
    assert ours == theirs == (DEPOSIT_MINOR, 3000, 6900, 0)
    assert sorted(trade["amount_minor"] for trade in found["trades"]) == [1000, 2000]
    assert sum(refund["amount_minor"] for refund in found["refunds"]) == ended.refunded_minor == 500


@pytest.mark.parametrize("payer", ["lost_after", "lost_before", "unknown_done", "unknown_undone", "later"])
async def test_a_kiosk_deposit_comes_to_its_end_whatever_becomes_of_the_answers(
    desk: Desk, books: News, payer: str
) -> None:
    deposit = await wanted(desk, f"scan_{CODES[payer]}")
    held = await until(desk, deposit.deposit_id, lambda d: d.state is DepositState.HELD)
    await desk.settling.settle([SettleItem(held.rental_id, Money("CNY", 300))])
    await desk.carry_out()
    ended = await until(desk, deposit.deposit_id, lambda d: d.state is DepositState.CLOSED)
    assert (ended.captured_minor, ended.released_minor) == (300, DEPOSIT_MINOR - 300)
    found = await books()
    assert [(order["paid_minor"], order["released_minor"]) for order in found["orders"]] == [(300, 9600)]
    assert [trade["amount_minor"] for trade in found["trades"]] == [300]


async def test_a_renter_who_refuses_is_declined_and_one_who_confirms_too_late_gets_it_back(
    desk: Desk, house: House, books: News
) -> None:
    refusing = await wanted(desk, f"scan_{CODES['refuses']}")
    await until(desk, refusing.deposit_id, lambda deposit: deposit.state is DepositState.DECLINED)
    slow = await wanted(desk, "alipay_app")
    await desk.settling.cancel([CancelItem(slow.rental_id, slow.renter_id, slow.partner_id)])
    assert await house.confirm(slow.renter_action) == "9000"
    back = await until(desk, slow.deposit_id, lambda deposit: deposit.released_minor > 0)
    assert (back.state, back.authorized_minor, back.released_minor) == (DepositState.CANCELLED, 9900, 9900)
    assert [order["released_minor"] for order in (await books())["orders"]] == [0, 9900]


async def test_a_long_rental_gets_its_next_hold_when_the_renter_confirms_it_and_the_old_one_goes_back(
    desk: Desk, house: House, books: News
) -> None:
    pending = await wanted(desk, "alipay_app")
    await house.confirm(pending.renter_action)
    held = await until(desk, pending.deposit_id, lambda deposit: deposit.state is DepositState.HELD)
    assert held.renter_action == ""
    desk.clock.turn(days=29, hours=1)
    await desk.lapsing.sweep()
    await desk.carry_out()
    asking = await desk.deposit(held.deposit_id)
    assert (asking.state, asking.open_minor) == (DepositState.HELD, DEPOSIT_MINOR)
    assert asking.renter_action not in ("", pending.renter_action), "the app is told while the old hold stands"
    assert await house.confirm(asking.renter_action) == "9000"
    renewed = await until(desk, held.deposit_id, lambda deposit: deposit.released_minor > 0)
    assert (renewed.authorized_minor, renewed.open_minor) == (2 * DEPOSIT_MINOR, DEPOSIT_MINOR)
    orders = (await books())["orders"]
    assert [order["released_minor"] for order in orders] == [DEPOSIT_MINOR, 0]


async def test_a_waived_renter_is_not_charged_behind_their_back_and_pays_by_another_means(
    desk: Desk, house: House, books: News
) -> None:
    waived = await wanted(desk, "alipay_app", score=700)
    assert waived.state is DepositState.WAIVED
    await desk.settling.settle([SettleItem(waived.rental_id, Money("CNY", 300))])
    await desk.carry_out()
    owing = await desk.deposit(waived.deposit_id)
    assert owing.payment_status is PaymentStatus.DUE
    await desk.add_card(waived.renter_id, "visa")
    await desk.carry_out()
    assert (await desk.deposit(waived.deposit_id)).payment_status is PaymentStatus.PAID
    assert await books() == {"orders": [], "trades": [], "unfreezes": [], "refunds": []}


@dataclass
class Days:
    """A day on which things happen, and one after the next, when there is a bill of them."""

    home: Path
    db: Database
    session: aiohttp.ClientSession
    began: datetime = field(default_factory=lambda: datetime.now(UTC))

    async def at(self, moment: datetime) -> tuple[House, Desk]:
        epochs = ("--clock-epoch-real", datetime.now(UTC).isoformat(), "--clock-epoch-virtual", moment.isoformat())
        house = House(await start_alipay(self.home, *epochs), self.session, clock=Now(moment))
        desk = Desk(self.db, house.processor)  # type: ignore[arg-type]  # the desk's own are scripted
        desk.clock.time = desk.real.time = moment
        return house, desk

    async def first(self) -> tuple[House, Deposit, Deposit]:
        """One deposit is held, another settled and partly paid back."""
        house, desk = await self.at(self.began)
        await desk.open()
        held, settled = [await wanted(desk, f"scan_{CODES[payer]}") for payer in ("split", "own_funds")]
        await desk.settling.settle([SettleItem(settled.rental_id, Money("CNY", 3000))])
        await desk.carry_out()
        await desk.claiming.refund(partner(desk), new_id("req"), settled.deposit_id, Money("CNY", 500), "not ours")
        await desk.carry_out()
        return house, held, settled

    async def reconciled(self) -> tuple[Run, set[tuple[DifferenceKind, Repair, str]]]:
        """What a run over what happened finds."""
        house, desk = await self.at(self.began + timedelta(days=2))
        window = (self.began - timedelta(minutes=1), self.began + timedelta(minutes=5))
        run = await desk.deciding.run("ann", new_id("req"), "other", *window)
        while await desk.running.sweep():
            pass
        found, _ = await desk.deciding.list("", None, DifferenceState.OPEN, 200, "")
        await house.alipay.stop()
        classes = {(d.finding.kind, d.finding.repair, d.finding.deposit_id) for d in found}
        return await desk.deciding.get(run.run_id), classes


@pytest.fixture
def own_dsn(fresh_database: Callable[..., str]) -> str:
    return fresh_database("alipay_days", "deposits")


@pytest.fixture
async def days(own_dsn: str, tmp_path: Path) -> AsyncIterator[Days]:
    db = await Database.connect(own_dsn, pool_size=4)
    async with aiohttp.ClientSession() as session:
        yield Days(tmp_path / "home", db, session)
    await db.close()


async def test_a_day_without_mistakes_reconciles_with_alipays_bill(days: Days) -> None:
    house, *_ = await days.first()
    await house.alipay.stop()
    run, found = await days.reconciled()
    assert (run.state, found) == (RunState.DONE, set())
    sums = run.counts.totals["CNY"]
    assert sums.ours == sums.theirs
    assert (sums.ours.authorized_minor, sums.ours.captured_minor, sums.ours.refunded_minor) == (19_800, 3000, 500)


async def test_what_somebody_did_in_alipays_console_is_found(days: Days) -> None:
    house, held, settled = await days.first()
    books = await house.books()
    open_order = next(order for order in books["orders"] if not order["paid_minor"])
    (trade,) = books["trades"]
    freed = {"auth_no": open_order["auth_no"], "out_request_no": "hand1", "amount": "99.00", "remark": "by hand"}
    await house.by_hand(requests.UNFREEZE, **freed)
    back = {"trade_no": trade["trade_no"], "out_request_no": "hand2", "refund_amount": "10.00"}
    await house.by_hand(requests.REFUND, **back)
    await house.alipay.stop()
    _, found = await days.reconciled()
    assert found == {
        (DifferenceKind.EXPIRED_UNSEEN, Repair.TAKE_OVER, held.deposit_id),
        (DifferenceKind.UNKNOWN_REFUND, Repair.TAKE_OVER, settled.deposit_id),
    }
