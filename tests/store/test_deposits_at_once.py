"""Many at once: a thousand captures of one hold are taken one by one, fifty repeats of one request are one."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable

import pytest
from deposits_desk import DEPOSIT_MINOR, Desk

from services.deposits.domain import Change, Deposit, compensate
from services.deposits.operations.ports import Transition
from services.deposits.operations.settling import SettleItem
from services.runtime.database import Database
from services.values.callers import Caller, Role
from services.values.errors import Refusal
from services.values.money import Money


@pytest.fixture
def dsn(fresh_database: Callable[..., str]) -> str:
    return fresh_database("at_once", "deposits")


@pytest.fixture
async def desk(dsn: str) -> AsyncIterator[Desk]:
    db = await Database.connect(dsn, pool_size=16)
    desk = Desk(db)
    await desk.open()
    yield desk
    assert await desk.findings() == ()
    await db.close()


async def held(desk: Desk) -> Deposit:
    outcome = await desk.secure(desk.item(await desk.person(500)))
    assert isinstance(outcome, Deposit)
    await desk.carry_out()
    return outcome


async def capture(desk: Desk, deposit: Deposit, amount: int, request_id: str) -> Deposit | str:
    partner = Caller(Role.PARTNER, desk.partner_id, desk.partner_id)
    while True:
        try:
            return await desk.claiming.capture(partner, request_id, deposit.deposit_id, Money("CNY", amount), "a test")
        except Refusal as refusal:
            if refusal.reason != "DATABASE_UNAVAILABLE":
                return refusal.reason


async def test_two_changes_of_one_deposit_in_one_batch_follow_each_other(desk: Desk) -> None:
    deposit, other = await held(desk), await held(desk)
    moment = desk.changing.moment()

    def claim(amount: int) -> Transition:
        return lambda known, operations: compensate(known, operations, Money("CNY", amount), moment)

    asked = [(deposit.deposit_id, claim(100)), (other.deposit_id, claim(10)), (deposit.deposit_id, claim(50))]
    outcomes = await desk.changing.change(asked, moment)
    assert [o.deposit.charged_minor for o in outcomes if isinstance(o, Change)] == [100, 10, 150]
    await desk.carry_out()
    assert (await desk.deposit(deposit.deposit_id)).captured_minor == 150


async def test_a_thousand_captures_of_one_whole_hold_have_one_effect(desk: Desk) -> None:
    deposit = await held(desk)
    calls = [capture(desk, deposit, DEPOSIT_MINOR, f"whole-{n}") for n in range(1000)]
    answers = Counter("taken" if isinstance(a, Deposit) else a for a in await asyncio.gather(*calls))
    assert answers == {"taken": 1, "COMPENSATION_LIMIT_EXCEEDED": 999}
    await desk.carry_out()
    after = await desk.deposit(deposit.deposit_id)
    assert (after.captured_minor, after.paid_minor, after.open_minor) == (DEPOSIT_MINOR, DEPOSIT_MINOR, 0)
    assert (desk.processor.captured_minor, desk.processor.acts.total()) == (DEPOSIT_MINOR, 2)


async def test_small_captures_at_once_are_taken_as_far_as_the_hold_goes(desk: Desk) -> None:
    deposit = await held(desk)
    calls = [capture(desk, deposit, 330, f"small-{n}") for n in range(100)]
    answers = Counter("taken" if isinstance(a, Deposit) else a for a in await asyncio.gather(*calls))
    assert answers == {"taken": DEPOSIT_MINOR // 330, "COMPENSATION_LIMIT_EXCEEDED": 100 - DEPOSIT_MINOR // 330}
    await desk.carry_out()
    await desk.settling.settle([SettleItem(deposit.rental_id, Money("CNY", 0))])
    await desk.carry_out()
    after = await desk.deposit(deposit.deposit_id)
    assert after.captured_minor == desk.processor.captured_minor == DEPOSIT_MINOR
    assert set(desk.processor.acts.values()) == {1}


async def test_fifty_calls_with_one_request_id_are_one_with_fifty_equal_answers(desk: Desk) -> None:
    deposit = await held(desk)
    answers = await asyncio.gather(*(capture(desk, deposit, 500, "the-same") for _ in range(50)))
    assert len({(a.deposit_id, a.charged_minor, a.compensated_minor) for a in answers if isinstance(a, Deposit)}) == 1
    assert all(isinstance(a, Deposit) for a in answers)
    await desk.carry_out()
    after = await desk.deposit(deposit.deposit_id)
    assert (after.captured_minor, desk.processor.captured_minor) == (500, 500)
