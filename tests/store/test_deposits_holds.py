"""Holds of a deposit: captured in parts, raised, renewed, moved to another processor, lapsed, paid back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from deposits_desk import DEPOSIT_MINOR, Desk, ScriptedProcessor

from services.deposits.domain import Deposit, DepositState, Notice, OperationState, PaymentStatus
from services.deposits.operations.settling import SettleItem
from services.runtime.database import Database
from services.values.callers import Caller, Role
from services.values.errors import Refusal
from services.values.ids import new_id
from services.values.money import Money


@pytest.fixture
def dsn(fresh_database: Callable[..., str]) -> str:
    return fresh_database("holds", "deposits")


@pytest.fixture
async def desk(dsn: str) -> AsyncIterator[Desk]:
    """A desk with a second processor that captures once, and up to 15 % more than is held."""
    db = await Database.connect(dsn, pool_size=4)
    desk = Desk(db, ScriptedProcessor("other", partial_captures=False, over_capture_percent=15))
    await desk.open()
    yield desk
    assert await desk.findings() == ()
    await db.close()


def partner(desk: Desk) -> Caller:
    return Caller(Role.PARTNER, desk.partner_id, desk.partner_id)


async def held(desk: Desk, renter_id: str = "") -> Deposit:
    renter_id = renter_id or await desk.person(500)
    outcome = await desk.secure(desk.item(renter_id))
    assert isinstance(outcome, Deposit)
    await desk.carry_out()
    return await desk.deposit(outcome.deposit_id)


async def claim(desk: Desk, what: str, deposit: Deposit, amount: int, request_id: str = "") -> Deposit:
    call = getattr(desk.claiming, what)
    claimed: Deposit = await call(
        partner(desk), request_id or new_id("req"), deposit.deposit_id, Money("CNY", amount), "scratched"
    )
    await desk.carry_out()
    return await desk.deposit(claimed.deposit_id)


async def settle(desk: Desk, deposit: Deposit, fare: int) -> Deposit:
    await desk.settling.settle([SettleItem(deposit.rental_id, Money("CNY", fare))])
    await desk.carry_out()
    return await desk.deposit(deposit.deposit_id)


def parts(deposit: Deposit) -> tuple[int, int, int, int, int]:
    return (
        deposit.authorized_minor,
        deposit.captured_minor,
        deposit.released_minor,
        deposit.expired_minor,
        deposit.open_minor,
    )


async def test_what_is_captured_in_parts_leaves_the_rest_held_until_the_end(desk: Desk) -> None:
    deposit = await claim(desk, "capture", await held(desk), 1000)
    assert (deposit.state, parts(deposit)) == (DepositState.HELD, (9900, 1000, 0, 0, 8900))
    deposit = await claim(desk, "capture", deposit, 500)
    deposit = await settle(desk, deposit, 300)
    assert (deposit.state, parts(deposit)) == (DepositState.CLOSED, (9900, 1800, 8100, 0, 0))
    assert (deposit.payment_status, deposit.paid_minor, deposit.compensated_minor) == (PaymentStatus.PAID, 1800, 1500)


async def test_several_captures_under_way_never_ask_for_more_than_is_held(desk: Desk) -> None:
    deposit = await held(desk)
    desk.processor.mood = "down"
    for amount in (4000, 5000):
        await claim(desk, "capture", deposit, amount)
    await settle(desk, deposit, 2000)
    desk.processor.mood = "ok"
    await desk.sweep()
    deposit = await desk.deposit(deposit.deposit_id)
    assert (deposit.state, deposit.captured_minor, deposit.open_minor) == (DepositState.CLOSED, DEPOSIT_MINOR, 0)
    assert (deposit.paid_minor, desk.processor.captured_minor, desk.processor.charged_minor) == (11000, 9900, 1100)


async def test_compensation_never_exceeds_the_deposit_and_a_fare_is_no_compensation(desk: Desk) -> None:
    deposit = await claim(desk, "capture", await held(desk), 9000)
    with pytest.raises(Refusal) as refused:
        await claim(desk, "capture", deposit, 901)
    assert refused.value.reason == "COMPENSATION_LIMIT_EXCEEDED"
    assert refused.value.metadata["compensated_minor"] == "9000"
    deposit = await settle(desk, deposit, 5000)
    assert (deposit.charged_minor, deposit.paid_minor, desk.processor.charged_minor) == (14000, 14000, 4100)


async def test_a_waived_renter_is_billed_for_compensation_after_the_rental(desk: Desk) -> None:
    outcome = await desk.secure(desk.item(await desk.person(700)))
    assert isinstance(outcome, Deposit)
    deposit = await claim(desk, "capture", outcome, 2000)
    assert (deposit.state, deposit.payment_status) == (DepositState.WAIVED, PaymentStatus.DUE)
    deposit = await settle(desk, deposit, 100)
    assert (deposit.state, deposit.paid_minor) == (DepositState.CLOSED, 2100)
    deposit = await claim(desk, "capture", deposit, 300)
    assert (deposit.paid_minor, deposit.payment_status) == (2400, PaymentStatus.PAID)


async def test_a_processor_without_partial_captures_is_asked_once_at_the_end(desk: Desk) -> None:
    renter = await desk.person(500, card=False)
    await desk.add_card(renter, "visa", "other")
    deposit = await claim(desk, "capture", await held(desk, renter), 1000)
    assert (deposit.captured_minor, deposit.open_minor, deposit.charged_minor) == (0, 9900, 1000)
    deposit = await settle(desk, deposit, 500)
    assert (parts(deposit), deposit.paid_minor) == ((9900, 1500, 8400, 0, 0), 1500)


async def test_more_than_is_held_is_captured_only_where_the_processor_allows(desk: Desk) -> None:
    renter = await desk.person(500, card=False)
    await desk.add_card(renter, "visa", "other")
    deposit = await held(desk, renter)
    await desk.db.execute(
        "UPDATE deposits SET compensation_limit_minor = 10400 WHERE deposit_id = $1", deposit.deposit_id
    )
    deposit = await settle(desk, deposit, 11_000)
    assert parts(deposit) == (10_400, 10_400, 0, 0, 0), "15 % would be 11,385; the limit is 10,400"
    assert (deposit.paid_minor, desk.other.charged_minor) == (11_000, 600)


async def test_a_hold_is_raised_as_far_as_the_limit(desk: Desk) -> None:
    deposit = await held(desk)
    with pytest.raises(Refusal) as refused:
        await claim(desk, "raise_hold", deposit, 1)
    assert refused.value.reason == "COMPENSATION_LIMIT_EXCEEDED"
    await desk.db.execute(
        "UPDATE deposits SET compensation_limit_minor = 12000 WHERE deposit_id = $1", deposit.deposit_id
    )
    deposit = await claim(desk, "raise_hold", deposit, 2000)
    assert parts(deposit) == (11_900, 0, 0, 0, 11_900)
    deposit = await settle(desk, deposit, 11_500)
    assert (parts(deposit), desk.processor.charged_minor) == ((11_900, 11_500, 400, 0, 0), 0)


async def test_what_was_paid_is_paid_back_once_and_no_more(desk: Desk) -> None:
    deposit = await settle(desk, await claim(desk, "capture", await held(desk), 3000), 500)
    deposit = await claim(desk, "refund", deposit, 3200)
    assert (deposit.refunded_minor, desk.processor.refunded_minor) == (3200, 3200)
    with pytest.raises(Refusal) as refused:
        await claim(desk, "refund", deposit, 301)
    assert (refused.value.reason, refused.value.metadata["refundable_minor"]) == ("REFUND_TOO_LARGE", "300")
    repeated = await claim(desk, "refund", deposit, 300, "the-same")
    assert repeated.refunded_minor == (await claim(desk, "refund", deposit, 300, "the-same")).refunded_minor == 3500
    with pytest.raises(Refusal) as reused:
        await claim(desk, "refund", deposit, 299, "the-same")
    assert reused.value.reason == "REQUEST_ID_REUSED"


async def test_the_rest_goes_back_although_a_refund_is_under_way(desk: Desk) -> None:
    deposit = await claim(desk, "capture", await held(desk), 1000)
    await desk.claiming.refund(partner(desk), "r-1", deposit.deposit_id, Money("CNY", 300), "too much")
    desk.crash()
    deposit = await settle(desk, deposit, 0)
    assert (deposit.state, deposit.open_minor, desk.processor.open_minor) == (DepositState.CLOSED, 0, 0)
    await desk.sweep()
    assert desk.processor.refunded_minor == 300


async def test_nobody_claims_on_the_deposit_of_another_partner(desk: Desk) -> None:
    deposit = await held(desk)
    stranger = Caller(Role.PARTNER, "ptn_other", "ptn_other")
    with pytest.raises(Refusal) as refused:
        await desk.claiming.capture(stranger, "r-1", deposit.deposit_id, Money("CNY", 1), "mine")
    assert refused.value.reason == "DEPOSIT_NOT_FOUND"


async def test_a_hold_that_ends_soon_is_announced_and_made_anew(desk: Desk) -> None:
    deposit = await held(desk)
    desk.clock.turn(days=6.5)
    assert await desk.lapsing.sweep() == 1
    assert await desk.lapsing.sweep() == 0, "announced once"
    await desk.carry_out()
    deposit = await desk.deposit(deposit.deposit_id)
    assert (deposit.state, parts(deposit)) == (DepositState.HELD, (19_800, 0, 9900, 0, 9900))
    assert desk.processor.open_minor == 9900
    events = await desk.db.fetch("SELECT payload FROM outbox WHERE kind = 'DEPOSIT_CHANGED' ORDER BY event_id")
    assert [event["payload"]["hold_event"] for event in events] == ["EXPIRING", "RENEWED"]
    deposit = await settle(desk, deposit, 9900)
    assert (deposit.paid_minor, desk.processor.captured_minor) == (9900, 9900)


@pytest.mark.parametrize("what", ["capture", "raise_hold"])
async def test_an_old_hold_goes_back_after_what_was_under_way_on_it(desk: Desk, what: str) -> None:
    deposit = await claim(desk, "capture", await held(desk), 1000)
    desk.clock.turn(days=6.5)
    await desk.lapsing.sweep()
    await desk.carry_out()
    await desk.db.execute("UPDATE deposits SET compensation_limit_minor = $1", 2 * DEPOSIT_MINOR)
    call = getattr(desk.claiming, what)
    await call(partner(desk), "r-1", deposit.deposit_id, Money("CNY", 500), "scratched")
    (unheard,) = desk.launched
    desk.crash()
    await desk.processor.perform(unheard.operation)
    desk.clock.turn(days=6.5)
    await desk.lapsing.sweep()
    await desk.carry_out()
    await desk.sweep()
    deposit = await settle(desk, await desk.deposit(deposit.deposit_id), 0)
    theirs = desk.processor.authorizations.values()
    assert parts(deposit) == tuple(
        sum(getattr(one, f"{part}_minor") for one in theirs)
        for part in ("authorized", "captured", "released", "expired", "open")
    )
    assert deposit.state is DepositState.CLOSED


async def test_two_holds_of_a_deposit_that_come_to_their_ends_are_looked_at_one_by_one(desk: Desk) -> None:
    deposit = await held(desk)
    await desk.claiming.capture(partner(desk), "r-1", deposit.deposit_id, Money("CNY", 500), "scratched")
    desk.crash()
    for _ in range(2):
        await desk.carry_out()
        desk.clock.turn(days=6.5)
        await desk.lapsing.sweep()
    deposit = await desk.deposit(deposit.deposit_id)
    assert deposit.authorized_minor == sum(one.authorized_minor for one in desk.processor.authorizations.values())


async def test_a_hold_that_lapsed_is_noticed_and_the_fare_is_billed(desk: Desk) -> None:
    deposit = await held(desk)
    desk.processor.lapse()
    desk.processor.mood = "decline"
    desk.clock.turn(days=7.1)
    await desk.lapsing.sweep()
    await desk.carry_out()
    await desk.lapsing.sweep()
    deposit = await desk.deposit(deposit.deposit_id)
    assert (deposit.state, parts(deposit)) == (DepositState.HELD, (9900, 0, 0, 9900, 0))
    events = await desk.db.fetch("SELECT payload FROM outbox WHERE kind = 'DEPOSIT_CHANGED' ORDER BY event_id")
    assert [event["payload"]["hold_event"] for event in events] == ["EXPIRING", "EXPIRED"]
    desk.processor.mood = "ok"
    deposit = await settle(desk, deposit, 700)
    assert (deposit.state, deposit.paid_minor, desk.processor.charged_minor) == (DepositState.CLOSED, 700, 700)


async def test_a_silent_processor_gives_way_to_the_next_and_its_late_yes_is_undone(desk: Desk) -> None:
    renter = await desk.person(500)
    await desk.add_card(renter, "second", "other")
    outcome = await desk.secure(desk.item(renter))
    assert isinstance(outcome, Deposit)
    (first,) = desk.launched
    desk.processor.mood = "down"
    await desk.carry_out()
    for _ in range(4):
        await desk.sweep()
    deposit = await desk.deposit(outcome.deposit_id)
    assert (deposit.state, deposit.processor, desk.other.open_minor) == (DepositState.HELD, "other", 9900)
    desk.processor.mood = "ok"
    await desk.processor.perform(first.operation)
    for _ in range(3):
        await desk.sweep()
    deposit = await desk.deposit(outcome.deposit_id)
    assert parts(deposit) == (19_800, 0, 9900, 0, 9900)
    assert (desk.processor.open_minor, desk.other.open_minor) == (0, 9900)
    deposit = await settle(desk, deposit, 100)
    assert (desk.other.captured_minor, deposit.open_minor) == (100, 0)


async def test_a_processor_whose_breaker_is_open_is_not_asked_and_the_next_one_is(desk: Desk) -> None:
    renter = await desk.person(500)
    await desk.add_card(renter, "second", "other")
    desk.breakers["sandbox"].open = True
    deposit = await held(desk, renter)
    assert (deposit.state, deposit.processor) == (DepositState.HELD, "other")
    assert (desk.processor.acts.total(), desk.processor.open_minor) == (0, 0)


async def test_a_hold_that_waits_for_the_renter_shows_what_to_confirm(desk: Desk) -> None:
    renter = await desk.person(500)
    desk.processor.mood = "slow"
    outcome = await desk.secure(desk.item(renter))
    assert isinstance(outcome, Deposit)
    await desk.carry_out()
    waiting = await desk.deposit(outcome.deposit_id)
    assert (waiting.state, waiting.renter_action) == (DepositState.PENDING, "confirm")
    desk.processor.confirm()
    assert await desk.processing.lease_due() == [], "it is asked about again in two seconds"
    key = await desk.db.fetchval("SELECT operation_id FROM processor_operations WHERE state = 'WANTED'")
    await desk.store.hasten("sandbox", Notice("n-1", operation_id=key), desk.real.now(), desk.clock.now())
    await desk.store.hasten("sandbox", Notice("n-1", operation_id=key), desk.real.now(), desk.clock.now())
    due = await desk.processing.lease_due()
    assert [leased.operation.operation_id for leased in due] == [key], "a notice, however often, hastens it"
    desk.real.turn(seconds=60)
    await desk.sweep()
    assert (await desk.deposit(outcome.deposit_id)).state is DepositState.HELD
    assert set(desk.processor.acts.values()) == {1}


async def test_a_notice_about_a_payment_has_its_hold_looked_at(desk: Desk) -> None:
    deposit = await held(desk)
    desk.processor.lapse()
    reference = deposit.holds[0].reference
    await desk.store.hasten("sandbox", Notice("n-2", reference=reference), desk.real.now(), desk.clock.now())
    await desk.lapsing.sweep()
    assert parts(await desk.deposit(deposit.deposit_id)) == (9900, 0, 0, 9900, 0)
    await desk.lapsing.sweep()
    assert await desk.db.fetchval("SELECT count(*) FROM holds WHERE look_at IS NOT NULL") == 0


async def test_an_order_names_processors_that_are_set_up(desk: Desk) -> None:
    author = partner(desk)
    assert await desk.methods.order(author.id, "r-1", desk.partner_id, ["other", "sandbox"]) == ("other", "sandbox")
    with pytest.raises(Refusal) as refused:
        await desk.methods.order(author.id, "r-2", desk.partner_id, ["paypal"])
    assert refused.value.reason == "PROCESSOR_NOT_FOUND"


async def test_money_that_is_to_go_back_is_in_the_queue_until_it_has(desk: Desk) -> None:
    deposit = await held(desk)
    desk.processor.mood = "down"
    await settle(desk, deposit, 100)
    queue = await desk.lapsing.refund_queue()
    assert (queue.waiting, queue.oldest) == (1, desk.real.now())
    desk.processor.mood = "ok"
    await desk.sweep()
    assert (await desk.lapsing.refund_queue()).waiting == 0
    states = await desk.db.fetch("SELECT DISTINCT state FROM processor_operations")
    assert {row["state"] for row in states} == {OperationState.DONE.value}


async def test_what_waits_for_a_renter_is_looked_at_less_often_the_longer_it_takes(desk: Desk) -> None:
    desk.processor.mood = "slow"
    await held(desk)
    pauses = []
    for passed in (0, 100, 10_000):
        desk.real.turn(seconds=passed)
        for leased in await desk.processing.lease_due():
            await desk._carry(leased)
        until = await desk.db.fetchval("SELECT lease_until FROM processor_operations")
        pauses.append((until - desk.real.now()).total_seconds())
    assert pauses == [2, 10, 60]
