"""What meets in one deposit: an answer that comes late while something else ends the hold, a claim beside a bill."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest
from deposits_desk import DEPOSIT_MINOR, Authorization, Desk, ScriptedProcessor

from services.deposits.domain import Deposit, DepositState, OperationKind, PaymentStatus
from services.deposits.domain.policies import Tier
from services.deposits.domain.reconciling import DifferenceKind, Repair
from services.deposits.operations.settling import CancelItem, SettleItem
from services.runtime.database import Database
from services.runtime.personal_data import erase
from services.runtime.queries import load_queries
from services.values.callers import Caller, Role
from services.values.errors import Refusal
from services.values.ids import new_id
from services.values.money import Money

PARTS = "authorized_minor, captured_minor, released_minor, expired_minor, open_minor"


@pytest.fixture
def dsn(fresh_database: Callable[..., str]) -> str:
    return fresh_database("collisions", "deposits")


@pytest.fixture
async def desk(dsn: str) -> AsyncIterator[Desk]:
    """A desk with a second processor that captures once and charges nobody; in the end every hold is what its
    processor says."""
    db = await Database.connect(dsn, pool_size=4)
    desk = Desk(db, ScriptedProcessor("other", partial_captures=False, charges=False))
    await desk.draw(threshold=650, tiers=(Tier(600, percent=50),))
    yield desk
    assert await desk.findings() == ()
    theirs = desk.processor.authorizations | desk.other.authorizations
    for reference, *parts in await db.fetch(f"SELECT reference, {PARTS} FROM holds"):
        assert Authorization(*parts) == theirs[reference]
    await db.close()


async def held(desk: Desk, processor: str = "sandbox") -> Deposit:
    """Half the deposit is held, so that there is room to raise it."""
    renter_id = await desk.person(620, card=False)
    await desk.add_card(renter_id, "visa", processor)
    outcome = await desk.secure(desk.item(renter_id))
    assert isinstance(outcome, Deposit)
    await desk.carry_out()
    return await desk.deposit(outcome.deposit_id)


async def owing(desk: Desk) -> Deposit:
    """A waived renter owes a fare and has no card; the bill is open."""
    outcome = await desk.secure(desk.item(await desk.person(700, card=False)))
    assert isinstance(outcome, Deposit)
    return await settle(desk, outcome, 1000)


def partner(desk: Desk) -> Caller:
    return Caller(Role.PARTNER, desk.partner_id, desk.partner_id)


async def claim(desk: Desk, what: str, deposit: Deposit, amount: int) -> Deposit:
    call = getattr(desk.claiming, what)
    await call(partner(desk), new_id("req"), deposit.deposit_id, Money("CNY", amount), "scratched")
    await desk.carry_out()
    return await desk.deposit(deposit.deposit_id)


async def settle(desk: Desk, deposit: Deposit, fare: int) -> Deposit:
    await desk.settling.settle([SettleItem(deposit.rental_id, Money("CNY", fare))])
    await desk.carry_out()
    return await desk.deposit(deposit.deposit_id)


async def swept(desk: Desk, deposit: Deposit) -> Deposit:
    """Everybody answers again."""
    desk.processor.silent = desk.other.silent = None
    while await desk.sweep():
        pass
    return await desk.deposit(deposit.deposit_id)


async def test_a_hold_that_is_being_raised_goes_back_once_it_is_known_how_large_it_is(desk: Desk) -> None:
    deposit = await held(desk)
    desk.processor.silent = OperationKind.INCREMENT
    await claim(desk, "raise_hold", deposit, 1000)
    await desk.settling.cancel([CancelItem(deposit.rental_id, deposit.renter_id, deposit.partner_id)])
    await desk.carry_out()
    deposit = await swept(desk, deposit)
    assert (deposit.state, deposit.released_minor, deposit.open_minor) == (DepositState.CANCELLED, 5950, 0)


async def test_a_processor_that_captures_once_is_asked_when_the_hold_is_not_being_raised(desk: Desk) -> None:
    deposit = await held(desk, "other")
    desk.other.silent = OperationKind.INCREMENT
    await claim(desk, "raise_hold", deposit, 1000)
    await settle(desk, deposit, 300)
    deposit = await swept(desk, deposit)
    assert (deposit.state, deposit.captured_minor, deposit.open_minor) == (DepositState.CLOSED, 300, 0)
    assert desk.other.charged_minor == 0


async def test_a_renewed_hold_goes_back_when_its_last_part_is_captured(desk: Desk) -> None:
    deposit = await held(desk)
    desk.processor.silent = OperationKind.CAPTURE
    await claim(desk, "capture", deposit, 1000)
    desk.clock.turn(days=6, hours=12)
    await desk.lapsing.sweep()
    await desk.carry_out()
    deposit = await swept(desk, deposit)
    assert (deposit.captured_minor, deposit.released_minor, deposit.open_minor) == (1000, 3950, 4950)
    deposit = await settle(desk, deposit, 300)
    assert (deposit.state, deposit.captured_minor, deposit.open_minor) == (DepositState.CLOSED, 1300, 0)


async def test_a_claim_that_waits_for_the_end_is_taken_from_the_renewed_hold(desk: Desk) -> None:
    deposit = await claim(desk, "capture", await held(desk, "other"), 1000)
    desk.clock.turn(days=6, hours=12)
    await desk.lapsing.sweep()
    await desk.carry_out()
    deposit = await desk.deposit(deposit.deposit_id)
    assert (deposit.captured_minor, deposit.released_minor, deposit.open_minor) == (0, 4950, 4950)
    deposit = await settle(desk, deposit, 300)
    assert (deposit.state, deposit.captured_minor, desk.other.charged_minor) == (DepositState.CLOSED, 1300, 0)


async def test_a_refund_that_takes_its_time_keeps_no_hold(desk: Desk) -> None:
    deposit = await claim(desk, "capture", await held(desk), 1000)
    desk.processor.silent = OperationKind.REFUND
    await claim(desk, "refund", deposit, 1000)
    deposit = await settle(desk, deposit, 0)
    assert (deposit.state, deposit.released_minor, deposit.open_minor) == (DepositState.CLOSED, 3950, 0)
    assert (await swept(desk, deposit)).refunded_minor == 1000


async def test_a_claim_asks_for_itself_and_not_for_what_is_being_paid_in_instalments(desk: Desk) -> None:
    deposit = await owing(desk)
    await desk.billing.agree_instalments(partner(desk), new_id("req"), deposit.deposit_id, 4, 7)
    await desk.db.execute("UPDATE deposits SET payment_ref = 'pm_visa'")
    await claim(desk, "capture", deposit, 200)
    assert desk.processor.charged_minor == 200


async def test_nothing_is_claimed_on_top_of_what_was_given_up(desk: Desk) -> None:
    """It would be owed, in no bill, and counted as given up."""
    deposit = await owing(desk)
    boss = Caller(Role.STAFF, new_id("stf"), desk.partner_id)
    await desk.billing.propose_write_off(partner(desk), new_id("req"), deposit.deposit_id, "gone abroad")
    await desk.billing.approve_write_off(boss, new_id("req"), deposit.deposit_id)
    with pytest.raises(Refusal) as refused:
        await claim(desk, "capture", deposit, 500)
    assert (refused.value.reason, refused.value.metadata["state"]) == ("DEPOSIT_NOT_OPEN", PaymentStatus.WRITTEN_OFF)


async def test_a_bill_is_not_paid_on_what_cannot_be_charged(desk: Desk) -> None:
    """Saying nothing would look as if it were being paid."""
    deposit = await owing(desk)
    await desk.add_card(deposit.renter_id, "visa", "other")
    with pytest.raises(Refusal) as refused:
        await desk.billing.pay(partner(desk), new_id("req"), deposit.deposit_id, None, "")
    assert refused.value.reason == "PAYMENT_METHOD_REQUIRED"


async def test_a_bill_is_attempted_while_a_refund_takes_its_time(desk: Desk) -> None:
    deposit = await settle(desk, await held(desk), 1000)
    desk.processor.silent = OperationKind.REFUND
    await claim(desk, "refund", deposit, 1000)
    desk.processor.mood = "decline"
    await claim(desk, "capture", deposit, 300)
    desk.processor.mood = "ok"
    desk.clock.turn(days=1)
    await desk.billing.sweep()
    await desk.carry_out()
    assert desk.processor.charged_minor == 300
    await swept(desk, deposit)


async def test_what_is_still_held_of_a_person_who_was_erased_goes_back(desk: Desk) -> None:
    deposit = await settle(desk, await held(desk), 0)
    (theirs,) = desk.processor.authorizations.values()
    theirs.released_minor, theirs.open_minor = 0, 4950
    await desk.db.transaction(lambda c: erase(c, load_queries("services.deposits"), deposit.renter_id))
    desk.clock.time = datetime.now(UTC) + timedelta(hours=2)
    await desk.deciding.run("ann", new_id("req"), "sandbox", desk.clock.time - timedelta(hours=3), None)
    await desk.running.sweep()
    ((difference,), _) = await desk.deciding.list("sandbox", None, None, 0, "")
    assert (difference.finding.kind, difference.finding.repair) == (DifferenceKind.STILL_OPEN, Repair.VOID)
    await desk.deciding.confirm("ann", new_id("req"), difference.difference_id)
    assert await desk.repairing.sweep() == 1
    await desk.carry_out()
    assert (theirs.released_minor, theirs.open_minor) == (4950, 0)


async def test_an_authorization_that_nobody_waits_for_is_called_off(desk: Desk) -> None:
    """The rental was cancelled; a renter who confirms late would see their money held, if only for a minute."""
    desk.processor.mood = "slow"
    deposit = await held(desk)
    support = Caller(Role.STAFF, new_id("stf"), desk.partner_id)
    callers = (partner(desk), Caller(Role.RENTER, deposit.renter_id), support, Caller(Role.OPERATOR, "ann"))
    seen = [(await desk.reading.get(caller, deposit.deposit_id)).renter_action for caller in callers]
    assert seen == ["confirm", "confirm", "", ""], "what confirms a payment is a secret"
    await desk.settling.cancel([CancelItem(deposit.rental_id, deposit.renter_id, deposit.partner_id)])
    await desk.sweep()
    desk.processor.confirm()
    assert await desk.sweep() == 0
    assert desk.processor.authorizations == {}


async def test_a_raise_and_a_renewal_wait_for_each_other(desk: Desk) -> None:
    """A renewal authorizes what is held; what is raised beside it would go back with the old hold."""
    deposit = await held(desk)
    desk.processor.silent = OperationKind.INCREMENT
    await claim(desk, "raise_hold", deposit, 1000)
    desk.clock.turn(days=6, hours=12)
    await desk.lapsing.sweep()
    assert (await swept(desk, deposit)).authorized_minor == 5950
    desk.processor.silent = OperationKind.AUTHORIZE
    await desk.lapsing.sweep()
    await desk.carry_out()
    with pytest.raises(Refusal) as refused:
        await claim(desk, "raise_hold", deposit, 1000)
    assert (refused.value.reason, refused.value.metadata["state"]) == ("DEPOSIT_NOT_OPEN", "RENEWING")
    deposit = await swept(desk, deposit)
    assert (deposit.authorized_minor, deposit.released_minor, deposit.open_minor) == (11_900, 5950, 5950)


async def test_what_was_captured_from_the_hold_before_counts_when_the_next_is_raised(desk: Desk) -> None:
    deposit = await claim(desk, "capture", await held(desk), 1000)
    desk.clock.turn(days=6, hours=12)
    await desk.lapsing.sweep()
    await desk.carry_out()
    with pytest.raises(Refusal) as refused:
        await claim(desk, "raise_hold", deposit, DEPOSIT_MINOR - 1000 - 3950 + 1)
    assert refused.value.reason == "COMPENSATION_LIMIT_EXCEEDED"
    deposit = await claim(desk, "raise_hold", deposit, DEPOSIT_MINOR - 1000 - 3950)
    assert deposit.captured_minor + deposit.open_minor == DEPOSIT_MINOR


async def test_what_lapses_is_what_no_capture_on_its_way_has_taken(desk: Desk) -> None:
    """Of two captures the first is taken and not heard of, the second finds that the rest has lapsed."""
    deposit = await held(desk)
    desk.processor.silent = OperationKind.CAPTURE
    await claim(desk, "capture", deposit, 500)
    desk.processor.silent = None
    desk.processor.lapse()
    deposit = await settle(desk, deposit, 150)
    assert (deposit.captured_minor, deposit.expired_minor, deposit.open_minor) == (0, 4450, 500)
    deposit = await swept(desk, deposit)
    assert (deposit.state, deposit.authorized_minor, deposit.captured_minor) == (DepositState.CLOSED, 4950, 500)
    assert (deposit.paid_minor, desk.processor.charged_minor) == (650, 150)
