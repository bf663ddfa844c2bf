"""Reconciliation against the processor's own process: differences are planted on every side, and found, and repaired.

All of them are found in their class, and nothing else; what operators confirm is done once, and the next run says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from deposits_desk import DEPOSIT_MINOR
from planting import World, a_world, healthy, plant_ledger, plant_outcomes, plant_parts, plant_payments

from services.deposits.domain.reconciling import DifferenceKind, DifferenceState, Repair
from services.values.errors import Refusal
from services.values.ids import new_id


@pytest.fixture
def dsn(fresh_database: Callable[..., str]) -> str:
    return fresh_database("reconciliation", "deposits")


@pytest.fixture
async def world(dsn: str, tmp_path: Path) -> AsyncIterator[World]:
    async for one in a_world(dsn, tmp_path):
        yield one


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
        "UPDATE ledger_transfers SET amounts_minor = ARRAY(SELECT 2 * a FROM unnest(amounts_minor) AS a)"
        " WHERE deposit_id = $1 AND kind = 'CAPTURED'"
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
