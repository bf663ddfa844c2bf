"""Reconciliation against the processor's own process: differences are planted on every side, and found, and repaired.

All of them are found in their class, and nothing else; what operators confirm is done once, and the next run says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from deposits_desk import DEPOSIT_MINOR, Desk
from stand_ins import SECRET, StandIn, start

from services.deposits.domain import Deposit, Operation, OperationState, Result
from services.deposits.domain.reconciling import TWO_OPERATORS, Difference, DifferenceKind, DifferenceState, Repair
from services.deposits.operations.settling import CancelItem, SettleItem
from services.deposits.processors.sandbox import HttpProcessor
from services.runtime.database import Database
from services.values.callers import Caller, Role
from services.values.errors import Refusal
from services.values.ids import new_id
from services.values.money import Money

Found = set[tuple[DifferenceKind, Repair, str]]


class Flaky(HttpProcessor):
    """Dies while it is asked for its so-many-th report."""

    dies_at = 0
    reports = 0

    async def report(self, since: datetime, until: datetime) -> Any:
        self.reports += 1
        if self.reports == self.dies_at:
            raise RuntimeError("the process has died")
        return await super().report(since, until)


@dataclass
class World:
    """A desk whose processor is a process of its own, and whoever does things there by hand."""

    desk: Desk
    process: StandIn
    processor: Flaky
    began: datetime
    planted: Found = field(default_factory=set)

    def plant(self, kind: DifferenceKind, repair: Repair, deposit_id: str = "") -> None:
        self.planted.add((kind, repair, deposit_id))

    async def by_hand(self, path: str, **body: Any) -> dict[str, Any]:
        """What somebody does on the processor's dashboard."""
        status, answer = await self.process.post(path, body, key=new_id("hand"))
        assert status == 200, answer
        return dict(answer)

    async def pay_by_hand(self, kind: str, amount: int, named: str) -> dict[str, Any]:
        _, method = await self.process.post("/v1/payment_methods", {"token": "tok_visa"})
        body = {"amount_minor": amount, "currency": "CNY", "payment_method": method["id"], "merchant_reference": named}
        return await self.by_hand(f"/v1/{kind}", **body)

    async def begun(self, score: int | None = 500, card: str = "tok_visa") -> Deposit:
        """A deposit whose first operation is not carried out yet."""
        renter = await self.desk.person(score, card=False)
        await self.desk.add_card(renter, card)
        outcome = await self.desk.secure(self.desk.item(renter))
        assert isinstance(outcome, Deposit)
        return outcome

    async def held(self) -> Deposit:
        return await self.done(await self.begun())

    async def done(self, deposit: Deposit) -> Deposit:
        await self.desk.carry_out()
        return await self.desk.deposit(deposit.deposit_id)

    async def settle(self, deposit: Deposit, fare: int) -> None:
        await self.desk.settling.settle([SettleItem(deposit.rental_id, Money("CNY", fare))])

    async def settled(self, fare: int, score: int = 500) -> Deposit:
        deposit = await self.held() if score <= 600 else await self.begun(score)
        await self.settle(deposit, fare)
        return await self.done(deposit)

    async def refund(self, deposit: Deposit, amount: int) -> None:
        partner = Caller(Role.PARTNER, self.desk.partner_id, self.desk.partner_id)
        money = Money("CNY", amount)
        await self.desk.claiming.refund(partner, new_id("req"), deposit.deposit_id, money, "a test")

    def taken(self) -> Operation:
        """The operation that was launched last, which is not going to be carried out."""
        return self.desk.launched.pop().operation

    async def believe(self, operation: Operation, state: OperationState, reference: str = "") -> None:
        """Writes an outcome down without the processor having had a word in it."""
        result = Result(operation.operation_id, state, reference)
        await self.desk.processing.finish_all([(operation.deposit_id, result)])
        self.desk.launched.clear()

    async def reconcile(self) -> str:
        """A run over everything, an hour after the last movement."""
        for clock in (self.desk.clock, self.desk.real):
            clock.turn(hours=1.1)
        run = await self.desk.deciding.run("ann", new_id("req"), "sandbox", self.began, None)
        await self.work()
        return run.run_id

    async def work(self) -> None:
        while await self.desk.running.sweep():
            pass

    async def open(self) -> list[Difference]:
        found, more = await self.desk.deciding.list("", None, DifferenceState.OPEN, 200, "")
        assert not more
        return found

    async def classes(self) -> Found:
        return {(d.finding.kind, d.finding.repair, d.finding.deposit_id) for d in await self.open()}

    async def repair_all(self) -> None:
        """Two operators confirm all that can be repaired, each twice, and it is carried out."""
        for difference in await self.open():
            if difference.finding.repair is Repair.BY_HAND:
                continue
            for operator in ("ann", "bob") if difference.finding.repair in TWO_OPERATORS else ("ann",):
                for _ in range(2):
                    await self.desk.deciding.confirm(operator, difference.difference_id[-20:], difference.difference_id)
        while await self.desk.repairing.sweep():
            pass
        await self.desk.carry_out()
        for _ in range(3):
            await self.desk.sweep()


async def a_world(dsn: str, home: Path, *arguments: str) -> AsyncIterator[World]:
    process = await start("processor", home / "home", *arguments)
    db = await Database.connect(dsn, pool_size=4)
    async with aiohttp.ClientSession() as session:
        processor = Flaky(session, process.address, SECRET)
        desk = Desk(db, sandbox=processor)
        now = datetime.now(UTC)
        desk.clock.time = desk.real.time = now
        await desk.open()
        yield World(desk, process, processor, now - timedelta(minutes=1))
    await db.close()
    if process.process.returncode is None:
        await process.kill()


@pytest.fixture
def dsn(fresh_database: Callable[..., str]) -> str:
    return fresh_database("reconciliation", "deposits")


@pytest.fixture
async def world(dsn: str, tmp_path: Path) -> AsyncIterator[World]:
    async for one in a_world(dsn, tmp_path):
        yield one


async def healthy(world: World) -> None:
    """Everything that can happen to a deposit, without anything being wrong."""
    await world.held()
    await world.settled(300)
    await world.settled(11_000)
    await world.settled(200, score=700)
    await world.done(await world.begun(card="tok_declined"))
    refunded = await world.settled(900)
    await world.refund(refunded, 400)
    cancelled = await world.held()
    await world.desk.settling.cancel([CancelItem(cancelled.rental_id, cancelled.renter_id, cancelled.partner_id)])
    await world.desk.carry_out()


async def plant_payments(world: World) -> None:
    """Payments that one side does not know."""
    held = await world.begun()
    await world.believe(world.taken(), OperationState.DONE, "auth_never")
    world.plant(DifferenceKind.MISSING_AT_PROCESSOR, Repair.TAKE_OVER, held.deposit_id)
    charged = await world.begun(score=700)
    await world.settle(charged, 500)
    await world.believe(world.taken(), OperationState.DONE, "chg_never")
    world.plant(DifferenceKind.MISSING_AT_PROCESSOR, Repair.ASK_AGAIN, charged.deposit_id)
    refunded = await world.settled(700)
    await world.refund(refunded, 200)
    await world.believe(world.taken(), OperationState.DONE, "ref_never")
    world.plant(DifferenceKind.REFUND_MISSING, Repair.ASK_AGAIN, refunded.deposit_id)
    await world.pay_by_hand("authorizations", 1000, "counter-17")
    world.plant(DifferenceKind.UNKNOWN_PAYMENT, Repair.VOID)
    await world.pay_by_hand("charges", 1500, "counter-18")
    world.plant(DifferenceKind.UNKNOWN_PAYMENT, Repair.REFUND)
    owing = await world.begun(score=700, card="tok_charge_declined")
    await world.settle(owing, 600)
    await world.done(owing)
    await world.pay_by_hand("charges", 600, owing.deposit_id)
    world.plant(DifferenceKind.UNKNOWN_PAYMENT, Repair.TAKE_OVER, owing.deposit_id)
    twice = await world.held()
    await world.pay_by_hand("authorizations", DEPOSIT_MINOR, twice.deposit_id)
    world.plant(DifferenceKind.DUPLICATE, Repair.VOID, twice.deposit_id)
    given_back = await world.settled(800)
    await world.by_hand("/v1/refunds", payment=given_back.holds[0].reference, amount_minor=150)
    world.plant(DifferenceKind.UNKNOWN_REFUND, Repair.TAKE_OVER, given_back.deposit_id)


async def plant_outcomes(world: World) -> None:
    """Operations whose outcome is another than we think, or that have none."""
    for state, repair in ((OperationState.CANCELLED, Repair.TAKE_OVER), (OperationState.DECLINED, Repair.VOID)):
        deposit = await world.begun()
        operation = world.taken()
        await world.processor.perform(operation)
        await world.believe(operation, state)
        world.plant(DifferenceKind.UNRECORDED, repair, deposit.deposit_id)
    unclear = await world.begun()
    world.desk.crash()
    world.plant(DifferenceKind.STATE_UNCLEAR, Repair.HASTEN, unclear.deposit_id)
    given_up = await world.begun()
    key = world.taken().operation_id
    await world.desk.db.execute("UPDATE processor_operations SET given_up = true WHERE operation_id = $1", key)
    world.plant(DifferenceKind.GIVEN_UP_UNENDED, Repair.GIVE_UP, given_up.deposit_id)
    named = await world.held()
    statement = "UPDATE processor_operations SET {} WHERE deposit_id = $1"
    await world.desk.db.execute(statement.format("result_ref = 'auth_other'"), named.deposit_id)
    world.plant(DifferenceKind.REFERENCE_DIFFERS, Repair.BY_HAND, named.deposit_id)
    foreign = await world.held()
    await world.desk.db.execute(statement.format("currency = 'EUR'"), foreign.deposit_id)
    world.plant(DifferenceKind.CURRENCY_DIFFERS, Repair.BY_HAND, foreign.deposit_id)


async def plant_parts(world: World) -> None:
    """Holds whose parts are others there than here."""
    more, raised, voided = await world.held(), await world.held(), await world.held()
    path = "/v1/authorizations/{}/{}"
    await world.by_hand(path.format(more.holds[0].reference, "captures"), amount_minor=300, final=False)
    world.plant(DifferenceKind.CAPTURED_MORE, Repair.TAKE_OVER_AND_REFUND, more.deposit_id)
    await world.by_hand(path.format(raised.holds[0].reference, "increments"), amount_minor=100)
    world.plant(DifferenceKind.AMOUNT_DIFFERS, Repair.TAKE_OVER, raised.deposit_id)
    await world.by_hand(path.format(voided.holds[0].reference, "void"))
    world.plant(DifferenceKind.RELEASED_DIFFERS, Repair.TAKE_OVER, voided.deposit_id)
    less = await world.held()
    await world.settle(less, 400)
    await world.believe(world.taken(), OperationState.DONE, less.holds[0].reference)
    world.plant(DifferenceKind.CAPTURED_LESS, Repair.ASK_AGAIN, less.deposit_id)
    stuck = await world.held()
    await world.settle(stuck, 0)
    await world.believe(world.taken(), OperationState.DONE, stuck.holds[0].reference)
    world.plant(DifferenceKind.STILL_OPEN, Repair.VOID, stuck.deposit_id)


async def plant_ledger(world: World) -> None:
    """A transfer that was lost with its effect on the balances, and entries that were changed."""
    lost, changed = await world.settled(350), await world.held()
    where = "WHERE transfer_id = (SELECT transfer_id FROM ledger_transfers WHERE deposit_id = $1 AND kind = $2)"
    await world.desk.db.execute(
        "UPDATE ledger_balances b SET balance_minor = b.balance_minor - e.amount_minor FROM (SELECT bucket, renter_id,"
        f" account, currency, amount_minor FROM ledger_entries {where}) e WHERE b.bucket = e.bucket"
        " AND b.renter_id = e.renter_id AND b.account = e.account AND b.currency = e.currency",
        *(lost.deposit_id, "CAPTURED"),
    )
    await world.desk.db.execute(f"DELETE FROM ledger_entries {where}", lost.deposit_id, "CAPTURED")
    world.plant(DifferenceKind.LEDGER_DIFFERS, Repair.BOOK_TRANSFERS, lost.deposit_id)
    entries = f"UPDATE ledger_entries SET amount_minor = amount_minor + sign(amount_minor)::bigint {where}"
    await world.desk.db.execute(entries, changed.deposit_id, "AUTHORIZED")
    world.plant(DifferenceKind.LEDGER_DIFFERS, Repair.BOOK_TRANSFERS, changed.deposit_id)


async def test_nothing_planted_nothing_found_and_both_sides_have_the_same_sums(world: World) -> None:
    await healthy(world)
    run = await world.desk.deciding.get(await world.reconcile())
    assert await world.open() == []
    assert (run.counts.differences, run.counts.in_flight) == (0, 0)
    sums = run.counts.totals["CNY"]
    assert sums.ours == sums.theirs
    assert (sums.ours.captured_minor, sums.ours.refunded_minor) == (300 + 11_000 + 200 + 900, 400)
    assert run.counts.unsettled == 1, "the one that is still held is looked at again"


async def test_all_that_is_planted_is_found_repaired_once_and_gone(world: World) -> None:
    await healthy(world)
    for plant in (plant_payments, plant_outcomes, plant_parts):
        await plant(world)
    await world.reconcile()
    assert await world.classes() == world.planted
    await world.reconcile()
    assert await world.classes() == world.planted, "a second look finds the same, and each of them once"
    assert await world.desk.db.fetchval("SELECT count(*) FROM reconciliation_differences") == len(world.planted)
    await world.repair_all()
    await world.reconcile()
    by_hand = {one for one in world.planted if one[1] is Repair.BY_HAND}
    assert await world.classes() == by_hand
    assert await world.desk.findings() == ()
    run = await world.desk.deciding.get(await world.reconcile())
    assert await world.classes() == by_hand, "what the repairs have done is no difference either"
    states = await world.desk.db.fetch("SELECT DISTINCT state FROM reconciliation_differences")
    assert {row["state"] for row in states} == {"OPEN", "GONE"}
    ours, theirs = run.counts.totals["CNY"].ours, run.counts.totals["CNY"].theirs
    assert (ours.captured_minor, ours.refunded_minor) == (theirs.captured_minor, theirs.refunded_minor)


async def test_what_the_ledger_lacks_is_found_and_entered(world: World) -> None:
    await plant_ledger(world)
    await world.reconcile()
    assert await world.classes() == world.planted
    await world.repair_all()
    await world.reconcile()
    assert await world.classes() == set()


async def test_entries_that_are_too_many_take_a_correction(world: World) -> None:
    deposit = await world.settled(350)
    entries = (
        "UPDATE ledger_entries e SET amount_minor = 2 * amount_minor FROM ledger_transfers t"
        " WHERE t.transfer_id = e.transfer_id AND t.deposit_id = $1 AND t.kind = 'CAPTURED'"
    )
    await world.desk.db.execute(entries, deposit.deposit_id)
    await world.reconcile()
    assert await world.classes() == {(DifferenceKind.LEDGER_DIFFERS, Repair.BY_HAND, deposit.deposit_id)}
    (difference,) = await world.open()
    assert (difference.finding.ours.captured_minor, difference.finding.theirs.captured_minor) == (350, 700)
    with pytest.raises(Refusal) as refused:
        await world.desk.deciding.confirm("ann", "r-1", difference.difference_id)
    assert refused.value.reason == "REPAIR_BY_HAND"


async def test_a_lapse_that_nobody_saw_is_taken_over(dsn: str, tmp_path: Path) -> None:
    async for world in a_world(dsn, tmp_path, "--authorization-seconds", "1"):
        deposit = await world.held()
        await world.desk.db.execute("UPDATE holds SET expires_at = NULL")
        await asyncio.sleep(1.1)
        await world.reconcile()
        assert await world.classes() == {(DifferenceKind.EXPIRED_UNSEEN, Repair.TAKE_OVER, deposit.deposit_id)}
        await world.repair_all()
        after = await world.desk.deposit(deposit.deposit_id)
        assert (after.expired_minor, after.open_minor) == (DEPOSIT_MINOR, 0)
        await world.reconcile()
        assert await world.classes() == set()
        assert await world.desk.findings() == ()


async def test_what_moves_at_the_time_of_the_run_is_judged_by_the_next(world: World) -> None:
    deposit = await world.held()
    await world.pay_by_hand("charges", 100, "counter-1")
    reference = deposit.holds[0].reference
    await world.by_hand(f"/v1/authorizations/{reference}/captures", amount_minor=300, final=False)
    await world.desk.deciding.run("ann", "r-1", "sandbox", world.began, world.desk.clock.now())
    world.desk.clock.turn(minutes=9)
    run = await world.desk.deciding.run("ann", "r-2", "sandbox", world.began, None)
    await world.work()
    done = await world.desk.deciding.get(run.run_id)
    assert (await world.classes(), done.counts.in_flight, done.counts.unsettled) == (set(), 2, 2)
    await world.reconcile()
    assert {kind for kind, _, _ in await world.classes()} == {
        DifferenceKind.CAPTURED_MORE,
        DifferenceKind.UNKNOWN_PAYMENT,
    }


async def test_a_run_that_dies_goes_on_where_it_was_and_counts_nothing_twice(world: World) -> None:
    await healthy(world)
    await plant_parts(world)
    since = world.began - timedelta(hours=15)
    for clock in (world.desk.clock, world.desk.real):
        clock.turn(hours=1.1)
    run = await world.desk.deciding.run("ann", "r-1", "sandbox", since, None)
    world.processor.dies_at = 3
    with pytest.raises(RuntimeError):
        await world.desk.running.sweep()
    assert (await world.desk.deciding.get(run.run_id)).reached == since + timedelta(hours=12)
    assert await world.desk.running.sweep() == 0, "it is still somebody's"
    world.desk.real.turn(minutes=3)
    assert sorted(await asyncio.gather(world.desk.running.sweep(), world.desk.running.sweep())) == [0, 1]
    resumed = await world.desk.deciding.get(run.run_id)
    again = await world.desk.deciding.get(await world.reconcile())
    assert await world.classes() == world.planted
    assert resumed.counts == again.counts
    assert resumed.attempts == 2


async def test_a_processor_that_gives_no_report_is_asked_later(world: World) -> None:
    await world.process.kill()
    run = await world.desk.deciding.run("ann", "r-1", "sandbox", world.began, None)
    for _ in range(20):
        await world.desk.running.sweep()
        world.desk.real.turn(hours=1)
    failed = await world.desk.deciding.get(run.run_id)
    assert (failed.state, failed.failure, failed.attempts) == ("FAILED", "PROCESSOR_UNAVAILABLE", 20)


async def test_a_repair_whose_process_dies_is_carried_out_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.pay_by_hand("charges", 1500, "counter-18")
    more = await world.held()
    reference = more.holds[0].reference
    await world.by_hand(f"/v1/authorizations/{reference}/captures", amount_minor=300, final=False)
    await world.reconcile()

    async def dies(*_: object) -> None:
        raise RuntimeError("the process has died")

    with monkeypatch.context() as patched:
        patched.setattr(world.desk.store, "end_repair", dies)
        for difference in await world.open():
            for operator in ("ann", "bob"):
                await world.desk.deciding.confirm(operator, new_id("req"), difference.difference_id)
            with pytest.raises(RuntimeError):
                await world.desk.repairing.sweep()
            await world.desk.carry_out()
    world.desk.real.turn(minutes=2)
    assert await world.desk.repairing.sweep() == 2
    await world.desk.carry_out()
    _, report = await world.process.get("/v1/report")
    refunds = [refund["amount_minor"] for payment in report["payments"] for refund in payment["refunds"]]
    assert sorted(refunds) == [300, 1500]
    await world.reconcile()
    assert (await world.classes(), await world.desk.findings()) == (set(), ())
    after = await world.desk.deposit(more.deposit_id)
    assert (after.charged_minor, after.paid_minor, after.refunded_minor) == (300, 300, 300)


async def test_a_repair_is_not_carried_out_when_things_have_changed(world: World) -> None:
    deposit = await world.held()
    path = f"/v1/authorizations/{deposit.holds[0].reference}"
    await world.by_hand(f"{path}/increments", amount_minor=100)
    await world.reconcile()
    (difference,) = await world.open()
    await world.desk.deciding.confirm("ann", "r-1", difference.difference_id)
    await world.by_hand(f"{path}/increments", amount_minor=50)
    await world.desk.repairing.sweep()
    (difference,) = await world.open()
    assert difference.outcome == "DIFFERENCE_CHANGED"
    assert (await world.desk.deposit(deposit.deposit_id)).authorized_minor == DEPOSIT_MINOR
    await world.reconcile()
    await world.repair_all()
    assert (await world.desk.deposit(deposit.deposit_id)).authorized_minor == DEPOSIT_MINOR + 150


async def test_what_is_dismissed_stays_so_until_its_amounts_change(world: World) -> None:
    authorization = await world.pay_by_hand("authorizations", 1000, "counter-17")
    await world.reconcile()
    (difference,) = await world.open()
    for _ in range(2):
        dismissed = await world.desk.deciding.dismiss("ann", "r-1", difference.difference_id, "a test of the counter")
        assert (dismissed.state, dismissed.confirmed_by) == (DifferenceState.DISMISSED, "ann")
    with pytest.raises(Refusal) as refused:
        await world.desk.deciding.confirm("ann", "r-2", difference.difference_id)
    assert refused.value.reason == "DIFFERENCE_NOT_OPEN"
    await world.reconcile()
    assert await world.open() == []
    await world.by_hand(f"/v1/authorizations/{authorization['id']}/captures", amount_minor=1000, final=True)
    await world.reconcile()
    assert await world.classes() == {(DifferenceKind.UNKNOWN_PAYMENT, Repair.REFUND, "")}


async def test_money_moves_only_when_two_operators_want_it(world: World) -> None:
    await world.pay_by_hand("charges", 1500, "counter-18")
    await world.reconcile()
    (difference,) = await world.open()
    for _ in range(2):
        waiting = await world.desk.deciding.confirm("ann", "r-1", difference.difference_id)
        assert waiting.state is DifferenceState.AWAITING_SECOND
    with pytest.raises(Refusal) as refused:
        await world.desk.deciding.confirm("ann", "r-2", difference.difference_id)
    assert refused.value.reason == "APPROVAL_BY_ANOTHER"
    assert await world.desk.repairing.sweep() == 0
    confirmed = await world.desk.deciding.confirm("bob", "r-1", difference.difference_id)
    assert (confirmed.confirmed_by, confirmed.approved_by) == ("ann", "bob")
    assert await world.desk.repairing.sweep() == 1


async def test_days_are_planned_once_and_again_while_something_is_open(world: World) -> None:
    await world.held()
    clock = world.desk.clock
    today = clock.time.replace(hour=0, minute=0, second=0, microsecond=0)

    async def planned(days: int) -> list[tuple[int, str]]:
        clock.time = world.desk.real.time = today + timedelta(days=days, hours=2)
        for _ in range(2):
            await world.desk.deciding.plan()
        await world.work()
        rows = await world.desk.db.fetch(
            "SELECT since, state FROM reconciliation_runs WHERE created_at = $1 AND processor = 'sandbox' ORDER BY 1",
            clock.time,
        )
        return [((row["since"] - today).days, row["state"]) for row in rows]

    assert await planned(0) == [(-1, "DONE")]
    assert await planned(1) == [(0, "DONE")]
    assert await planned(4) == [(0, "DONE"), (1, "DONE"), (2, "DONE"), (3, "DONE")], (
        "days that were missed; day 0 is open"
    )
    deposit_id = await world.desk.db.fetchval("SELECT deposit_id FROM holds")
    deposit = await world.desk.deposit(deposit_id)
    await world.settle(deposit, 100)
    await world.desk.carry_out()
    assert await planned(5) == [(0, "DONE"), (4, "DONE")]
    assert await planned(6) == [(5, "DONE")]
