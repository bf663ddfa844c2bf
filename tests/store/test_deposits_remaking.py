"""Decisions made again on a real PostgreSQL: once, in the person's favour, under the policy that they had."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from deposits_desk import DEPOSIT_MINOR, NOON, Desk

from services.deposits.domain import AdmittanceOutcome, Deposit, DepositState, PolicyDraft
from services.deposits.operations.ports import SecureItem
from services.deposits.operations.settling import SettleItem
from services.runtime.database import Database
from services.runtime.personal_data import erase
from services.runtime.queries import load_queries
from services.values.errors import Refusal
from services.values.ids import new_id
from services.values.money import Money


@pytest.fixture(scope="module")
def dsn(fresh_database: Callable[..., str]) -> str:
    """One database for all; each test has people of its own."""
    return fresh_database("deposits_remaking", "deposits")


@pytest_asyncio.fixture
async def desk(dsn: str) -> AsyncIterator[Desk]:
    """A desk with a policy: above 600."""
    db = await Database.connect(dsn, pool_size=8)
    desk = Desk(db)
    await desk.open()
    yield desk
    assert await desk.findings() == ()
    await db.close()


async def held(desk: Desk, renter: str) -> tuple[SecureItem, Deposit]:
    """A deposit that is held."""
    item = desk.item(renter)
    await desk.secure(item)
    await desk.carry_out()
    return item, await now(desk, item)


async def now(desk: Desk, item: SecureItem) -> Deposit:
    """The deposit as it stands."""
    deposit = await desk.secure(item)
    assert isinstance(deposit, Deposit)
    return deposit


async def uses(desk: Desk, renter: str) -> list[dict[str, Any]]:
    """What scoring is told of uses of this person's score, in order."""
    rows = await desk.db.fetch("SELECT payload FROM outbox WHERE kind = 'SCORES_USED' ORDER BY event_id")
    return [use for row in rows for use in row["payload"]["uses"] if use["renter_id"] == renter]


async def test_a_held_deposit_is_waived_and_given_back_once(desk: Desk) -> None:
    renter = await desk.person(590)
    item, before = await held(desk, renter)
    assert (before.state, before.outcome, before.open_minor) == (DepositState.HELD, "NOT_ADMITTED", DEPOSIT_MINOR)
    desk.scoring.scores[renter] = 640
    for _ in range(3):
        assert await desk.put_right(renter, "evt_once") is None
    after = await now(desk, item)
    assert (after.state, after.outcome, after.reason_codes, after.score) == (
        DepositState.WAIVED,
        AdmittanceOutcome.ADMITTED,
        (),
        640,
    )
    await desk.carry_out()
    after = await now(desk, item)
    assert (after.open_minor, after.released_minor) == (0, DEPOSIT_MINOR)
    kept = await desk.db.fetch("SELECT outcome, score FROM redecisions WHERE deposit_id = $1", after.deposit_id)
    assert [tuple(row) for row in kept] == [("NOT_ADMITTED", 590)]
    told = await uses(desk, renter)
    assert [(use["kind"], use["outcome"], use["threshold"]) for use in told] == [
        ("DECISION", "NOT_ADMITTED", 600),
        ("DECISION_REMADE", "ADMITTED", 600),
    ]
    assert told[0]["use_id"] == after.deposit_id
    rental = await desk.db.fetch("SELECT payload FROM outbox WHERE kind = 'DEPOSIT_CHANGED' AND renter_id = $1", renter)
    assert [row["payload"]["deposit_state"] for row in rental] == ["WAIVED"]


async def test_the_ride_is_billed_as_a_waived_one_even_while_the_hold_is_on_its_way_back(desk: Desk) -> None:
    for give_back_first in (True, False):
        renter = await desk.person(590)
        item, _ = await held(desk, renter)
        desk.scoring.scores[renter] = 640
        await desk.put_right(renter)
        if give_back_first:
            await desk.carry_out()
        await desk.settling.settle([SettleItem(item.rental_id, Money("CNY", 150))])
        await desk.carry_out()
        deposit = await now(desk, item)
        assert (deposit.state, deposit.captured_minor, deposit.released_minor) == (
            DepositState.CLOSED,
            0,
            DEPOSIT_MINOR,
        )
        assert (deposit.paid_minor, deposit.payment_status) == (150, "PAID")


async def test_an_ended_ride_whose_hold_is_on_its_way_back_is_no_exposure(desk: Desk) -> None:
    renter = await desk.person(590)
    item, _ = await held(desk, renter)
    desk.scoring.scores[renter] = 640
    await desk.put_right(renter)
    desk.processor.mood = "down"
    await desk.carry_out()
    await desk.settling.settle([SettleItem(item.rental_id, Money("CNY", 0))])
    assert (await now(desk, item)).state is DepositState.WAIVED
    assert await desk.findings() == ()


async def test_the_line_is_the_one_that_it_was_decided_under(desk: Desk) -> None:
    renter = await desk.person(590)
    item, _ = await held(desk, renter)
    stricter = PolicyDraft(desk.partner_id, "BIKE", 650, Money("CNY", DEPOSIT_MINOR), 3, "stricter")
    await desk.policies.set(new_id("req"), stricter, desk.partner_id)
    desk.scoring.scores[renter] = 640
    await desk.put_right(renter)
    assert (await now(desk, item)).state is DepositState.WAIVED


async def test_nothing_is_taken_back_and_what_is_over_stays_over(desk: Desk) -> None:
    waived, ended = await desk.person(640), await desk.person(590)
    waived_item = desk.item(waived)
    await desk.secure(waived_item)
    ended_item, _ = await held(desk, ended)
    await desk.settling.settle([SettleItem(ended_item.rental_id, Money("CNY", 150))])
    await desk.carry_out()
    desk.scoring.scores |= {waived: 400, ended: 900}
    for renter in (waived, ended):
        await desk.put_right(renter)
    assert (await now(desk, waived_item)).state is DepositState.WAIVED
    over = await now(desk, ended_item)
    assert (over.state, over.outcome, over.captured_minor) == (DepositState.CLOSED, "NOT_ADMITTED", 150)


async def test_the_exposure_cap_holds_and_who_is_still_below_stays_held(desk: Desk) -> None:
    renter, below = await desk.person(590), await desk.person(590)
    items = [(await held(desk, renter))[0] for _ in range(5)]
    still, _ = await held(desk, below)
    desk.scoring.scores |= {renter: 640, below: 600}
    await asyncio.gather(desk.put_right(renter), desk.put_right(renter), desk.put_right(below))
    states = sorted([(await now(desk, item)).state for item in items])
    assert states == [DepositState.HELD] * 2 + [DepositState.WAIVED] * 3
    assert (await now(desk, still)).state is DepositState.HELD


async def test_it_is_told_again_while_a_hold_is_on_its_way_or_scoring_is_silent(desk: Desk) -> None:
    renter = await desk.person(590)
    item = desk.item(renter)
    await desk.secure(item)
    desk.scoring.scores[renter] = 640
    assert isinstance(await desk.put_right(renter, "evt_1"), Refusal)
    await desk.carry_out()
    desk.scoring.down = True
    assert isinstance(await desk.put_right(renter, "evt_1"), Refusal)
    desk.scoring.down = False
    assert await desk.put_right(renter, "evt_1") is None
    assert (await now(desk, item)).state is DepositState.WAIVED


async def test_previews_are_forgotten_and_their_uses_told_once(desk: Desk) -> None:
    renter = await desk.person(590)
    first = await desk.securing.preview(desk.partner_id, renter, "BIKE")
    assert await desk.securing.preview(desk.partner_id, renter, "BIKE") == first
    assert [use["kind"] for use in await uses(desk, renter)] == ["PREVIEW"]
    desk.scoring.scores[renter] = 640
    assert not (await desk.securing.preview(desk.partner_id, renter, "BIKE")).waived, "the first answer stands"
    await desk.put_right(renter)
    assert (await desk.securing.preview(desk.partner_id, renter, "BIKE")).waived


async def test_a_batch_tells_its_uses_in_one_event_and_only_of_answers(desk: Desk) -> None:
    people = [await desk.person(score) for score in (590, 640, None)]
    private = await desk.person(700)
    before = await desk.db.fetchval("SELECT count(*) FROM outbox WHERE kind = 'SCORES_USED'")
    items = [desk.item(renter) for renter in people] + [desk.item(private, consent=False)]
    await desk.securing.secure(items)
    assert await desk.db.fetchval("SELECT count(*) FROM outbox WHERE kind = 'SCORES_USED'") == before + 1
    outcomes = [(await uses(desk, renter))[0]["outcome"] for renter in people]
    assert outcomes == ["NOT_ADMITTED", "ADMITTED", "CANNOT_ASSESS"]
    assert await uses(desk, private) == []
    desk.scoring.down = True
    silent = await desk.person(700)
    await desk.secure(desk.item(silent))
    assert await uses(desk, silent) == []


async def test_erasure_takes_a_person_out_of_what_is_still_to_be_told(desk: Desk) -> None:
    gone, other = await desk.person(640), await desk.person(640)
    await desk.securing.secure([desk.item(gone), desk.item(other)])

    await desk.db.transaction(lambda connection: erase(connection, load_queries("services.deposits"), gone))
    assert await uses(desk, gone) == []
    assert len(await uses(desk, other)) == 1
    assert NOON.isoformat() in str(await uses(desk, other))
