"""What renters owe: attempts on a schedule, instalments, disputes, write-off and cure, with real books."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
from deposits_desk import Desk

from services.deposits.domain import Bill, BillState, Deposit, PaymentStatus
from services.deposits.operations.settling import SettleItem
from services.runtime.database import Database
from services.values.callers import Caller, Role, StaffRole
from services.values.errors import Refusal
from services.values.ids import new_id
from services.values.money import Money


@pytest.fixture
def dsn(fresh_database: Callable[..., str]) -> str:
    return fresh_database("bills", "deposits")


@pytest.fixture
async def desk(dsn: str) -> AsyncIterator[Desk]:
    db = await Database.connect(dsn, pool_size=4)
    desk = Desk(db)
    await desk.open()
    yield desk
    assert await desk.findings() == ()
    await db.close()


async def owing(desk: Desk, fare: int = 1000, card: bool = True) -> Deposit:
    """A waived renter whose card declines the bill."""
    outcome = await desk.secure(desk.item(await desk.person(700, card)))
    assert isinstance(outcome, Deposit)
    desk.processor.mood = "decline"
    await desk.settling.settle([SettleItem(outcome.rental_id, Money("CNY", fare))])
    await desk.carry_out()
    await desk.billing.sweep()
    return outcome


def manager(desk: Desk, name: str = "ann") -> Caller:
    return Caller(Role.STAFF, f"stf_{name}", desk.partner_id, staff_role=StaffRole.MANAGER)


def renter(deposit: Deposit) -> Caller:
    return Caller(Role.RENTER, deposit.renter_id)


async def bill_of(desk: Desk, deposit: Deposit) -> tuple[Bill, Deposit]:
    return await desk.billing.get(manager(desk), deposit.deposit_id)


async def days_pass(desk: Desk, days: float) -> None:
    desk.clock.turn(days=days)
    await desk.billing.sweep()
    await desk.carry_out()


async def refused(call) -> str:  # type: ignore[no-untyped-def]
    with pytest.raises(Refusal) as refusal:
        await call
    return refusal.value.reason


async def test_attempts_follow_the_schedule_that_is_shown_and_then_stop(desk: Desk) -> None:
    deposit = await owing(desk)
    bill, _ = await bill_of(desk, deposit)
    assert [one.due_at - bill.opened_at for one in bill.schedule] == [timedelta(days=n) for n in (1, 3, 7, 14, 28)]
    tried = []
    for _ in range(30):
        await days_pass(desk, 1)
        tried.append(desk.processor.acts.total())
    assert [day + 1 for day in range(30) if tried[day] != (tried[day - 1] if day else 1)] == [1, 3, 7, 14, 28]
    bill, after = await bill_of(desk, deposit)
    assert (bill.state, bill.attempts, after.payment_status) == (BillState.STOPPED, 5, PaymentStatus.FAILED)


async def test_paying_a_part_and_then_the_rest_closes_the_bill(desk: Desk) -> None:
    deposit = await owing(desk)
    desk.processor.mood = "ok"
    who = renter(deposit)
    await desk.billing.pay(who, "p-1", deposit.deposit_id, Money("CNY", 400), "")
    await desk.billing.pay(who, "p-1", deposit.deposit_id, Money("CNY", 400), "")
    await desk.carry_out()
    _, after = await bill_of(desk, deposit)
    assert (after.paid_minor, after.payment_status) == (400, PaymentStatus.FAILED)
    assert await refused(desk.billing.pay(who, "p-2", deposit.deposit_id, Money("CNY", 601), "")) == "INVALID_FIELD"
    assert await refused(desk.billing.pay(who, "p-3", deposit.deposit_id, Money("EUR", 1), "")) == "CURRENCY_MISMATCH"
    await desk.billing.pay(who, "p-4", deposit.deposit_id, None, "")
    await desk.carry_out()
    await desk.billing.sweep()
    bill, after = await bill_of(desk, deposit)
    assert (bill.state, after.paid_minor, desk.processor.charged_minor) == (BillState.PAID, 1000, 1000)
    assert await refused(desk.billing.pay(who, "p-5", deposit.deposit_id, None, "")) == "BILL_NOT_OPEN"


async def test_somebody_without_a_card_is_asked_for_one(desk: Desk) -> None:
    deposit = await owing(desk, card=False)
    call = desk.billing.pay(renter(deposit), "p-1", deposit.deposit_id, None, "")
    assert await refused(call) == "PAYMENT_METHOD_REQUIRED"
    await days_pass(desk, 1)
    assert desk.processor.acts.total() == 0
    desk.processor.mood = "ok"
    await desk.add_card(deposit.renter_id)
    await desk.carry_out()
    assert (await bill_of(desk, deposit))[1].payment_status is PaymentStatus.PAID


async def test_instalments_are_equal_parts_and_the_last_takes_what_is_left_over(desk: Desk) -> None:
    deposit = await owing(desk)
    bill, _ = await desk.billing.agree_instalments(manager(desk), "a-1", deposit.deposit_id, 3, 10)
    assert [one.amount_minor for one in bill.schedule] == [333, 333, 334]
    desk.processor.mood = "ok"
    paid = []
    for _ in range(3):
        await days_pass(desk, 10)
        paid.append((await bill_of(desk, deposit))[1].paid_minor)
    await desk.billing.sweep()
    assert paid == [333, 666, 1000]
    assert (await bill_of(desk, deposit))[0].state is BillState.PAID


async def test_two_missed_instalments_end_the_agreement_and_one_is_made_up_for_at_the_end(desk: Desk) -> None:
    deposit = await owing(desk)
    await desk.billing.agree_instalments(manager(desk), "a-1", deposit.deposit_id, 4, 10)
    await days_pass(desk, 10)
    desk.processor.mood = "ok"
    for _ in range(3):
        await days_pass(desk, 10)
    assert (await bill_of(desk, deposit))[1].paid_minor == 1000, "the last part takes what was missed"
    second = await owing(desk)
    await desk.billing.agree_instalments(manager(desk), "a-2", second.deposit_id, 4, 10)
    for _ in range(3):
        await days_pass(desk, 10)
    bill, _ = await bill_of(desk, second)
    assert (bill.state, len(bill.schedule)) == (BillState.OPEN, 5)


async def test_nothing_is_collected_while_it_is_disputed(desk: Desk) -> None:
    deposit = await owing(desk)
    await desk.billing.dispute(renter(deposit), "d-1", deposit.deposit_id, "WRONG_AMOUNT")
    desk.processor.mood = "ok"
    for _ in range(30):
        await days_pass(desk, 1)
    await desk.add_card(deposit.renter_id, "another")
    await desk.carry_out()
    assert desk.processor.charged_minor == 0
    pay = desk.billing.pay(renter(deposit), "p-1", deposit.deposit_id, None, "")
    assert await refused(pay) == "BILL_DISPUTED"
    too_much = desk.billing.resolve(manager(desk), "r-1", deposit.deposit_id, Money("CNY", 1001), "rated anew")
    assert await refused(too_much) == "CREDIT_TOO_LARGE"
    await desk.billing.resolve(manager(desk), "r-2", deposit.deposit_id, Money("CNY", 300), "rated anew")
    await days_pass(desk, 1)
    _, after = await bill_of(desk, deposit)
    assert (after.charged_minor, after.paid_minor, desk.processor.charged_minor) == (700, 700, 700)


async def test_a_claim_on_a_disputed_bill_waits_for_the_answer(desk: Desk) -> None:
    deposit = await owing(desk)
    await desk.billing.dispute(renter(deposit), "d-1", deposit.deposit_id, "WRONG_AMOUNT")
    desk.processor.mood = "ok"
    partner = Caller(Role.PARTNER, desk.partner_id, desk.partner_id)
    await desk.claiming.capture(partner, "c-1", deposit.deposit_id, Money("CNY", 500), "scratched")
    await desk.carry_out()
    assert desk.processor.charged_minor == 0
    await desk.billing.resolve(manager(desk), "r-1", deposit.deposit_id, Money("CNY", 0), "it is right")
    await days_pass(desk, 1)
    assert desk.processor.charged_minor == 1500


async def test_a_dispute_that_is_upheld_wholly_leaves_nothing_owed(desk: Desk) -> None:
    deposit = await owing(desk)
    await desk.billing.dispute(renter(deposit), "d-1", deposit.deposit_id, "NOT_MINE")
    await desk.billing.resolve(manager(desk), "r-1", deposit.deposit_id, Money("CNY", 1000), "not theirs")
    await desk.billing.sweep()
    bill, after = await bill_of(desk, deposit)
    assert (bill.state, after.payment_status, after.charged_minor) == (BillState.PAID, PaymentStatus.NONE, 0)


async def test_two_people_give_a_bill_up_and_paying_it_cures_the_record(desk: Desk) -> None:
    deposit = await owing(desk)
    await desk.billing.propose_write_off(manager(desk), "w-1", deposit.deposit_id, "moved away")
    for _ in range(5):
        await days_pass(desk, 7)
    assert desk.processor.acts.total() == 1, "attempts end with the proposal"
    own = desk.billing.approve_write_off(manager(desk), "w-2", deposit.deposit_id)
    assert await refused(own) == "APPROVAL_BY_ANOTHER"
    bill, after = await desk.billing.approve_write_off(manager(desk, "bob"), "w-3", deposit.deposit_id)
    assert (bill.state, after.payment_status, after.written_off_minor) == (
        BillState.WRITTEN_OFF,
        PaymentStatus.WRITTEN_OFF,
        1000,
    )
    desk.processor.mood = "ok"
    await desk.billing.pay(renter(deposit), "p-1", deposit.deposit_id, Money("CNY", 600), "")
    await desk.carry_out()
    _, after = await bill_of(desk, deposit)
    assert (after.payment_status, after.written_off_minor) == (PaymentStatus.WRITTEN_OFF, 400)
    await desk.billing.pay(renter(deposit), "p-2", deposit.deposit_id, None, "")
    await desk.carry_out()
    _, after = await bill_of(desk, deposit)
    assert (after.payment_status, after.written_off_minor, after.paid_minor) == (PaymentStatus.PAID, 0, 1000)
    told = await desk.db.fetch("SELECT payload FROM outbox WHERE kind = 'DEPOSIT_CHANGED' ORDER BY event_id")
    statuses = [event["payload"]["payment_status"] for event in told]
    assert [s for s in dict.fromkeys(statuses) if s in ("FAILED", "WRITTEN_OFF", "PAID")] == [
        "FAILED",
        "WRITTEN_OFF",
        "PAID",
    ]


async def test_a_stopped_bill_is_left_alone_until_it_is_resumed(desk: Desk) -> None:
    deposit = await owing(desk)
    await desk.billing.stop(manager(desk), "s-1", deposit.deposit_id)
    await days_pass(desk, 40)
    assert desk.processor.acts.total() == 1
    await desk.billing.resume(manager(desk), "s-2", deposit.deposit_id)
    desk.processor.mood = "ok"
    await days_pass(desk, 1)
    assert desk.processor.charged_minor == 1000


async def test_bills_of_others_are_not_found_and_lists_show_ones_own(desk: Desk) -> None:
    deposit = await owing(desk)
    other = await owing(desk)
    strangers = (Caller(Role.PARTNER, "ptn_x", "ptn_x"), Caller(Role.RENTER, other.renter_id))
    for stranger in strangers:
        assert await refused(desk.billing.get(stranger, deposit.deposit_id)) == "BILL_NOT_FOUND"
    assert await refused(desk.billing.stop(strangers[0], new_id("r"), deposit.deposit_id)) == "BILL_NOT_FOUND"
    mine, more = await desk.billing.list(renter(deposit), None, 0, "")
    assert ([bill.deposit_id for bill, _ in mine], more) == ([deposit.deposit_id], "")
    first, token = await desk.billing.list(manager(desk), BillState.OPEN, 1, "")
    second, end = await desk.billing.list(manager(desk), BillState.OPEN, 1, token)
    listed = [bill.deposit_id for bill, _ in [*first, *second]]
    assert (listed, end) == (sorted([deposit.deposit_id, other.deposit_id], reverse=True), "")
