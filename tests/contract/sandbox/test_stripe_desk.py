"""Deposits' own use cases over Stripe: a hold, a claim on it, a release; the ledger and Stripe's books say the same."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from deposits_desk import DEPOSIT_MINOR, Desk
from stand_ins import StandIn
from stripe_bench import Stripe, bench_of

from services.deposits.domain import Deposit, DepositState, PaymentStatus
from services.deposits.operations.settling import SettleItem
from services.deposits.processors.stripe import gateway
from services.deposits.processors.stripe.settings import Features
from services.runtime.database import Database
from services.values.callers import Caller, Role
from services.values.ids import new_id
from services.values.money import Money


@pytest.fixture
def dsn(fresh_database: Callable[..., str]) -> str:
    return fresh_database("stripe", "deposits")


@pytest.fixture
async def desk(dsn: str, stripe: StandIn, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """A desk whose other processor is Stripe, with an account that captures in parts."""
    monkeypatch.setattr(gateway, "ANSWER_SECONDS", 0.5)
    db = await Database.connect(dsn, pool_size=4)
    async with bench_of(stripe, Features(multicapture=True)) as bench:
        desk = Desk(db, bench.processor)  # type: ignore[arg-type]  # the desk's own are scripted
        await desk.open()
        yield desk
        assert await desk.findings() == ()
    await db.close()


async def secured(desk: Desk, method: str = "pm_card_visa") -> Deposit:
    renter_id = await desk.person(500, card=False)
    await desk.add_card(renter_id, method, "other")
    outcome = await desk.secure(desk.item(renter_id))
    assert isinstance(outcome, Deposit)
    await desk.carry_out()
    return await desk.deposit(outcome.deposit_id)


async def books(stripe: StandIn, deposit: Deposit) -> tuple[int, int, int]:
    """Authorized, captured and open in Stripe's books, over the deposit's payments."""
    _, found = await stripe.get("/v1/payment_intents", limit="100")
    ours = [one for one in found["data"] if one["metadata"]["deposit_id"] == deposit.deposit_id]
    keys = ("amount", "amount_received", "amount_capturable")
    authorized, captured, still_open = (sum(one[key] for one in ours) for key in keys)
    return authorized, captured, still_open


async def claim(desk: Desk, deposit: Deposit, amount: int) -> None:
    caller = Caller(Role.PARTNER, desk.partner_id, desk.partner_id)
    await desk.claiming.capture(caller, new_id("req"), deposit.deposit_id, Money("CNY", amount), "scratched")


async def test_a_hold_is_captured_in_part_and_the_rest_released(desk: Desk, stripe: StandIn) -> None:
    deposit = await secured(desk)
    assert (deposit.state, await books(stripe, deposit)) == (DepositState.HELD, (DEPOSIT_MINOR, 0, DEPOSIT_MINOR))
    await claim(desk, deposit, 3000)
    await desk.carry_out()
    deposit = await desk.deposit(deposit.deposit_id)
    assert (deposit.captured_minor, deposit.open_minor) == (3000, DEPOSIT_MINOR - 3000)
    assert await books(stripe, deposit) == (DEPOSIT_MINOR, 3000, DEPOSIT_MINOR - 3000)
    await desk.settling.settle([SettleItem(deposit.rental_id, Money("CNY", 0))])
    await desk.carry_out()
    deposit = await desk.deposit(deposit.deposit_id)
    assert (deposit.state, deposit.payment_status) == (DepositState.CLOSED, PaymentStatus.PAID)
    assert (deposit.captured_minor, deposit.released_minor, deposit.open_minor) == (3000, DEPOSIT_MINOR - 3000, 0)
    assert await books(stripe, deposit) == (DEPOSIT_MINOR, 3000, 0)


@pytest.mark.parametrize("fault", ["request_lost", "answer_lost", "rate_limited"])
async def test_whatever_gets_lost_happens_once(desk: Desk, stripe: StandIn, fault: str) -> None:
    faults = Stripe(stripe)
    renter_id = await desk.person(500, card=False)
    await desk.add_card(renter_id, "pm_card_visa", "other")
    outcome = await desk.secure(desk.item(renter_id))
    assert isinstance(outcome, Deposit)
    await faults.fault(fault)
    await desk.carry_out()
    await desk.sweep()
    deposit = await desk.deposit(outcome.deposit_id)
    assert deposit.state is DepositState.HELD
    await desk.settling.settle([SettleItem(deposit.rental_id, Money("CNY", 1200))])
    await faults.fault(fault)
    await desk.carry_out()
    await desk.sweep()
    deposit = await desk.deposit(deposit.deposit_id)
    assert (deposit.state, deposit.captured_minor, deposit.paid_minor) == (DepositState.CLOSED, 1200, 1200)
    assert await books(stripe, deposit) == (DEPOSIT_MINOR, 1200, 0)


async def test_a_renter_confirms_at_their_bank_and_the_deposit_is_held(desk: Desk, stripe: StandIn) -> None:
    deposit = await secured(desk, "pm_card_authenticationRequired")
    assert deposit.state is DepositState.PENDING
    assert "_secret_" in deposit.renter_action
    await Stripe(stripe).authenticate(deposit.renter_action)
    await desk.sweep()
    deposit = await desk.deposit(deposit.deposit_id)
    assert (deposit.state, deposit.renter_action) == (DepositState.HELD, "")
    assert await books(stripe, deposit) == (DEPOSIT_MINOR, 0, DEPOSIT_MINOR)
