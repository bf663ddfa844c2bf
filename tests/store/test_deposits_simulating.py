"""Simulations over real decisions: what they count is what was decided. A million of them in the soak."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deposits_desk import DEPOSIT_MINOR, NOON, Desk

from services.deposits.domain import Deposit, PolicyDraft
from services.deposits.domain.simulation import Simulation, rounded
from services.deposits.operations import Simulating
from services.deposits.operations.settling import SettleItem
from services.runtime.database import Database
from services.values.errors import Refusal
from services.values.ids import new_id
from services.values.money import Money

SOAK = bool(os.environ.get("FREEHOLD_SOAK"))
MANY = 1_000_000 if SOAK else 20_000
RESULTS = Path(__file__).parents[2] / "docs" / "results"
FARE = 350


@pytest.fixture
def dsn(fresh_database: Callable[..., str]) -> str:
    return fresh_database("simulating", "deposits")


@pytest.fixture
async def desk(dsn: str) -> AsyncIterator[Desk]:
    db = await Database.connect(dsn, pool_size=4)
    desk = Desk(db)
    yield desk
    await db.close()


def draft(desk: Desk, threshold: int, city: str = "") -> PolicyDraft:
    return PolicyDraft(desk.partner_id, "BIKE", threshold, Money("CNY", DEPOSIT_MINOR), 3, "a test", city)


async def simulate(desk: Desk, threshold: int, city: str = "") -> Simulation:
    return await Simulating(desk.store, desk.clock).simulate(draft(desk, threshold, city), 4)


async def rent(desk: Desk, score: int | None, *, card: bool = True) -> None:
    """A rental from decision to end; without a card a waived renter owes the fare."""
    item = desk.item(await desk.person(score, card=card))
    assert isinstance(await desk.secure(item), Deposit)
    await desk.carry_out()
    await desk.settling.settle([SettleItem(item.rental_id, Money("CNY", FARE))])
    await desk.carry_out()


async def test_what_is_simulated_is_what_was_decided(desk: Desk) -> None:
    await desk.open(600)
    for number in range(260):
        await rent(desk, 541 + number % 130, card=number % 130 <= 120)
    for _ in range(40):
        await rent(desk, None)
    desk.clock.turn(days=7)

    same = await simulate(desk, 600)
    assert (same.decisions, same.unmoved) == (300, 40)
    assert (same.to_waived, same.to_deposit) == (0, 0)
    assert same.before == same.after
    assert same.before.waived == rounded(2 * 70)
    owing = 2 * 9 * FARE
    assert same.loss_before.low_minor <= owing <= same.loss_before.high_minor

    stricter, laxer = await simulate(desk, 650), await simulate(desk, 550)
    assert stricter.to_deposit == rounded(2 * 50)
    assert laxer.to_waived == laxer.loss_after.unknown == rounded(2 * 50)


async def test_decisions_of_this_week_are_not_replayed_yet(desk: Desk) -> None:
    await desk.open(600)
    for _ in range(200):
        await rent(desk, 700)
    with pytest.raises(Refusal) as refused:
        await simulate(desk, 600)
    assert refused.value.reason == "TOO_FEW_DECISIONS"
    desk.clock.turn(days=7)
    assert (await simulate(desk, 600)).decisions == 200


async def test_a_narrower_policy_keeps_its_decisions_and_another_partner_its_own(desk: Desk) -> None:
    await desk.open(600)
    await make_decisions(desk, 1000, city="")
    await desk.policies.set(new_id("req"), draft(desk, 610, "hangzhou"), desk.partner_id)
    await make_decisions(desk, 600, city="hangzhou")
    desk.clock.turn(days=7)
    assert (await simulate(desk, 600)).decisions == 1000
    assert (await simulate(desk, 600, "hangzhou")).decisions == 600
    desk.partner_id = new_id("ptn")
    with pytest.raises(Refusal):
        await simulate(desk, 600)


@pytest.mark.slow
async def test_a_million_decisions(desk: Desk) -> None:
    await desk.open(600)
    await make_decisions(desk, MANY, city="")
    await desk.db.execute("VACUUM ANALYZE deposits")
    desk.clock.turn(days=7)
    seconds = []
    for threshold in (600, 650, 550):
        began = time.monotonic()
        simulation = await simulate(desk, threshold)
        seconds.append(round(time.monotonic() - began, 2))
        assert simulation.decisions == MANY
        assert sum(band.decisions for band in simulation.bands) > 0.99 * MANY
    if SOAK:
        _write(seconds)


async def test_a_person_counts_once_however_often_they_rent(desk: Desk) -> None:
    """Sixty rides of one commuter would fill cells of twenty alone, and their flip tell the score."""
    await desk.open(600)
    await make_decisions(desk, 210, city="")

    async def told_after(rides: int) -> list[Simulation]:
        for _ in range(rides):
            await make_decisions(desk, 1, city="", renter="commuter")
        desk.clock.turn(days=7)
        told = [await simulate(desk, threshold) for threshold in range(500, 750, 10)]
        desk.clock.turn(days=-7)
        return told

    assert await told_after(1) == await told_after(60)


async def make_decisions(desk: Desk, number: int, city: str, renter: str = "") -> None:
    """Closed deposits with scores from 500 to 749 under the policy in force, one in fifty of the waived ones unpaid.

    They are of as many people, or of one `renter`.
    """
    policy = await desk.store.policy_in_force(desk.partner_id, "BIKE", "", city, NOON)
    assert policy is not None
    await desk.db.execute(
        "INSERT INTO deposits (bucket, deposit_id, rental_id, renter_id, partner_id, state, outcome, reason_codes,"
        " policy_id, model_version, score, currency, amount_minor, payment_ref, decided_at, charged_minor, paid_minor,"
        " payment_status, compensation_limit_minor, city)"
        " SELECT n % 1024, 'dep_' || $8 || n, 'rtl_' || $8 || n, coalesce(nullif($7, ''), 'rnt_' || n), $2, 'CLOSED',"
        " CASE WHEN s > $3 THEN 'ADMITTED' ELSE 'NOT_ADMITTED' END, '{}', $4, 'test-1', s, 'CNY', 9900, '', $5, 350,"
        " CASE WHEN n % 50 = 0 THEN 0 ELSE 350 END, CASE WHEN n % 50 = 0 THEN 'WRITTEN_OFF' ELSE 'PAID' END, 9900, $1"
        " FROM (SELECT n, 500 + n * 37 % 250 AS s FROM generate_series(1, $6::int) AS n) AS made",
        city,
        desk.partner_id,
        policy.draft.threshold,
        policy.policy_id,
        desk.clock.now() - timedelta(hours=1),
        number,
        renter,
        new_id("run"),
        timeout=300,
    )


def _write(seconds: list[float]) -> None:
    result = {
        "what": "a policy simulated on a million past decisions of one partner, three drafts in turn",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], text=True).strip(),
        "seed": "scores are a function of the decision's number",
        "machine": f"{os.cpu_count()} cores",
        "decisions": MANY,
        "seconds": seconds,
    }
    RESULTS.joinpath("simulation.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
