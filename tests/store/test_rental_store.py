"""Rental's SQL on a real PostgreSQL: claims, writes over versions, leases, lists, and the constraints behind them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from rental_house import House, a_renter, open_house, reasons
from rental_kit import NOON, TERMS, a_security, ask, moment

from services.rental.domain import (
    AssetKind,
    ClosedBy,
    Closing,
    CreateAsset,
    CreatePricePlan,
    DepositState,
    Dispute,
    DisputeState,
    FollowUp,
    PricePlanId,
    Rental,
    RentalId,
    RentalState,
    changed,
    fingerprint,
    secured,
)
from services.rental.operations import Claim, Close, Page
from services.values.errors import Refusal
from services.values.ids import new_id, new_id_of


@pytest.fixture(scope="module")
def dsn(fresh_database: Callable[..., str]) -> str:
    return fresh_database("rental_store", "rental")


@pytest.fixture
async def house(dsn: str) -> AsyncIterator[House]:
    async with open_house(dsn) as house:
        yield house


def a_claim(house: House, code: str, request_id: str = "r-1", renter: Any = None) -> Claim:
    command = ask(house.partner_id, renter or a_renter(), code, request_id).command
    at = moment()
    rental_id = RentalId(new_id_of("rtl", command.renter_id))
    return Claim(rental_id, command, fingerprint(command), at.now, at.activate_by, at.lease_until)


async def test_a_claim_takes_the_asset_and_pins_the_plan(house: House) -> None:
    (bike,) = await house.bikes("b1")
    (rental,) = await house.store.claim([a_claim(house, "b1")])
    assert rental == await house.now(rental.rental_id)
    assert (rental.asset_id, rental.price_plan_id, rental.currency) == (bike.asset_id, bike.price_plan_id, "CNY")
    assert (rental.state, rental.follow_up) == (RentalState.REQUESTED, FollowUp.SECURE)
    assert await house.asset_states() == {"b1": "RENTED"}


async def test_a_batch_of_claims_has_an_outcome_per_item(house: House) -> None:
    await house.bikes("b1", "b2", "b3")
    taken = a_claim(house, "b1")
    await house.store.claim([taken])
    again = replace(a_claim(house, "b1", renter=taken.command.renter_id), command=taken.command)
    claims = [a_claim(house, code) for code in ("b2", "nowhere", "b2", "b1", "b3")] + [again]
    outcomes = await house.store.claim(claims)
    assert reasons(outcomes) == [
        "REQUESTED", "ASSET_NOT_FOUND", "ASSET_NOT_AVAILABLE", "ASSET_NOT_AVAILABLE", "REQUESTED", "REQUESTED",
    ]  # fmt: skip
    assert outcomes[0].rental_id == claims[0].rental_id
    assert outcomes[5].rental_id == taken.rental_id


async def test_assets_of_other_partners_do_not_exist(house: House) -> None:
    await house.bikes("b1")
    stranger = house.another()
    stranger.partner_id = type(house.partner_id)(new_id("ptn"))
    assert reasons(await stranger.store.claim([a_claim(stranger, "b1")])) == ["ASSET_NOT_FOUND"]


async def all_at_once(dsn: str, table: str, work: Sequence[Awaitable[Any]]) -> list[Any]:
    """Starts the work while every row of `table` is locked, so that each statement sees the same rows; then lets go."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    gate = await asyncpg.connect(dsn)
    try:
        async with gate.transaction():
            await gate.execute(f"SELECT 1 FROM {table} FOR UPDATE")
            running = asyncio.gather(*work)
            async with asyncio.timeout(10):
                while await gate.fetchval(waiting) < len(work):
                    await gate.execute("SELECT pg_sleep(0.01), pg_stat_clear_snapshot()")
        return await running
    finally:
        await gate.close()


async def test_of_many_claims_in_many_statements_each_asset_is_won_once(house: House, dsn: str) -> None:
    codes = [f"b{n}" for n in range(8)]
    await house.bikes(*codes)
    batches = [[a_claim(house, code) for code in codes[n:] + codes[:n]] for n in range(4)]
    claims = [house.store.claim(batch) for batch in batches]
    outcomes = [outcome for batch in await all_at_once(dsn, "assets", claims) for outcome in batch]
    won = [o.asset_code for o in outcomes if isinstance(o, Rental)]
    assert sorted(won) == codes
    assert set(reasons(outcomes)) == {"REQUESTED", "ASSET_NOT_AVAILABLE"}


async def test_one_request_claims_once_however_often_it_comes_at_a_time(house: House, dsn: str) -> None:
    await house.bikes("b1", "b2")
    claim, renter = a_claim(house, "b1"), a_renter()
    same = [replace(claim, rental_id=RentalId(new_id_of("rtl", claim.command.renter_id))) for _ in range(4)]
    outcomes = await all_at_once(dsn, "assets", [house.store.claim([c]) for c in same])
    assert len({o[0].rental_id for o in outcomes}) == 1
    twice_in_a_batch = await house.store.claim([a_claim(house, "b2", "r-2", renter) for _ in range(2)])
    assert len({o.rental_id for o in twice_in_a_batch}) == 1


async def test_one_request_for_two_assets_at_a_time_makes_one_rental(house: House) -> None:
    await house.bikes("b1", "b2")
    renter = a_renter()
    claims = [a_claim(house, "b1", "r-1", renter), a_claim(house, "b2", "r-1", renter)]
    outcomes = await house.store.claim(claims)
    assert {o.rental_id for o in outcomes} == {claims[0].rental_id}
    assert await house.asset_states() == {"b1": "RENTED", "b2": "AVAILABLE"}


async def test_a_change_is_written_over_its_version_only(house: House, dsn: str) -> None:
    await house.bikes("b1")
    rental = await house.riding("b1")
    saves = [house.store.save([changed(rental)], NOON, NOON) for _ in range(4)]
    assert sorted(await all_at_once(dsn, "rentals", saves)) == [[False]] * 3 + [[True]]
    assert await house.store.save([changed(rental)], NOON, NOON) == [False]
    assert (await house.now(rental.rental_id)).version == rental.version + 1


async def test_of_two_changes_of_one_rental_in_a_batch_the_first_is_written(house: House) -> None:
    await house.bikes("b1", "b2")
    rental, other = await house.riding("b1"), await house.riding("b2")
    changes = [changed(rental), changed(other), changed(rental)]
    assert await house.store.save(changes, NOON, NOON) == [True, True, False]


async def test_every_field_survives_the_store(house: House) -> None:
    await house.bikes("b1")
    (rental,) = await house.store.claim([a_claim(house, "b1")])
    security = a_security(rental, DepositState.DECLINED, decline_code="do_not_honor", outcome=None)
    full = changed(
        rental,
        state=RentalState.CANCELLED,
        security=security,
        cancelled_at=NOON,
        cancel_reason="PAYMENT_DECLINED",
        closed_by=ClosedBy(Closing.CANCEL, "cancel-7"),
        follow_up=FollowUp.NONE,
        follow_up_at=None,
        payment_failed_at=NOON,
        deposit_event_at=NOON + timedelta(microseconds=1),
        due_at=NOON + timedelta(hours=1),
        overdue_at=NOON + timedelta(hours=2),
        charged_at=NOON + timedelta(hours=4),
        credit_purchase_minor=7,
        corrections=3,
        dispute=Dispute(DisputeState.REFUSED, NOON, NOON - timedelta(hours=3)),
    )
    assert await house.store.save([full], NOON, NOON) == [True]
    assert await house.now(rental.rental_id) == full.after
    assert await house.asset_states() == {"b1": "AVAILABLE"}


async def test_facts_are_written_with_their_change_or_not_at_all(house: House) -> None:
    await house.bikes("b1")
    (rental,) = await house.store.claim([a_claim(house, "b1")])
    change = secured(rental, a_security(rental, DepositState.WAIVED), moment())
    assert await house.store.save([change], NOON, NOON) == [True]
    assert await house.store.save([change], NOON, NOON) == [False]
    assert await house.told() == [("RENTAL_STARTED", rental.renter_id)]


async def test_a_freed_asset_is_freed_of_its_own_rental_only(house: House) -> None:
    await house.bikes("b1")
    before = await house.riding("b1")
    await house.end(before.rental_id)
    after = await house.riding("b1")
    assert after.state is RentalState.ACTIVE
    stale = replace(changed(before), before=before, after=replace(await house.now(before.rental_id), version=99))
    assert await house.store.save([stale], NOON, NOON) == [False]
    assert await house.asset_states() == {"b1": "RENTED"}


async def test_a_closing_request_closes_one_rental(house: House) -> None:
    await house.bikes("b1", "b2")
    renter = a_renter()
    one = await house.start(renter, "b1", "s-1")
    two = await house.start(renter, "b2", "s-2")
    assert reasons([await house.end(one.rental_id, "e-1")]) == ["SETTLED"]
    by = ClosedBy(Closing.END, "e-1")
    rows = await house.store.read_to_close([Close(r.rental_id, house.partner_id, by) for r in (one, two)])
    assert [row.reused for row in rows] == [False, True]
    assert rows[0].terms == TERMS
    unknown = RentalId(new_id_of("rtl", renter))
    assert await house.store.read_to_close([Close(unknown, house.partner_id, by)]) == [None]


async def test_due_follow_ups_are_leased_by_one_sweeper(house: House, dsn: str) -> None:
    await house.bikes(*(f"b{n}" for n in range(6)))
    claimed = await house.store.claim([a_claim(house, f"b{n}") for n in range(6)])
    due = NOON + timedelta(seconds=5)
    assert await house.store.take_due(due - timedelta(milliseconds=1), due, due, 100) == []
    until = due + timedelta(seconds=1)
    sweeps = [house.store.take_due(due, until, until, 6) for _ in range(4)]
    taken = await all_at_once(dsn, "rentals", sweeps)
    ids = [rental.rental_id for batch in taken for rental in batch]
    assert sorted(ids) == sorted(rental.rental_id for rental in claimed)
    assert len(await house.store.take_due(until, until + timedelta(seconds=1), until, 100)) == 6


async def test_lists_go_from_new_to_old_and_keep_to_their_scope(house: House) -> None:
    await house.bikes(*(f"b{n}" for n in range(5)))
    me, other = a_renter(), a_renter()
    mine = [await house.start(me, f"b{n}", f"s-{n}") for n in range(3)]
    theirs = await house.start(other, "b3")
    await house.end(mine[1].rental_id)

    async def ids(**scope: Any) -> list[str]:
        page = replace(Page(None, None, None, None, 10), **scope)
        return [rental.rental_id for rental in await house.store.list_rentals(page)]

    newest_first = [theirs.rental_id, *(rental.rental_id for rental in reversed(mine))]
    assert await ids(partner_id=house.partner_id) == newest_first
    assert await ids(partner_id=house.partner_id, before=newest_first[1], size=2) == newest_first[2:4]
    assert await ids(partner_id=house.partner_id, renter_id=me) == newest_first[1:]
    assert await ids(renter_id=me, state=RentalState.ACTIVE) == [newest_first[1], newest_first[3]]
    assert await ids(partner_id=house.partner_id, state=RentalState.SETTLED) == [mine[1].rental_id]
    assert await ids(partner_id=new_id("ptn"), renter_id=me) == []


@pytest.mark.parametrize("of_renter", [False, True])
async def test_lists_are_filtered(house: House, of_renter: bool) -> None:
    await house.bikes("b1", "b2")
    await house.bikes("p1", kind=AssetKind.POWER_BANK)
    me = a_renter()
    one = await house.start(me, "b1", "s-1")
    house.hands.turn(hours=25)
    two, bank = await house.start(me, "b2", "s-2"), await house.start(me, "p1", "s-3")
    await house.passing.sweep()
    await house.db.execute("UPDATE rentals SET city = 'wuhan' WHERE rental_id = $1", two.rental_id)

    async def found(**filters: Any) -> list[str]:
        scope = {"renter_id": me} if of_renter else {}
        page = Page(house.partner_id, scope.get("renter_id"), None, None, 10, **filters)
        return [rental.rental_id for rental in await house.store.list_rentals(page)]

    assert await found(asset_kind=AssetKind.POWER_BANK) == [bank.rental_id]
    assert await found(asset_code="b1") == [one.rental_id]
    assert await found(city="wuhan") == [two.rental_id]
    assert await found(requested_from=NOON + timedelta(hours=25)) == [bank.rental_id, two.rental_id]
    assert await found(requested_before=NOON + timedelta(hours=25)) == [one.rental_id]
    assert await found(overdue=True) == [one.rental_id]
    assert await found(overdue=True, asset_code="b2") == []


async def test_plans_and_assets_are_made_once_per_request(house: House) -> None:
    command = CreatePricePlan(house.partner_id, "plan-1", house.partner_id, TERMS)
    plans = await asyncio.gather(*(house.catalogue.create_plan(command) for _ in range(5)))
    assert len({plan.price_plan_id for plan in plans}) == 1
    assert plans[0].terms == TERMS
    asset = CreateAsset(house.partner_id, "asset-1", house.partner_id, AssetKind.E_BIKE, "b1", plans[0].price_plan_id)
    assets = await asyncio.gather(*(house.catalogue.create_asset(asset) for _ in range(5)))
    assert len({made.asset_id for made in assets}) == 1
    assert assets[0].asset_kind is AssetKind.E_BIKE


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"code": "b2"}, "REQUEST_ID_REUSED"),
        ({"request_id": "asset-2"}, "ASSET_CODE_TAKEN"),
        ({"request_id": "asset-3", "code": "b3", "price_plan_id": PricePlanId(new_id("pln"))}, "PRICE_PLAN_NOT_FOUND"),
    ],
)
async def test_why_an_asset_is_not_made(house: House, change: dict[str, str], reason: str) -> None:
    plan = await house.catalogue.create_plan(CreatePricePlan(house.partner_id, "plan-1", house.partner_id, TERMS))
    command = CreateAsset(house.partner_id, "asset-1", house.partner_id, AssetKind.BIKE, "b1", plan.price_plan_id)
    await house.catalogue.create_asset(command)
    with pytest.raises(Refusal) as refused:
        await house.catalogue.create_asset(replace(command, **change))
    assert refused.value.reason == reason
    assert await house.asset_states() == {"b1": "AVAILABLE"}


async def test_a_request_id_of_one_member_of_the_staff_is_nobody_elses(house: House) -> None:
    mine = CreatePricePlan(house.partner_id, "same", "stf_1", TERMS)
    others = [replace(mine, by=by, terms=replace(TERMS, base_minor=7)) for by in ("stf_2", house.partner_id)]
    made = [await house.catalogue.create_plan(command) for command in (mine, *others)]
    assert len({plan.price_plan_id for plan in made}) == 3
    assert {plan.partner_id for plan in made} == {house.partner_id}
    assert await house.catalogue.create_plan(mine) == made[0]


async def test_a_refused_asset_leaves_its_request_id_free(house: House) -> None:
    plan = await house.catalogue.create_plan(CreatePricePlan(house.partner_id, "plan-1", house.partner_id, TERMS))
    wrong = CreateAsset(house.partner_id, "asset-1", house.partner_id, AssetKind.BIKE, "b1", PricePlanId(new_id("pln")))
    with pytest.raises(Refusal):
        await house.catalogue.create_asset(wrong)
    made = await house.catalogue.create_asset(replace(wrong, price_plan_id=plan.price_plan_id))
    assert made.code == "b1"


@pytest.mark.parametrize(
    "damage",
    [
        "state = 'ACTIVE'",
        "state = 'SETTLED'",
        "state = 'CANCELLED'",
        "follow_up = 'NONE', follow_up_at = NULL",
        "follow_up = 'SETTLE'",
        "follow_up_at = NULL",
        "payment_status = 'PAID'",
        "charge_minor = 100",
        "ended_at = requested_at",
        "deposit_id = 'dep_x'",
        "closing = 'END'",
        "purchase_minor = 1",
        "credit_minor = 1",
        "dispute_state = 'OPEN'",
        "wake_at = requested_at",
    ],
)
async def test_the_schema_refuses_rentals_that_cannot_be(house: House, damage: str) -> None:
    await house.bikes("b1")
    (rental,) = await house.store.claim([a_claim(house, "b1")])
    with pytest.raises(asyncpg.CheckViolationError):
        await house.db.execute(f"UPDATE rentals SET {damage} WHERE rental_id = $1", rental.rental_id)
