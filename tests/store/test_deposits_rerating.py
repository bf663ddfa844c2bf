"""Charges that are put right: what is not paid is credited, what is paid is refunded, once, and the ledger balances."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from deposits_desk import DEPOSIT_MINOR, Desk

from services.deposits.domain import BillState, Deposit, PaymentStatus
from services.deposits.operations.settling import CorrectItem, SettleItem
from services.runtime.database import Database
from services.values.callers import Caller, Role
from services.values.errors import Refusal
from services.values.ids import new_id
from services.values.money import Money

FARE = 6000


@pytest.fixture(scope="module")
def dsn(fresh_database: Callable[..., str]) -> str:
    return fresh_database("deposits_rerating", "deposits")


@pytest.fixture
async def desk(dsn: str) -> AsyncIterator[Desk]:
    db = await Database.connect(dsn, pool_size=4)
    try:
        desk = Desk(db)
        await desk.open()
        yield desk
        assert await desk.findings() == ()
    finally:
        await db.close()


def cny(minor: int) -> Money:
    return Money("CNY", minor)


async def settled(desk: Desk, purchase: int = 0, score: int | None = None, card: bool = True) -> Deposit:
    """A rental that ended and whose charge is on its way; a purchase is charged beside the fare."""
    deposit = await desk.secure(desk.item(await desk.person(score, card)))
    assert isinstance(deposit, Deposit)
    await desk.carry_out()
    (outcome,) = await desk.settling.settle([SettleItem(deposit.rental_id, cny(FARE), purchase)])
    assert isinstance(outcome, Deposit)
    return outcome


async def correct(
    desk: Desk, deposit: Deposit, credit: int, purchase: int = 0, correction_id: str = "c-1"
) -> Deposit | Refusal:
    item = CorrectItem(deposit.rental_id, f"{deposit.deposit_id}-{correction_id}", cny(credit), purchase)
    (outcome,) = await desk.settling.correct([item])
    return outcome


async def test_what_was_captured_is_refunded(desk: Desk) -> None:
    deposit = await settled(desk)
    await desk.carry_out()
    assert isinstance(await correct(desk, deposit, 4500), Deposit)
    await desk.carry_out()
    after = await desk.deposit(deposit.deposit_id)
    assert (after.charged_minor, after.paid_minor, after.refunded_minor) == (FARE, FARE, 4500)
    assert after.payment_status is PaymentStatus.PAID
    assert desk.processor.refunded_minor == 4500


async def test_what_is_owed_is_credited_and_its_bill_is_closed(desk: Desk) -> None:
    deposit = await settled(desk, score=700, card=False)
    assert deposit.payment_status is PaymentStatus.DUE
    lower = await correct(desk, deposit, 4500)
    assert isinstance(lower, Deposit)
    assert (lower.charged_minor, lower.payment_status) == (FARE - 4500, PaymentStatus.DUE)
    free = await correct(desk, deposit, 1500, correction_id="c-2")
    assert isinstance(free, Deposit)
    assert (free.charged_minor, free.payment_status) == (0, PaymentStatus.NONE)
    await desk.billing.sweep()
    bill, _ = await desk.billing.get(Caller(Role.RENTER, deposit.renter_id), deposit.deposit_id)
    assert bill.state is BillState.PAID


async def test_a_purchase_is_compensation_up_to_the_deposit_and_is_taken_back_in_both_ways(desk: Desk) -> None:
    """The hold pays ¥99 of ¥159; the bill for the rest is declined; then the thing is found, and the fare is less."""
    deposit = await desk.secure(desk.item(await desk.person()))
    assert isinstance(deposit, Deposit)
    await desk.carry_out()
    desk.processor.mood = "decline"
    (bought,) = await desk.settling.settle([SettleItem(deposit.rental_id, cny(FARE), DEPOSIT_MINOR + 5000)])
    assert isinstance(bought, Deposit)
    assert (bought.purchase_minor, bought.charged_minor) == (DEPOSIT_MINOR, FARE + DEPOSIT_MINOR)
    await desk.carry_out()
    owing = await desk.deposit(deposit.deposit_id)
    assert (owing.paid_minor, owing.payment_status) == (DEPOSIT_MINOR, PaymentStatus.FAILED)
    desk.processor.mood = "ok"
    found = await correct(desk, deposit, DEPOSIT_MINOR + 1000, DEPOSIT_MINOR)
    assert isinstance(found, Deposit)
    await desk.carry_out()
    after = await desk.deposit(deposit.deposit_id)
    assert (after.compensated_minor, after.purchase_minor) == (0, 0)
    assert (after.charged_minor, after.payment_status) == (DEPOSIT_MINOR, PaymentStatus.PAID)
    assert after.paid_minor - after.refunded_minor == FARE - 1000
    too_much = await correct(desk, deposit, 10, 10, "c-2")
    assert isinstance(too_much, Refusal)
    assert too_much.reason == "DEPOSIT_NOT_OPEN"


async def test_what_was_claimed_before_leaves_less_for_the_purchase(desk: Desk) -> None:
    deposit = await desk.secure(desk.item(await desk.person()))
    assert isinstance(deposit, Deposit)
    await desk.carry_out()
    partner = Caller(Role.PARTNER, desk.partner_id, desk.partner_id)
    await desk.claiming.capture(partner, new_id("req"), deposit.deposit_id, cny(2000), "a scratch")
    (bought,) = await desk.settling.settle([SettleItem(deposit.rental_id, cny(0), DEPOSIT_MINOR)])
    assert isinstance(bought, Deposit)
    assert (bought.purchase_minor, bought.compensated_minor) == (DEPOSIT_MINOR - 2000, DEPOSIT_MINOR)
    (again,) = await desk.settling.settle([SettleItem(deposit.rental_id, cny(0), DEPOSIT_MINOR)])
    assert isinstance(again, Deposit)
    assert (again.purchase_minor, again.charged_minor) == (DEPOSIT_MINOR - 2000, DEPOSIT_MINOR)
    await desk.carry_out()


async def test_what_is_just_being_paid_waits(desk: Desk) -> None:
    deposit = await settled(desk)
    early = await correct(desk, deposit, 4500)
    assert isinstance(early, Refusal)
    assert early.reason == "PAYMENT_UNDER_WAY"
    await desk.carry_out()
    assert isinstance(await correct(desk, deposit, 4500), Deposit)
    await desk.carry_out()
    assert desk.processor.refunded_minor == 4500


async def test_a_correction_is_made_once(desk: Desk) -> None:
    deposit = await settled(desk)
    await desk.carry_out()
    for _ in range(3):
        assert isinstance(await correct(desk, deposit, 4500), Deposit)
    await desk.carry_out()
    assert desk.processor.refunded_minor == 4500
    reused = await correct(desk, deposit, 4400)
    assert isinstance(reused, Refusal)
    assert reused.reason == "REQUEST_ID_REUSED"


async def test_what_was_given_up_is_credited_out_of_the_bad_debt(desk: Desk) -> None:
    deposit = await settled(desk, score=700, card=False)
    caller = Caller(Role.PARTNER, desk.partner_id, desk.partner_id)
    await desk.billing.propose_write_off(caller, new_id("req"), deposit.deposit_id, "gone")
    operator = Caller(Role.OPERATOR, "opr_1")
    await desk.billing.approve_write_off(operator, new_id("req"), deposit.deposit_id)
    lower = await correct(desk, deposit, 4500)
    assert isinstance(lower, Deposit)
    assert (lower.charged_minor, lower.written_off_minor) == (FARE - 4500, FARE - 4500)
    assert lower.payment_status is PaymentStatus.WRITTEN_OFF


async def test_what_the_partner_refunded_by_hand_is_not_refunded_again(desk: Desk) -> None:
    deposit = await settled(desk)
    await desk.carry_out()
    partner = Caller(Role.PARTNER, desk.partner_id, desk.partner_id)
    await desk.claiming.refund(partner, new_id("req"), deposit.deposit_id, cny(5000), "goodwill")
    await desk.carry_out()
    assert isinstance(await correct(desk, deposit, 4500), Deposit)
    await desk.carry_out()
    assert desk.processor.refunded_minor == FARE


async def test_what_is_not_settled_is_not_corrected(desk: Desk) -> None:
    deposit = await desk.secure(desk.item(await desk.person()))
    assert isinstance(deposit, Deposit)
    await desk.carry_out()
    early = await correct(desk, deposit, 1)
    assert isinstance(early, Refusal)
    assert early.reason == "DEPOSIT_NOT_OPEN"
