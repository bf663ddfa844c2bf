"""Policies on a real PostgreSQL: scopes, moments, tiers, caps, requirements, second persons, explanations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from deposits_desk import DEPOSIT_MINOR, NOON, Desk

from services.deposits.domain import AssuranceLevel, Deposit, DepositState, Policy, PolicyState
from services.deposits.domain.policies import MOST_LINES, DecidedBy, Tier
from services.deposits.operations.ports.policies import Circumstances
from services.deposits.operations.settling import CancelItem, SettleItem
from services.runtime.database import Database
from services.values.callers import Caller, Role, StaffRole
from services.values.errors import Refusal
from services.values.ids import new_id
from services.values.money import Money

HALF = Tier(550, percent=50)


@pytest.fixture(scope="module")
def dsn(fresh_database: Callable[..., str]) -> str:
    """One database for all; each test has a partner and people of its own."""
    return fresh_database("deposits_policies", "deposits")


@pytest_asyncio.fixture
async def desk(dsn: str) -> AsyncIterator[Desk]:
    """A desk without a policy."""
    db = await Database.connect(dsn, pool_size=8)
    desk = Desk(db)
    yield desk
    assert await desk.findings() == ()
    await db.close()


async def decided(desk: Desk, renter: str, **circumstances: Any) -> Deposit:
    """A deposit for one more rental."""
    deposit = await desk.secure(desk.item(renter, **circumstances))
    assert isinstance(deposit, Deposit)
    return deposit


async def reason_of(call: Awaitable[object]) -> str:
    """Why a call is refused."""
    with pytest.raises(Refusal) as refused:
        await call
    return refused.value.reason


def manager(desk: Desk, name: str) -> Caller:
    """Somebody of the partner's staff."""
    return Caller(Role.STAFF, name, desk.partner_id, None, StaffRole.MANAGER, f"ses_{name}")


def key(desk: Desk) -> Caller:
    """The partner's app."""
    return Caller(Role.PARTNER, desk.partner_id, desk.partner_id)


async def in_force(desk: Desk, city: str = "", asset_class: str = "") -> Policy:
    """What decides for an asset."""
    return await desk.policies.get(key(desk), "", "BIKE", 0, city, asset_class)


async def test_the_most_specific_policy_decides(desk: Desk) -> None:
    scopes = {("", ""): 600, ("shanghai", ""): 610, ("", "cargo"): 620, ("shanghai", "cargo"): 630}
    policies = {
        threshold: (await desk.draw(threshold=threshold, city=city, asset_class=kind)).policy_id
        for (city, kind), threshold in scopes.items()
    }
    expected = {
        ("", ""): 600,
        ("beijing", "city-bike"): 600,
        ("shanghai", "city-bike"): 610,
        ("beijing", "cargo"): 620,
        ("", "cargo"): 620,
        ("shanghai", "cargo"): 630,
    }
    renter = await desk.person(900)
    for (city, kind), threshold in expected.items():
        deposit = await decided(desk, renter, city=city, asset_class=kind)
        assert deposit.policy_id == policies[threshold], (city, kind)
        assert (await in_force(desk, city, kind)).draft.threshold == threshold


async def test_a_class_comes_before_a_city(desk: Desk) -> None:
    await desk.draw(threshold=610, city="shanghai")
    of_the_class = await desk.draw(threshold=620, asset_class="cargo")
    deposit = await decided(desk, await desk.person(900), city="shanghai", asset_class="cargo")
    assert deposit.policy_id == of_the_class.policy_id
    assert (await in_force(desk, "shanghai", "cargo")).policy_id == of_the_class.policy_id


async def test_a_scheduled_version_comes_into_force_as_the_clock_turns(desk: Desk) -> None:
    now = desk.clock.now
    first = await desk.draw(threshold=600)
    later = await desk.draw(threshold=640, effective_at=now() + timedelta(hours=30))
    gone = await desk.draw(threshold=620, effective_at=now() + timedelta(hours=20))
    small = await desk.draw(threshold=610)
    assert [p.state for p in (first, later, gone, small)] == ["IN_FORCE", "SCHEDULED", "SCHEDULED", "IN_FORCE"]
    await desk.policies.cancel(key(desk), "c", gone.policy_id, "a mistake")
    renter = await desk.person(630)
    seen = []
    for hours in (0, 21, 10):
        desk.clock.turn(hours=hours)
        deposit = await decided(desk, renter)
        seen.append((deposit.policy_id, deposit.state))
        await desk.settling.cancel([CancelItem(deposit.rental_id, renter, desk.partner_id)])
    assert seen == [
        (small.policy_id, DepositState.WAIVED),
        (small.policy_id, DepositState.WAIVED),
        (later.policy_id, DepositState.PENDING),
    ]
    states = {p.policy_id: p.state for p in (await desk.policies.list(key(desk), "", "", None, 0, ""))[0]}
    wanted = (PolicyState.SUPERSEDED, PolicyState.IN_FORCE, PolicyState.CANCELLED, PolicyState.SUPERSEDED)
    assert [states[p.policy_id] for p in (first, later, gone, small)] == list(wanted)
    assert await reason_of(desk.policies.cancel(key(desk), "d", later.policy_id, "late")) == "POLICY_STATE_NOT_ALLOWED"


@pytest.mark.parametrize(
    ("score", "state", "held"),
    [(550, DepositState.HELD, DEPOSIT_MINOR), (551, DepositState.HELD, 4950), (601, DepositState.WAIVED, 0)],
)
async def test_a_tier_holds_its_part_and_the_whole_stays_the_limit(
    desk: Desk, score: int, state: DepositState, held: int
) -> None:
    await desk.draw(tiers=(HALF,))
    deposit = await decided(desk, await desk.person(score))
    await desk.carry_out()
    after = await desk.deposit(deposit.deposit_id)
    assert (after.state, after.open_minor, after.compensation_limit_minor) == (state, held, DEPOSIT_MINOR)
    if state is DepositState.HELD:
        assert after.outcome == "NOT_ADMITTED"
        assert after.reason_codes == ("SHORT_HISTORY",), "what is missing for more is told"


async def test_a_deposit_is_counted_in_the_assets_rent(desk: Desk) -> None:
    await desk.draw(rent_multiple_tenths=10, tiers=(HALF,))
    renter = await desk.person(560)
    amounts = []
    for rent in (Money("CNY", 20_001), None):
        deposit = await decided(desk, renter, monthly_rent=rent)
        amounts.append((deposit.amount_minor, deposit.compensation_limit_minor))
    assert amounts == [(10_000, 20_001), (4950, DEPOSIT_MINOR)]


async def test_the_cap_by_amount_holds_under_concurrency_and_across_partners(desk: Desk) -> None:
    await desk.draw(max_open_waived=100, max_waived_minor=5 * DEPOSIT_MINOR + 1)
    other = Desk(desk.db)
    await other.draw(max_open_waived=100, max_waived_minor=5 * DEPOSIT_MINOR + 1)
    renter = await desk.person(700)
    other.scoring = other.securing._scoring = desk.scoring
    items = [(one, one.item(renter)) for one in (desk, other) for _ in range(8)]
    outcomes = await asyncio.gather(*(one.secure(item) for one, item in items))
    deposits = [one for one in outcomes if isinstance(one, Deposit)]
    waived = [one for one in deposits if one.state is DepositState.WAIVED]
    capped = [one for one in deposits if one.reason_codes == ("EXPOSURE_CAP_REACHED",)]
    assert (len(waived), len(capped)) == (5, 11)
    assert {one.amount_minor for one in capped} == {DEPOSIT_MINOR}, "a cap means the full deposit, never a refusal"
    await desk.settling.settle([SettleItem(waived[0].rental_id, Money("CNY", 0))])
    assert (await decided(desk, renter)).state is DepositState.WAIVED, "what has ended makes room"


async def test_each_currency_has_its_own_amount_and_all_share_the_count(desk: Desk) -> None:
    euros = Desk(desk.db)
    await desk.draw(max_waived_minor=DEPOSIT_MINOR)
    await euros.draw(max_waived_minor=DEPOSIT_MINOR, deposit=Money("EUR", DEPOSIT_MINOR))
    renter = await desk.person(700)
    await euros.add_card(renter)
    euros.scoring.scores[renter] = 700
    states = [(await decided(one, renter)).state for one in (desk, euros, desk, euros)]
    assert states == [DepositState.WAIVED, DepositState.WAIVED, DepositState.PENDING, DepositState.PENDING]
    both = [
        row["rental_id"]
        for row in await desk.db.fetch(
            "SELECT rental_id FROM deposits WHERE renter_id = $1 AND state = 'WAIVED'", renter
        )
    ]
    await desk.settling.settle([SettleItem(rental_id, Money("CNY", 0)) for rental_id in both[:1]])
    await euros.settling.settle([SettleItem(both[1], Money("EUR", 0))])
    left = await desk.db.fetch("SELECT open_count, waived_minor FROM exposures WHERE renter_id = $1", renter)
    assert [tuple(row) for row in left] == [(0, {})]


async def test_endings_and_decisions_of_one_person_at_once_keep_the_exposure(desk: Desk) -> None:
    await desk.draw(max_open_waived=12, max_waived_minor=12 * DEPOSIT_MINOR)
    renter = await desk.person(700)
    ending = [await decided(desk, renter) for _ in range(12)]
    ends = [desk.settling.settle([SettleItem(one.rental_id, Money("CNY", 0))]) for one in ending]
    begun = [desk.secure(desk.item(renter)) for _ in range(12)]
    await asyncio.gather(*(one for pair in zip(ends, begun, strict=True) for one in pair))
    query = "SELECT count(*) FROM deposits WHERE renter_id = $1 AND state = 'WAIVED'"
    waived = await desk.db.fetchval(query, renter)
    kept = await desk.db.fetch("SELECT open_count, waived_minor FROM exposures WHERE renter_id = $1", renter)
    left = {"CNY": waived * DEPOSIT_MINOR} if waived else {}
    assert [tuple(row) for row in kept] == [(waived, left)]


async def test_a_deposit_above_the_cap_is_never_waived(desk: Desk) -> None:
    await desk.draw(max_waived_minor=DEPOSIT_MINOR - 1)
    deposit = await decided(desk, await desk.person(700))
    assert (deposit.state, deposit.reason_codes) == (DepositState.PENDING, ("EXPOSURE_CAP_REACHED",))


async def test_a_bad_record_or_too_little_assurance_means_the_full_deposit(desk: Desk) -> None:
    checked = AssuranceLevel.DOCUMENT_CHECKED
    await desk.draw(tiers=(HALF,), clean_record_years=5, required_assurance=checked)
    clean, bad, claimed = await desk.person(700), await desk.person(700), await desk.person(560)
    desk.scoring.bad_records.add(bad)
    deposits = [
        await decided(desk, clean, assurance=AssuranceLevel.FACE_CHECKED),
        await decided(desk, bad, assurance=checked),
        await decided(desk, claimed, assurance=AssuranceLevel.CLAIMED),
    ]
    assert [(d.state, d.reason_codes, d.amount_minor) for d in deposits] == [
        (DepositState.WAIVED, (), DEPOSIT_MINOR),
        (DepositState.PENDING, ("BAD_RECORD",), DEPOSIT_MINOR),
        (DepositState.PENDING, ("ASSURANCE_TOO_LOW",), DEPOSIT_MINOR),
    ]
    assert desk.scoring.frames == 2, "scoring is not asked about somebody for whom its answer cannot matter"
    told = await desk.db.fetch("SELECT payload FROM outbox WHERE kind = 'SCORES_USED'")
    assert claimed not in {use["renter_id"] for row in told for use in row["payload"]["uses"]}


async def test_a_large_change_waits_for_somebody_else(desk: Desk) -> None:
    await desk.draw(threshold=600)
    large = await desk.draw("ann", threshold=700)
    assert (large.state, large.approval_reasons) == (PolicyState.PROPOSED, ("LINE_MOVED",))
    assert (await decided(desk, await desk.person(650))).state is DepositState.WAIVED, "it decides nothing yet"
    ann, bob, stranger = manager(desk, "ann"), manager(desk, "bob"), manager(Desk(desk.db), "eve")
    approve = desk.policies.approve
    assert await reason_of(approve(ann, "1", large.policy_id, "mine")) == "APPROVAL_BY_ANOTHER"
    assert await reason_of(approve(stranger, "1", large.policy_id, "theirs")) == "POLICY_NOT_FOUND"
    approved = await approve(bob, "1", large.policy_id, "agreed")
    assert (approved.state, approved.ruled_by, approved.ruling_reason) == (PolicyState.IN_FORCE, "bob", "agreed")
    assert await approve(bob, "1", large.policy_id, "agreed") == approved
    assert await reason_of(approve(bob, "1", large.policy_id, "other words")) == "REQUEST_ID_REUSED"
    assert await reason_of(approve(bob, "2", large.policy_id, "again")) == "POLICY_STATE_NOT_ALLOWED"
    assert (await decided(desk, await desk.person(650))).state is DepositState.PENDING


async def test_a_proposal_of_the_app_is_approved_once_by_two_at_once(desk: Desk) -> None:
    await desk.draw(threshold=600)
    large = await desk.draw(threshold=700)
    rulings = [desk.policies.approve(manager(desk, "ann"), "a", large.policy_id, "yes")]
    rulings += [desk.policies.reject(manager(desk, "bob"), "b", large.policy_id, "no")]
    outcomes = await asyncio.gather(*rulings, return_exceptions=True)
    (refused,) = [one for one in outcomes if isinstance(one, Refusal)]
    (ruled,) = [one for one in outcomes if isinstance(one, Policy)]
    assert refused.reason == "POLICY_STATE_NOT_ALLOWED"
    threshold = (await in_force(desk)).draft.threshold
    assert (ruled.ruled_by, threshold) in {("ann", 700), ("bob", 600)}


async def test_many_small_steps_in_a_day_are_one_large_one(desk: Desk) -> None:
    await desk.draw(threshold=600)
    desk.clock.turn(hours=25)
    states = [(await desk.draw(threshold=line)).state for line in (630, 650, 660)]
    assert states == [PolicyState.IN_FORCE, PolicyState.IN_FORCE, PolicyState.PROPOSED]
    desk.clock.turn(hours=25)
    assert (await desk.draw(threshold=660)).state is PolicyState.IN_FORCE


async def test_a_new_scope_is_compared_with_what_decided_there(desk: Desk) -> None:
    await desk.draw(threshold=600)
    assert (await desk.draw(threshold=660, city="shanghai")).state is PolicyState.PROPOSED
    assert (await desk.draw(threshold=640, city="shanghai")).state is PolicyState.IN_FORCE
    assert (await desk.draw(threshold=680, city="shanghai", asset_class="cargo")).state is PolicyState.IN_FORCE


async def test_scopes_are_no_way_around_the_rate(desk: Desk) -> None:
    cities = [f"city-{n}" for n in range(7)]
    outcomes = await asyncio.gather(*(desk.draw(city=city) for city in cities), return_exceptions=True)
    refused = [one.reason for one in outcomes if isinstance(one, Refusal)]
    assert refused == ["POLICY_CHANGED_TOO_OFTEN"]
    listed, _ = await desk.policies.list(key(desk), "", "BIKE", PolicyState.IN_FORCE, 0, "")
    assert sorted(policy.version for policy in listed) == [1, 2, 3, 4, 5, 6]


async def test_a_kind_draws_only_so_many_lines(desk: Desk) -> None:
    lines = list(range(600, 600 + MOST_LINES))
    for number, line in enumerate(lines):
        await desk.draw(threshold=line, city=f"city-{number}")
        desk.clock.turn(hours=5)
    desk.clock.turn(hours=25)
    assert await reason_of(desk.draw(threshold=590, city="one-more")) == "TOO_MANY_POLICY_LINES"
    assert (await desk.draw(threshold=600, city="one-more")).state is PolicyState.IN_FORCE
    assert (await desk.draw(threshold=590, city="city-3")).state is PolicyState.IN_FORCE, "one for another"


async def test_versions_are_listed_page_by_page(desk: Desk) -> None:
    for line in (600, 610, 620):
        await desk.draw(threshold=line)
    await desk.draw(threshold=630, city="shanghai")
    seen, token = [], ""
    while True:
        page, token = await desk.policies.list(key(desk), "", "", None, 3, token)
        seen += [policy.draft.threshold for policy in page]
        if not token:
            break
    assert seen == [630, 620, 610, 600]
    scopes, _ = await desk.policies.list(key(desk), "", "BIKE", PolicyState.IN_FORCE, 0, "")
    assert [(p.draft.city, p.draft.threshold) for p in scopes] == [("shanghai", 630), ("", 620)]


async def test_one_answer_stands_per_scope_and_only_three_scopes_answer(desk: Desk) -> None:
    renter = await desk.person(605)
    await desk.draw(threshold=600)
    for line, city in enumerate(("a", "b", "c"), 606):
        await desk.draw(threshold=line, city=city)

    async def preview(city: str) -> bool:
        return (await desk.securing.preview(desk.partner_id, renter, "BIKE", Circumstances(city))).waived

    assert [await preview(city) for city in ("", "elsewhere", "a", "b")] == [True, True, False, False]
    await desk.draw(threshold=580)
    await desk.draw(threshold=604, city="a")
    assert [await preview(city) for city in ("", "elsewhere", "a")] == [True, True, False]
    assert await reason_of(preview("c")) == "PREVIEWED_TOO_OFTEN"
    desk.clock.turn(hours=25)
    assert [await preview(city) for city in ("c", "a")] == [False, True]
    others = [f"d{n}" for n in range(5)]
    for city in others:
        await desk.draw(threshold=600, city=city)
    second = await desk.person(605)

    async def about(city: str) -> object:
        return await desk.securing.preview(desk.partner_id, second, "BIKE", Circumstances(city))

    await about("")
    outcomes = await asyncio.gather(*map(about, others), return_exceptions=True)
    assert [isinstance(one, Refusal) for one in outcomes].count(True) == 3


async def test_a_preview_says_what_the_decision_would(desk: Desk) -> None:
    await desk.draw(tiers=(HALF,), clean_record_years=5, required_assurance=AssuranceLevel.DOCUMENT_CHECKED)
    half, bad, full = await desk.person(560), await desk.person(700), await desk.person(500)
    desk.scoring.bad_records.add(bad)
    said = [await desk.securing.preview(desk.partner_id, renter, "BIKE") for renter in (half, bad, full)]
    assert [one.amount_minor for one in said] == [4950, DEPOSIT_MINOR, DEPOSIT_MINOR]
    desk.identity.assurance = AssuranceLevel.CLAIMED
    claimed = await desk.securing.preview(desk.partner_id, await desk.person(700), "BIKE")
    assert claimed.reason_codes == ("ASSURANCE_TOO_LOW",)


async def test_a_decision_is_remade_by_the_same_rule(desk: Desk) -> None:
    await desk.draw(tiers=(HALF,), clean_record_years=5, max_waived_minor=DEPOSIT_MINOR)
    renter, bad = await desk.person(500), await desk.person(500)
    held = [await decided(desk, one) for one in (renter, renter, bad)]
    await desk.carry_out()
    desk.scoring.scores |= {renter: 590, bad: 700}
    desk.scoring.bad_records.add(bad)
    for one in (renter, bad):
        await desk.put_right(one)
    states = [(await desk.deposit(one.deposit_id)).state for one in held]
    assert states == [DepositState.HELD] * 3, "a smaller deposit is none waived, and a bad record stays one"
    desk.scoring.scores[renter] = 700
    await desk.put_right(renter)
    states = [(await desk.deposit(one.deposit_id)).state for one in held[:2]]
    assert sorted(states) == [DepositState.HELD, DepositState.WAIVED], "the cap has room for one"
    await desk.carry_out()


async def test_a_decision_is_explained_after_everything_has_changed(desk: Desk) -> None:
    first = await desk.draw(threshold=600, tiers=(HALF,), city="shanghai", rent_multiple_tenths=10)
    renter = await desk.person(560)
    around: dict[str, Any] = {"city": "shanghai", "asset_class": "cargo", "assurance": AssuranceLevel.FACE_CHECKED}
    around["monthly_rent"] = Money("CNY", 20_000)
    deposit = await decided(desk, renter, **around)
    await desk.carry_out()
    await desk.draw(threshold=640, city="shanghai", rent_multiple_tenths=10, tiers=(Tier(590, percent=50),))
    person = Caller(Role.RENTER, renter)
    desk.clock.turn(days=3 * 365)
    told = await desk.explaining.explain(person, deposit.deposit_id)
    assert (told.by, told.tier, told.taken_minor) == (DecidedBy.TIER, HALF, 10_000)
    assert told.decided.policy is not None
    assert (told.decided.policy.policy_id, told.decided.policy.draft.threshold) == (first.policy_id, 600)
    assert told.decided.policy.state is PolicyState.SUPERSEDED
    assert told.decided.circumstances == Circumstances(**around)
    assert told.decided.deposit.model_version == "test-1"

    desk.scoring.scores[renter] = 620
    desk.clock.time = NOON
    await desk.put_right(renter)
    remade = await desk.explaining.explain(person, deposit.deposit_id)
    assert (remade.by, remade.tier, remade.taken_minor) == (DecidedBy.THRESHOLD, None, 0)
    (before,) = remade.decided.redecisions
    assert (before.outcome, before.reason_codes) == ("NOT_ADMITTED", ("SHORT_HISTORY",))
    await desk.carry_out()


async def test_who_is_told_what_of_a_decision(desk: Desk) -> None:
    await desk.draw()
    renter = await desk.person(500)
    deposit = await decided(desk, renter)
    await desk.db.execute("UPDATE deposits SET facts_version = 7 WHERE deposit_id = $1", deposit.deposit_id)
    explain = desk.explaining.explain
    told = {
        caller.role: (await explain(caller, deposit.deposit_id)).decided.deposit.facts_version
        for caller in (Caller(Role.RENTER, renter), Caller(Role.OPERATOR, "ops"), key(desk), manager(desk, "ann"))
    }
    assert told == {Role.RENTER: 7, Role.OPERATOR: 7, Role.PARTNER: 0, Role.STAFF: 0}
    words = {
        caller.role: (said.author, said.draft.reason, said.draft.threshold)
        for caller in (Caller(Role.RENTER, renter), key(desk))
        if (said := (await explain(caller, deposit.deposit_id)).decided.policy) is not None
    }
    assert words == {Role.RENTER: ("", "", 600), Role.PARTNER: (desk.partner_id, "a test", 600)}
    for stranger in (Caller(Role.RENTER, await desk.person()), Caller(Role.PARTNER, "ptn_x", "ptn_x")):
        assert await reason_of(explain(stranger, deposit.deposit_id)) == "DEPOSIT_NOT_FOUND"
    item = desk.item(renter)
    await desk.settling.cancel([CancelItem(item.rental_id, renter, desk.partner_id)])
    buried = await desk.store.find_by_rental([item.rental_id])
    never = await explain(Caller(Role.RENTER, renter), buried[item.rental_id])
    assert (never.by, never.decided.policy, never.taken_minor) == (DecidedBy.CANCELLATION, None, 0)
    await desk.carry_out()


async def test_terms_out_of_bounds_are_refused_and_name_the_field(desk: Desk) -> None:
    with pytest.raises(Refusal) as refused:
        await desk.draw(threshold=801)
    assert (refused.value.reason, refused.value.metadata) == ("POLICY_OUT_OF_BOUNDS", {"least": "450", "most": "800"})
    assert await reason_of(in_force(desk)) == "POLICY_NOT_FOUND"
    assert await reason_of(desk.policies.get(key(desk), "", "BIKE", 9)) == "POLICY_NOT_FOUND"
    assert await reason_of(desk.policies.reject(manager(desk, "ann"), "r", new_id("pol"), "?")) == "POLICY_NOT_FOUND"
