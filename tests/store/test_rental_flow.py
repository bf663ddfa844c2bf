"""The use cases on a real PostgreSQL: what each scan and return costs in statements and frames, and what it answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
from rental_house import House, a_renter, open_house, reasons
from rental_kit import GOOD, a_security, ask

from services.rental.domain import (
    AssetKind,
    CancelRental,
    DepositState,
    EndRental,
    FollowUp,
    PaymentMethodId,
    PaymentStatus,
    RentalState,
    Settlement,
)
from services.rental.operations import Started
from services.values.errors import Category, Refusal
from services.values.ids import new_id_of


@pytest.fixture(scope="module")
def dsn(fresh_database: Callable[..., str]) -> str:
    return fresh_database("rental_flow", "rental")


@pytest.fixture
async def house(dsn: str) -> AsyncIterator[House]:
    async with open_house(dsn) as house:
        yield house


@pytest.mark.parametrize("many", [1, 16])
async def test_starting_costs_a_claim_and_an_activation_and_a_frame_to_each_neighbour(house: House, many: int) -> None:
    await house.bikes(*(f"b{n}" for n in range(many)))
    asks = [ask(house.partner_id, a_renter(), f"b{n}", f"s-{n}") for n in range(many)]
    outcomes, statements = await house.count(lambda: house.starting.start(asks))
    assert reasons(outcomes) == ["ACTIVE"] * many
    assert statements == 2
    assert len(house.identity.frames) == house.deposits.frames["secure"] == 1


async def test_a_batch_of_every_kind_costs_no_more(house: House) -> None:
    await house.bikes(*(f"b{n}" for n in range(5)))
    renters = [a_renter() for _ in range(5)]
    house.deposits.plan = {
        renters[1]: DepositState.HELD,
        renters[2]: DepositState.PENDING,
        renters[3]: DepositState.DECLINED,
    }
    house.identity.standings = {renters[4]: replace(GOOD, linked=False)}
    asks = [ask(house.partner_id, renter, f"b{n}", "s-1") for n, renter in enumerate(renters)]
    outcomes, statements = await house.count(lambda: house.starting.start(asks))
    assert reasons(outcomes) == ["ACTIVE", "ACTIVE", "REQUESTED", "PAYMENT_DECLINED", "RENTER_NOT_LINKED"]
    assert statements == 2
    assert await house.asset_states() == {
        "b0": "RENTED", "b1": "RENTED", "b2": "RENTED", "b3": "AVAILABLE", "b4": "AVAILABLE"
    }  # fmt: skip


@pytest.mark.parametrize("many", [1, 16])
async def test_ending_costs_a_read_a_write_a_frame_and_a_payment_write(house: House, many: int) -> None:
    await house.bikes(*(f"b{n}" for n in range(many)))
    rentals = [await house.riding(f"b{n}") for n in range(many)]
    house.hands.turn(minutes=45)
    commands = [EndRental(house.partner_id, f"e-{n}", rental.rental_id) for n, rental in enumerate(rentals)]
    outcomes, statements = await house.count(lambda: house.closing.end(commands))
    assert reasons(outcomes) == ["RETURNED"] * many
    assert {o.payment_status for o in outcomes} == {PaymentStatus.IN_PROGRESS}
    assert {o.charge.amount_minor for o in outcomes} == {300}
    assert statements == 3
    assert house.deposits.frames["settle"] == 1
    assert set((await house.asset_states()).values()) == {"AVAILABLE"}


async def test_a_repeated_start_gives_the_same_rental_as_it_stands(house: House) -> None:
    await house.bikes("b1")
    renter = a_renter()
    first = await house.start(renter, "b1")
    assert await house.start(renter, "b1") == first
    house.hands.turn(minutes=10)
    await house.end(first.rental_id)
    again = await house.start(renter, "b1")
    assert (again.rental_id, again.state) == (first.rental_id, RentalState.RETURNED)
    assert (await house.told()).count(("RENTAL_STARTED", renter)) == 1


@pytest.mark.parametrize("change", [{"asset_code": "b2"}, {"payment_method_id": "pmt_" + "0" * 28}])
async def test_a_request_id_with_other_content_is_refused(house: House, change: dict[str, str]) -> None:
    await house.bikes("b1", "b2")
    scan = ask(house.partner_id, a_renter(), "b1", "s-1")
    await house.starting.start([scan])
    other = replace(scan, command=replace(scan.command, **change))
    assert reasons(await house.starting.start([other])) == ["REQUEST_ID_REUSED"]


async def test_request_ids_are_each_renters_own(house: House) -> None:
    await house.bikes("b1", "b2")
    one, two = await house.start(a_renter(), "b1", "same"), await house.start(a_renter(), "b2", "same")
    assert (one.state, two.state) == (RentalState.ACTIVE, RentalState.ACTIVE)


async def test_a_refusal_that_made_a_rental_replays_whatever_has_changed_since(house: House) -> None:
    await house.bikes("b1")
    renter = a_renter()
    house.identity.standings = {renter: replace(GOOD, verified=False)}
    first = await house.start(renter, "b1")
    house.identity.standings = {}
    second = await house.start(renter, "b1")
    assert (first.reason, first.metadata, first.category) == (second.reason, second.metadata, second.category)
    assert first.reason == "RENTER_NOT_VERIFIED"
    assert reasons([await house.start(renter, "b1", "s-2")]) == ["ACTIVE"]


async def test_an_asset_that_was_not_there_is_no_rental_and_can_be_asked_for_again(house: House) -> None:
    await house.bikes("b1")
    taken = await house.riding("b1")
    renter = a_renter()
    assert reasons([await house.start(renter, "b1"), await house.start(renter, "b9")]) == [
        "ASSET_NOT_AVAILABLE", "ASSET_NOT_FOUND"
    ]  # fmt: skip
    await house.end(taken.rental_id)
    assert reasons([await house.start(renter, "b1")]) == ["ACTIVE"]


@pytest.mark.parametrize("who", ["identity", "deposits"])
async def test_a_neighbour_that_is_down_is_no_answer_and_the_same_request_goes_on(house: House, who: str) -> None:
    await house.bikes("b1")
    renter = a_renter()
    neighbour = getattr(house, who)
    neighbour.down = True
    refusal = await house.start(renter, "b1")
    assert (refusal.category, refusal.reason) == (Category.UNAVAILABLE, "UPSTREAM_UNAVAILABLE")
    assert await house.asset_states() == {"b1": "RENTED"}
    neighbour.down = False
    assert reasons([await house.start(renter, "b1")]) == ["ACTIVE"]


async def test_what_deposits_refuses_ends_the_rental_and_replays(house: House) -> None:
    await house.bikes("b1")
    renter = a_renter()
    house.deposits.plan = {renter: Refusal(Category.FAILED_PRECONDITION, "PAYMENT_METHOD_REQUIRED", "no card")}
    assert reasons([await house.start(renter, "b1")]) == ["PAYMENT_METHOD_REQUIRED"]
    house.deposits.plan = {}
    assert reasons([await house.start(renter, "b1")]) == ["PAYMENT_METHOD_REQUIRED"]
    assert await house.asset_states() == {"b1": "AVAILABLE"}


async def test_a_defect_of_deposits_is_told_as_unavailable_and_kept_open(house: House) -> None:
    await house.bikes("b1")
    renter = a_renter()
    house.deposits.plan = {renter: Refusal(Category.INTERNAL, "INTERNAL_ERROR", "a defect")}
    assert reasons([await house.start(renter, "b1")]) == ["UPSTREAM_UNAVAILABLE"]
    house.deposits.plan = {}
    assert reasons([await house.start(renter, "b1")]) == ["ACTIVE"]


async def test_age_limits_are_those_of_the_kind_that_was_scanned(house: House) -> None:
    await house.bikes("b1", "b2")
    await house.another().bikes("e1", "e2", kind=AssetKind.E_BIKE)
    house.identity.adults_only = frozenset({AssetKind.E_BIKE})
    kinds = [reasons([await house.start(a_renter(), code)])[0] for code in ("b1", "e1", "e2", "b2")]
    assert kinds == ["ACTIVE", "RENTER_TOO_YOUNG", "RENTER_TOO_YOUNG", "ACTIVE"]
    assert [[item.asset_kind for item in frame] for frame in house.identity.frames] == [
        [AssetKind.BIKE], [AssetKind.BIKE], [AssetKind.E_BIKE], [AssetKind.E_BIKE], [AssetKind.E_BIKE], [AssetKind.BIKE]
    ]  # fmt: skip


async def test_consent_and_payment_method_reach_deposits(house: House) -> None:
    await house.bikes("b1")
    renter = a_renter()
    house.identity.standings = {renter: replace(GOOD, scoring_consent=False)}
    asked = []
    secure = house.deposits.secure
    house.deposits.secure = lambda items: asked.extend(items) or secure(items)
    method = PaymentMethodId(new_id_of("pmt", renter))
    await house.starting.start([ask(house.partner_id, renter, "b1", "s-1", method)])
    assert [(item.scoring_consent, item.rental.payment_method_id) for item in asked] == [(False, method)]


async def test_a_caller_who_waits_hears_of_the_hold(house: House) -> None:
    await house.bikes("b1", "b2")
    renters = [a_renter(), a_renter()]
    house.deposits.plan = dict.fromkeys(renters, DepositState.PENDING)
    asks = [ask(house.partner_id, renter, f"b{n + 1}", "s-1") for n, renter in enumerate(renters)]
    held, declined = await house.starting.start(asks)
    assert isinstance(held, Started)
    assert isinstance(declined, Started)
    assert (await held.outcome(0.01)).security.state is DepositState.PENDING
    await house.starting.answered(
        [
            (held.rental.rental_id, a_security(held.rental, DepositState.HELD)),
            (declined.rental.rental_id, a_security(declined.rental, DepositState.DECLINED, decline_code="lost_card")),
        ]
    )
    assert (await held.outcome(5)).state is RentalState.ACTIVE
    with pytest.raises(Refusal) as refused:
        await declined.outcome(5)
    assert (refused.value.reason, refused.value.metadata["decline_code"]) == ("PAYMENT_DECLINED", "lost_card")
    assert await house.asset_states() == {"b1": "RENTED", "b2": "AVAILABLE"}


async def test_a_caller_who_waits_hears_of_a_cancellation(house: House) -> None:
    await house.bikes("b1")
    renter = a_renter()
    house.deposits.plan = {renter: DepositState.PENDING}
    (started,) = await house.starting.start([ask(house.partner_id, renter, "b1", "s-1")])
    await house.cancel(started.rental.rental_id)
    assert (await started.outcome(5)).state is RentalState.CANCELLED


async def test_ending_and_cancelling_keep_to_the_partner(house: House) -> None:
    await house.bikes("b1")
    rental = await house.riding("b1")
    stranger = House(house.db, house.identity, house.deposits, house.hands, house.wall)
    assert reasons([await stranger.end(rental.rental_id), await stranger.cancel(rental.rental_id)]) == [
        "RENTAL_NOT_FOUND", "RENTAL_NOT_FOUND"
    ]  # fmt: skip
    missing = EndRental(house.partner_id, "e-1", new_id_of("rtl", rental.renter_id))
    assert reasons(await house.closing.end([missing])) == ["RENTAL_NOT_FOUND"]


async def test_a_rental_that_is_not_active_cannot_be_ended(house: House) -> None:
    await house.bikes("b1")
    renter = a_renter()
    house.deposits.plan = {renter: DepositState.PENDING}
    requested = await house.start(renter, "b1")
    refusal = await house.end(requested.rental_id)
    assert (refusal.reason, refusal.metadata) == ("RENTAL_NOT_ACTIVE", {"state": "REQUESTED"})


async def test_a_repeated_end_gives_the_same_rental_and_another_one_does_not(house: House) -> None:
    await house.bikes("b1")
    rental = await house.riding("b1")
    house.hands.turn(minutes=10)
    first = await house.end(rental.rental_id, "e-1")
    house.hands.turn(hours=10)
    assert await house.end(rental.rental_id, "e-1") == first
    other = await house.end(rental.rental_id, "e-2")
    assert (other.reason, other.metadata) == ("RENTAL_NOT_ACTIVE", {"state": "RETURNED"})
    assert [kind for kind, _ in await house.told()] == ["RENTAL_STARTED", "RENTAL_RETURNED_ON_TIME"]


async def test_the_request_id_of_one_end_is_refused_for_another(house: House) -> None:
    await house.bikes("b1", "b2")
    renter = a_renter()
    one, two = await house.start(renter, "b1", "s-1"), await house.start(renter, "b2", "s-2")
    both = [EndRental(house.partner_id, "e-1", r.rental_id) for r in (one, two)]
    assert sorted(reasons(await house.closing.end(both))) == ["REQUEST_ID_REUSED", "SETTLED"]
    assert sorted(reasons(await house.closing.end(both))) == ["REQUEST_ID_REUSED", "SETTLED"]
    assert sorted((await house.asset_states()).values()) == ["AVAILABLE", "RENTED"]


async def test_ending_and_cancelling_have_request_ids_of_their_own(house: House) -> None:
    await house.bikes("b1", "b2")
    renter = a_renter()
    one, two = await house.start(renter, "b1", "s-1"), await house.start(renter, "b2", "s-2")
    answers = [await house.end(one.rental_id, "same"), await house.cancel(two.rental_id, "same")]
    assert reasons(answers) == ["SETTLED", "CANCELLED"]


async def test_cancelling_frees_the_asset_and_gives_the_deposit_back(house: House) -> None:
    await house.bikes("b1")
    rental = await house.riding("b1")
    house.hands.turn(seconds=59)
    cancelled = await house.cancel(rental.rental_id)
    assert (cancelled.state, cancelled.follow_up) == (RentalState.CANCELLED, FollowUp.NONE)
    assert cancelled.security.state is DepositState.CANCELLED
    assert house.deposits.cancelled == {rental.rental_id}
    assert await house.asset_states() == {"b1": "AVAILABLE"}
    assert await house.cancel(rental.rental_id) == cancelled


async def test_after_the_grace_minute_a_ride_is_ended_not_cancelled(house: House) -> None:
    await house.bikes("b1")
    rental = await house.riding("b1")
    house.hands.turn(seconds=60)
    refusal = await house.cancel(rental.rental_id)
    assert (refusal.reason, refusal.metadata) == ("RENTAL_NOT_CANCELLABLE", {"state": "ACTIVE"})
    assert house.deposits.frames["cancel"] == 0


async def test_a_free_ride_is_settled_at_once(house: House) -> None:
    await house.bikes("b1")
    ended = await house.end((await house.riding("b1")).rental_id)
    assert (ended.state, ended.payment_status, ended.follow_up) == (
        RentalState.SETTLED, PaymentStatus.NONE, FollowUp.NONE
    )  # fmt: skip


async def test_a_waived_renter_without_card_owes(house: House) -> None:
    await house.bikes("b1")
    rental = await house.riding("b1")
    house.hands.turn(minutes=10)
    house.deposits.payments = {rental.rental_id: Settlement(DepositState.WAIVED, PaymentStatus.DUE)}
    ended = await house.end(rental.rental_id)
    assert (ended.state, ended.payment_status, ended.follow_up) == (
        RentalState.RETURNED, PaymentStatus.DUE, FollowUp.NONE
    )  # fmt: skip


async def test_deposits_that_is_down_does_not_hold_up_a_return(house: House) -> None:
    await house.bikes("b1")
    rental = await house.riding("b1")
    house.hands.turn(minutes=10)
    house.deposits.down = True
    ended = await house.end(rental.rental_id)
    assert (ended.state, ended.payment_status) == (RentalState.RETURNED, PaymentStatus.DUE)
    assert ended.follow_up is FollowUp.SETTLE
    house.deposits.down = False
    await house.sweep(seconds=5)
    assert (await house.now(rental.rental_id)).payment_status is PaymentStatus.IN_PROGRESS


async def test_bad_items_do_not_spoil_a_batch_of_closings(house: House) -> None:
    await house.bikes("b1", "b2")
    one, two = await house.riding("b1"), await house.riding("b2")
    unknown = new_id_of("rtl", one.renter_id)
    commands = [CancelRental(house.partner_id, "c", rental_id) for rental_id in (one.rental_id, unknown, two.rental_id)]
    assert reasons(await house.closing.cancel(commands)) == ["CANCELLED", "RENTAL_NOT_FOUND", "CANCELLED"]
