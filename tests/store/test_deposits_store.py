"""Deposits on a real PostgreSQL: decisions, holds, money, repeats and races."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest
from deposits_desk import DEPOSIT_MINOR, Authorization, Desk

from services.deposits.domain import (
    AdmittanceOutcome,
    Deposit,
    DepositState,
    OperationState,
    PaymentStatus,
    PolicyDraft,
    Result,
)
from services.deposits.operations.settling import CancelItem, SettleItem
from services.runtime.database import Database
from services.values.callers import Caller, Role, StaffRole
from services.values.errors import Refusal
from services.values.ids import new_id, new_id_of
from services.values.money import Money


@pytest.fixture(scope="module")
def deposits_dsn(fresh_database: Callable[..., str]) -> str:
    return fresh_database("deposits", "deposits")


@pytest.fixture
async def desk(deposits_dsn: str) -> AsyncIterator[Desk]:
    db = await Database.connect(deposits_dsn, pool_size=8)
    made = Desk(db)
    await made.open()
    yield made
    assert await made.findings() == ()
    await db.close()


def fare(minor: int) -> Money:
    return Money("CNY", minor)


@pytest.mark.parametrize(
    ("score", "state", "outcome"),
    [
        (599, DepositState.PENDING, AdmittanceOutcome.NOT_ADMITTED),
        (600, DepositState.PENDING, AdmittanceOutcome.NOT_ADMITTED),
        (601, DepositState.WAIVED, AdmittanceOutcome.ADMITTED),
        (None, DepositState.PENDING, AdmittanceOutcome.CANNOT_ASSESS),
    ],
)
async def test_only_a_score_strictly_above_the_threshold_is_waived(
    desk: Desk, score: int | None, state: DepositState, outcome: AdmittanceOutcome
) -> None:
    deposit = await desk.secure(desk.item(await desk.person(score)))
    assert isinstance(deposit, Deposit)
    assert (deposit.state, deposit.outcome, deposit.amount_minor) == (state, outcome, DEPOSIT_MINOR)


async def test_without_consent_scoring_is_not_even_asked(desk: Desk) -> None:
    deposit = await desk.secure(desk.item(await desk.person(900), consent=False))
    assert isinstance(deposit, Deposit)
    assert (deposit.state, deposit.reason_codes) == (DepositState.PENDING, ("NO_SCORING_CONSENT",))
    assert desk.scoring.frames == 0


async def test_scoring_down_means_a_deposit_never_a_waiver_and_never_a_refusal(desk: Desk) -> None:
    desk.scoring.down = True
    deposit = await desk.secure(desk.item(await desk.person(900)))
    assert isinstance(deposit, Deposit)
    assert (deposit.state, deposit.reason_codes) == (DepositState.PENDING, ("SCORING_UNAVAILABLE",))


async def test_nothing_to_hold_on_is_an_error_only_when_a_hold_is_needed(desk: Desk) -> None:
    waived = await desk.secure(desk.item(await desk.person(700, card=False)))
    assert isinstance(waived, Deposit)
    assert waived.state is DepositState.WAIVED
    refused = await desk.secure(desk.item(await desk.person(500, card=False)))
    assert isinstance(refused, Refusal)
    assert refused.reason == "PAYMENT_METHOD_REQUIRED"


async def test_the_fourth_open_waiver_takes_a_deposit_and_a_settled_one_makes_room(desk: Desk) -> None:
    renter = await desk.person(700)
    items = [desk.item(renter) for _ in range(4)]
    states = [(await desk.secure(item)).state for item in items]  # type: ignore[union-attr]
    assert states == [DepositState.WAIVED] * 3 + [DepositState.PENDING]
    await desk.settling.settle([SettleItem(items[0].rental_id, fare(0))])
    again = await desk.secure(desk.item(renter))
    assert isinstance(again, Deposit)
    assert again.state is DepositState.WAIVED


async def test_the_cap_holds_under_concurrency(desk: Desk) -> None:
    renter = await desk.person(700)
    outcomes = await asyncio.gather(*(desk.secure(desk.item(renter)) for _ in range(12)))
    waived = [o for o in outcomes if isinstance(o, Deposit) and o.state is DepositState.WAIVED]
    capped = [o for o in outcomes if isinstance(o, Deposit) and o.reason_codes == ("EXPOSURE_CAP_REACHED",)]
    assert (len(waived), len(capped)) == (3, 9)


async def test_a_hold_is_captured_up_to_the_fare_and_the_rest_released(desk: Desk) -> None:
    item = desk.item(await desk.person(500))
    deposit = await desk.secure(item)
    assert isinstance(deposit, Deposit)
    await desk.carry_out()
    assert (await desk.deposit(deposit.deposit_id)).state is DepositState.HELD
    await desk.settling.settle([SettleItem(item.rental_id, fare(450))])
    await desk.carry_out()
    closed = await desk.deposit(deposit.deposit_id)
    assert (closed.state, closed.payment_status) == (DepositState.CLOSED, PaymentStatus.PAID)
    assert (closed.authorized_minor, closed.captured_minor, closed.released_minor) == (DEPOSIT_MINOR, 450, 9450)


async def test_what_is_above_the_hold_is_billed(desk: Desk) -> None:
    item = desk.item(await desk.person(500))
    deposit = await desk.secure(item)
    assert isinstance(deposit, Deposit)
    await desk.carry_out()
    await desk.settling.settle([SettleItem(item.rental_id, fare(DEPOSIT_MINOR + 700))])
    await desk.carry_out()
    closed = await desk.deposit(deposit.deposit_id)
    assert (closed.captured_minor, closed.paid_minor) == (DEPOSIT_MINOR, DEPOSIT_MINOR + 700)
    assert (desk.processor.captured_minor, desk.processor.charged_minor) == (DEPOSIT_MINOR, 700)


async def test_a_free_ride_gives_the_whole_hold_back(desk: Desk) -> None:
    item = desk.item(await desk.person(500))
    deposit = await desk.secure(item)
    assert isinstance(deposit, Deposit)
    await desk.carry_out()
    await desk.settling.settle([SettleItem(item.rental_id, fare(0))])
    await desk.carry_out()
    closed = await desk.deposit(deposit.deposit_id)
    assert (closed.released_minor, closed.payment_status) == (DEPOSIT_MINOR, PaymentStatus.NONE)
    assert closed.state is DepositState.CLOSED


async def test_a_waived_renter_is_billed_and_paying_later_cures(desk: Desk) -> None:
    renter = await desk.person(700, card=False)
    item = desk.item(renter)
    await desk.secure(item)
    (due,) = await desk.settling.settle([SettleItem(item.rental_id, fare(300))])
    assert isinstance(due, Deposit)
    assert (due.state, due.payment_status) == (DepositState.CLOSED, PaymentStatus.DUE)
    await desk.add_card(renter)
    await desk.carry_out()
    assert (await desk.deposit(due.deposit_id)).payment_status is PaymentStatus.PAID


async def test_a_declined_bill_fails_and_another_card_cures_it(desk: Desk) -> None:
    renter = await desk.person(700)
    item = desk.item(renter)
    await desk.secure(item)
    (owed,) = await desk.settling.settle([SettleItem(item.rental_id, fare(300))])
    desk.processor.mood = "decline"
    await desk.carry_out()
    assert isinstance(owed, Deposit)
    assert (await desk.deposit(owed.deposit_id)).payment_status is PaymentStatus.FAILED
    desk.processor.mood = "ok"
    await desk.add_card(renter, "another")
    await desk.carry_out()
    assert (await desk.deposit(owed.deposit_id)).payment_status is PaymentStatus.PAID


async def test_a_declined_card_ends_the_deposit(desk: Desk) -> None:
    desk.processor.mood = "decline"
    deposit = await desk.secure(desk.item(await desk.person(500)))
    await desk.carry_out()
    assert isinstance(deposit, Deposit)
    declined = await desk.deposit(deposit.deposit_id)
    assert (declined.state, declined.decline_code) == (DepositState.DECLINED, "generic_decline")


async def test_an_answer_that_never_came_is_asked_for_not_repeated_blindly(desk: Desk) -> None:
    desk.processor.mood = "lost_after"
    deposit = await desk.secure(desk.item(await desk.person(500)))
    assert await desk.carry_out() == 0
    assert isinstance(deposit, Deposit)
    assert (await desk.deposit(deposit.deposit_id)).state is DepositState.HELD
    assert set(desk.processor.acts.values()) == {1}


async def test_a_late_yes_after_we_gave_up_is_voided(desk: Desk) -> None:
    item = desk.item(await desk.person(500))
    desk.processor.mood = "down"
    deposit = await desk.secure(item)
    assert await desk.carry_out() == 1
    await desk.settling.cancel([CancelItem(item.rental_id, item.renter_id, item.partner_id)])
    desk.processor.mood = "ok"
    assert await desk.processing.lease_due() == []
    key = await desk.db.fetchval("SELECT operation_id FROM processor_operations WHERE state = 'WANTED'")
    desk.processor.authorizations[f"auth_{key}"] = Authorization(DEPOSIT_MINOR, open_minor=DEPOSIT_MINOR)
    desk.processor.done[key] = Result(key, OperationState.DONE, f"auth_{key}")
    await desk.sweep()
    assert isinstance(deposit, Deposit)
    voided = await desk.deposit(deposit.deposit_id)
    assert (voided.state, voided.released_minor, voided.open_minor) == (DepositState.CANCELLED, DEPOSIT_MINOR, 0)
    assert desk.processor.authorizations[f"auth_{key}"].open_minor == 0


async def test_fifty_concurrent_repeats_act_once(desk: Desk) -> None:
    item = desk.item(await desk.person(500))
    outcomes = await asyncio.gather(*(desk.secure(item) for _ in range(50)))
    assert len({o.deposit_id for o in outcomes if isinstance(o, Deposit)}) == 1
    await desk.carry_out()
    assert await desk.db.fetchval("SELECT count(*) FROM deposits WHERE rental_id = $1", item.rental_id) == 1
    assert desk.processor.open_minor == DEPOSIT_MINOR


async def test_concurrent_settlements_charge_once(desk: Desk) -> None:
    item = desk.item(await desk.person(500))
    await desk.secure(item)
    await desk.carry_out()
    await asyncio.gather(*(desk.settling.settle([SettleItem(item.rental_id, fare(450))]) for _ in range(30)))
    await desk.carry_out()
    assert desk.processor.captured_minor == 450
    kind_counts = await desk.db.fetch(
        "SELECT t.kind, count(*) AS n FROM ledger_transfers t JOIN deposits d USING (bucket, deposit_id)"
        " WHERE d.rental_id = $1 GROUP BY t.kind",
        item.rental_id,
    )
    assert {row["kind"]: row["n"] for row in kind_counts} == {
        "AUTHORIZED": 1,
        "CHARGED": 1,
        "CAPTURED": 1,
        "RELEASED": 1,
    }


async def test_a_cancelled_rental_that_was_never_secured_stays_cancelled(desk: Desk) -> None:
    item = desk.item(await desk.person(700))
    await desk.settling.cancel([CancelItem(item.rental_id, item.renter_id, item.partner_id)])
    late = await desk.secure(item)
    assert isinstance(late, Deposit)
    assert late.state is DepositState.CANCELLED


async def test_currencies_do_not_mix(desk: Desk) -> None:
    item = desk.item(await desk.person(700))
    await desk.secure(item)
    (refused,) = await desk.settling.settle([SettleItem(item.rental_id, Money("EUR", 100))])
    assert isinstance(refused, Refusal)
    assert refused.reason == "CURRENCY_MISMATCH"


def partner_of(desk: Desk) -> Caller:
    """The partner's app."""
    return Caller(Role.PARTNER, desk.partner_id, desk.partner_id)


async def test_policies_are_versioned_and_not_changed_too_often(desk: Desk) -> None:
    for threshold in (610, 620, 630, 640, 650):
        await desk.open(threshold)
    with pytest.raises(Refusal) as refused:
        await desk.open(660)
    assert refused.value.reason == "POLICY_CHANGED_TOO_OFTEN"
    assert (await desk.policies.get(partner_of(desk), "", "BIKE", 0)).draft.threshold == 650
    assert (await desk.policies.get(partner_of(desk), "", "BIKE", 1)).draft.threshold == 600
    desk.clock.turn(hours=25)
    await desk.open(660)
    assert (await desk.policies.get(partner_of(desk), "", "BIKE", 0)).version == 7


async def test_staff_read_the_policies_of_their_own_partner_and_no_other_exists(desk: Desk) -> None:
    analyst = Caller(Role.STAFF, "stf_1", desk.partner_id, None, StaffRole.ANALYST, "ses_1")
    for named in ("", desk.partner_id):
        assert (await desk.policies.get(analyst, named, "BIKE", 0)).draft.partner_id == desk.partner_id
    stranger = Caller(Role.STAFF, "stf_2", new_id("ptn"), None, StaffRole.OWNER, "ses_2")
    for named in ("", desk.partner_id):
        with pytest.raises(Refusal) as refused:
            await desk.policies.get(stranger, named, "BIKE", 0)
        assert refused.value.reason == "POLICY_NOT_FOUND"


async def test_a_repeated_policy_change_is_one_version_and_a_reused_id_is_refused(desk: Desk) -> None:
    draft = PolicyDraft(desk.partner_id, "BIKE", 615, fare(100), 3, "twice")
    first = await desk.policies.set("same", draft, "stf_1")
    assert await desk.policies.set("same", draft, "stf_1") == first
    with pytest.raises(Refusal) as refused:
        await desk.policies.set("same", PolicyDraft(desk.partner_id, "BIKE", 616, fare(100), 3, "twice"), "stf_1")
    assert refused.value.reason == "REQUEST_ID_REUSED"


async def test_a_preview_stands_for_a_day_whatever_the_threshold_becomes(desk: Desk) -> None:
    renter = await desk.person(620)
    assert (await desk.securing.preview(desk.partner_id, renter, "BIKE")).waived
    await desk.open(650)
    assert (await desk.securing.preview(desk.partner_id, renter, "BIKE")).waived
    desk.clock.turn(hours=25)
    assert not (await desk.securing.preview(desk.partner_id, renter, "BIKE")).waived


async def test_the_hot_path_costs_one_read_one_frame_and_one_write(desk: Desk) -> None:
    renters = [await desk.person(700) for _ in range(8)]
    statements: list[str] = []
    fetch = desk.db.fetch

    async def counting(sql: str, *args: object, **options: float) -> list[asyncpg.Record]:
        statements.append(sql)
        return await fetch(sql, *args, **options)

    desk.db.fetch = counting  # type: ignore[method-assign]
    await desk.securing.secure([desk.item(renter) for renter in renters])
    assert len(statements) == 2
    assert desk.scoring.frames == 1


@pytest.mark.parametrize("change", ["captured_minor = captured_minor + 1", "open_minor = -1", "paid_minor = 1"])
async def test_the_database_itself_refuses_money_that_does_not_add_up(desk: Desk, change: str) -> None:
    item = desk.item(await desk.person(500))
    await desk.secure(item)
    await desk.carry_out()
    with pytest.raises(asyncpg.CheckViolationError):
        await desk.db.execute(f"UPDATE deposits SET {change} WHERE rental_id = $1", item.rental_id)


async def test_the_trial_balance_finds_a_planted_error(desk: Desk) -> None:
    item = desk.item(await desk.person(500))
    await desk.secure(item)
    await desk.carry_out()
    plant = "UPDATE ledger_balances SET balance_minor = balance_minor {} 1 WHERE renter_id = $1 AND account = $2"
    await desk.db.execute(plant.format("+"), item.renter_id, "deposits_held")
    assert any(item.renter_id in finding for finding in await desk.findings())
    await desk.db.execute(plant.format("-"), item.renter_id, "deposits_held")


async def test_who_may_see_a_deposit(desk: Desk) -> None:
    renter = await desk.person(700)
    deposit = await desk.secure(desk.item(renter))
    assert isinstance(deposit, Deposit)
    for caller in (
        Caller(Role.PARTNER, desk.partner_id, desk.partner_id),
        Caller(Role.RENTER, renter),
        Caller(Role.OPERATOR, "ops"),
    ):
        assert (await desk.reading.get(caller, deposit.deposit_id)).deposit_id == deposit.deposit_id
    for stranger in (
        Caller(Role.PARTNER, new_id("ptn")),
        Caller(Role.RENTER, new_id_of("rnt", renter)),
    ):
        with pytest.raises(Refusal) as refused:
            await desk.reading.get(stranger, deposit.deposit_id)
        assert refused.value.reason == "DEPOSIT_NOT_FOUND"


async def test_lists_page_by_token_and_refuse_foreign_tokens(desk: Desk) -> None:
    renter = await desk.person(700)
    made = {(await desk.secure(desk.item(renter))).deposit_id for _ in range(5)}  # type: ignore[union-attr]
    partner = Caller(Role.PARTNER, desk.partner_id, desk.partner_id)
    seen: list[str] = []
    token = ""
    while True:
        page, token = await desk.reading.list(partner, "", None, 2, token)
        seen += [deposit.deposit_id for deposit in page]
        if not token:
            break
    assert (set(seen), seen) == (made, sorted(made, reverse=True))
    _, token = await desk.reading.list(partner, "", None, 2, "")
    for foreign in (token, "garbage", "e30"):
        with pytest.raises(Refusal) as refused:
            await desk.reading.list(Caller(Role.RENTER, renter), "", None, 2, foreign)
        assert refused.value.reason == "PAGE_TOKEN_INVALID"
