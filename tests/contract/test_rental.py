"""Rental over its sockets: what apps, renters, operators and deposits see of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from rental_world import (
    BUSY,
    CLOSED,
    DECLINED,
    HELD,
    NONE,
    PAID,
    PENDING,
    WAIVED,
    World,
    now,
    refusal_of,
    rental_world,
    token,
)

from freehold.rental.v1 import rental_internal_service_pb2 as internal_pb
from freehold.rental.v1 import rental_service_pb2 as pb
from freehold.rental.v1.rental_service_pb2 import RentalState
from services.values.ids import new_id, new_id_of, new_renter_id

REQUESTED, ACTIVE, RETURNED, SETTLED, CANCELLED = (
    RentalState.Value(f"RENTAL_STATE_{name}") for name in ("REQUESTED", "ACTIVE", "RETURNED", "SETTLED", "CANCELLED")
)


@pytest.fixture(scope="module")
def dsn(fresh_database: Callable[..., str]) -> str:
    return fresh_database("rental_contract", "rental")


@pytest.fixture
async def world(dsn: str, tmp_path: Path) -> AsyncIterator[World]:
    async with rental_world(dsn, tmp_path, sweep_seconds=0.1, recheck_seconds=0.2) as world:
        yield world


async def refused(call: Any) -> tuple[str, str, dict[str, str], list[str]]:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return refusal_of(raised.value)


async def deliver(world: World, service: str, *events: internal_pb.DepositEvent) -> Any:
    async with world.internal(service) as channel:
        return await world.events(channel).Deliver(internal_pb.DeliverRequest(events=events), timeout=5)


def event(rental_id: str, state: int, status: int) -> internal_pb.DepositEvent:
    return internal_pb.DepositEvent(
        event_id=new_id("evt"), rental_id=rental_id, deposit_state=state, payment_status=status, occurred_at=now()
    )


async def test_a_ride_from_the_scan_to_settled(world: World) -> None:
    await world.bikes("b1")
    renter = new_renter_id("rnt")
    rental = await world.start("b1", renter)
    assert (rental.state, rental.deposit_state, rental.payment_status) == (ACTIVE, WAIVED, NONE)
    assert (rental.partner_id, rental.renter_id, rental.asset_code) == (world.partner_id, renter, "b1")
    assert rental.deposit_amount.amount_minor == 9900
    assert not rental.HasField("charge")
    ended = await world.end(rental.rental_id)
    assert (ended.state, ended.payment_status, ended.charge.amount_minor) == (RETURNED, BUSY, 150)
    assert world.deposits.servicer.settled[rental.rental_id].charge == ended.charge
    (status,) = (await deliver(world, "deposits", event(rental.rental_id, CLOSED, PAID))).statuses
    assert status.code == 0
    final = await world.get(rental.rental_id)
    assert (final.state, final.payment_status, final.deposit_state) == (SETTLED, PAID, CLOSED)
    await world.until(lambda: len(world.scoring.servicer.facts) == 3)
    facts = [(renter, f"{rental.rental_id}:{what}") for what in ("started", "returned", "paid")]
    assert world.scoring.servicer.facts == facts


async def test_a_caller_waits_for_the_processor_and_hears_active(world: World) -> None:
    await world.bikes("b1")
    renter = new_renter_id("rnt")
    world.deposits.servicer.plan[renter] = PENDING
    rental = await world.start("b1", renter)
    assert (rental.state, rental.deposit_state, list(rental.reason_codes)) == (ACTIVE, HELD, ["FEW_RENTALS"])


async def test_at_the_callers_deadline_the_answer_is_requested_and_the_ride_comes_later(world: World) -> None:
    await world.bikes("b1")
    renter = new_renter_id("rnt")
    world.deposits.servicer.plan[renter] = PENDING
    world.deposits.servicer.delay = 1.5
    rental = await world.start("b1", renter, timeout=1)
    assert (rental.state, rental.deposit_state) == (REQUESTED, PENDING)

    async def active() -> bool:
        return (await world.get(rental.rental_id)).state == ACTIVE

    await world.until(active)
    assert (await world.start("b1", renter)).rental_id == rental.rental_id


async def test_a_broken_stream_is_asked_again_by_id(world: World) -> None:
    await world.bikes("b1")
    renter, deposits = new_renter_id("rnt"), world.deposits.servicer
    deposits.plan[renter], deposits.delay = PENDING, None
    waiting = asyncio.create_task(world.start("b1", renter))
    await world.until(lambda: deposits.secured)
    await world.deposits.down()
    deposits.states = dict.fromkeys(deposits.states, HELD)
    await world.deposits.up()
    assert (await waiting).state == ACTIVE
    assert len({item.rental_id for item in deposits.secured}) == 1


async def test_a_declined_card_makes_a_refusal_that_replays(world: World) -> None:
    await world.bikes("b1")
    renter, deposits = new_renter_id("rnt"), world.deposits.servicer
    deposits.plan[renter], deposits.becomes = PENDING, DECLINED
    first = await refused(world.start("b1", renter))
    assert first[:2] == ("FAILED_PRECONDITION", "PAYMENT_DECLINED")
    assert first[2]["decline_code"] == "insufficient_funds"
    deposits.plan, deposits.becomes = {}, HELD
    assert await refused(world.start("b1", renter)) == first
    cancelled = await world.get(first[2]["rental_id"])
    assert (cancelled.state, cancelled.cancel_reason) == (CANCELLED, "PAYMENT_DECLINED")
    assert (await world.start("b1", renter, "s-2")).state == ACTIVE


async def test_a_rental_not_active_in_time_is_cancelled_and_its_hold_voided(dsn: str, tmp_path: Path) -> None:
    async with rental_world(dsn, tmp_path, sweep_seconds=0.1, recheck_seconds=0.2, activation_seconds=0.6) as world:
        await world.bikes("b1")
        renter, deposits = new_renter_id("rnt"), world.deposits.servicer
        deposits.plan[renter], deposits.delay = PENDING, None
        answer = await refused(world.start("b1", renter))
        assert answer[:2] == ("FAILED_PRECONDITION", "RENTAL_CANCELLED")
        await world.until(lambda: deposits.cancelled)
        assert set(deposits.cancelled) == {answer[2]["rental_id"]}
        assert (await world.start("b1")).state == ACTIVE


async def test_refusals_of_each_kind_are_typed(world: World) -> None:
    await world.bikes("b1", "b2")
    stranger, young = new_renter_id("rnt"), new_renter_id("rnt")
    poor, unpoliced = new_renter_id("rnt"), new_renter_id("rnt")
    world.identity.servicer.answers = {stranger: {"linked": False}, young: {"old_enough": False}}
    world.deposits.servicer.refusals = {poor: (9, "PAYMENT_METHOD_REQUIRED"), unpoliced: (5, "POLICY_NOT_FOUND")}
    taken = await world.start("b2")
    answers = [
        await refused(world.start(code, renter))
        for code, renter in [("b1", stranger), ("b1", young), ("b1", poor), ("b1", unpoliced), ("b9", ""), ("b2", "")]
    ]
    assert [answer[:2] for answer in answers] == [
        ("FAILED_PRECONDITION", "RENTER_NOT_LINKED"),
        ("FAILED_PRECONDITION", "RENTER_TOO_YOUNG"),
        ("FAILED_PRECONDITION", "PAYMENT_METHOD_REQUIRED"),
        ("NOT_FOUND", "POLICY_NOT_FOUND"),
        ("NOT_FOUND", "ASSET_NOT_FOUND"),
        ("FAILED_PRECONDITION", "ASSET_NOT_AVAILABLE"),
    ]
    reused = pb.StartRentalRequest(request_id="s-1", renter_id=taken.renter_id, asset_code="b1")
    assert (await refused(world.call("StartRental", reused)))[:2] == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")


async def test_wrong_input_names_its_fields(world: World) -> None:
    start = pb.StartRentalRequest(request_id="a b", renter_id="me", asset_code="", payment_method_id="card")
    answer = await refused(world.call("StartRental", start))
    assert answer[:2] == ("INVALID_ARGUMENT", "INVALID_FIELD")
    assert sorted(answer[3]) == ["asset_code", "payment_method_id", "renter_id", "request_id"]
    backwards = pb.CreatePricePlanRequest(
        request_id="p", currency_code="CNY", segments=[pb.PriceSegment(start_minute=30, end_minute=30)]
    )
    answer = await refused(world.call("CreatePricePlan", backwards))
    assert (answer[1], answer[3]) == ("INVALID_FIELD", ["segments[0].end_minute"])


async def test_cancelling_gives_everything_back(world: World) -> None:
    await world.bikes("b1")
    rental = await world.start("b1")
    request = pb.CancelRentalRequest(request_id="c-1", rental_id=rental.rental_id)
    cancelled = (await world.call("CancelRental", request)).rental
    assert (cancelled.state, cancelled.cancel_reason) == (CANCELLED, "CALLER_CANCELLED")
    assert world.deposits.servicer.cancelled == [rental.rental_id]
    assert (await world.call("CancelRental", request)).rental == cancelled
    answer = await refused(world.end(rental.rental_id))
    assert answer[1:3] == ("RENTAL_NOT_ACTIVE", {"state": "CANCELLED"})


async def test_everybody_sees_their_own(world: World) -> None:
    await world.bikes("b1")
    renter = new_renter_id("rnt")
    rental = await world.start("b1", renter)
    mine, operator = token("renter", renter, world.partner_id), token("operator", "ops")
    others = token("renter", new_renter_id("rnt"), world.partner_id)
    assert (await world.get(rental.rental_id, mine)) == (await world.get(rental.rental_id, operator)) == rental
    assert (await refused(world.get(rental.rental_id, others)))[:2] == ("NOT_FOUND", "RENTAL_NOT_FOUND")
    assert (await refused(world.get(new_id_of("rtl", renter))))[1] == "RENTAL_NOT_FOUND"
    end = pb.EndRentalRequest(request_id="e", rental_id=rental.rental_id)
    for bearer in (mine, operator):
        assert (await refused(world.call("EndRental", end, bearer)))[:2] == ("PERMISSION_DENIED", "CALLER_NOT_ALLOWED")
    assert (await refused(world.get(rental.rental_id, "fhk_forged")))[:2] == ("UNAUTHENTICATED", "CREDENTIALS_INVALID")


async def test_lists_are_paged_and_a_token_serves_its_own_list_only(world: World) -> None:
    await world.bikes("b1", "b2", "b3")
    renter = new_renter_id("rnt")
    made = [(await world.start(f"b{n}", renter, f"s-{n}")).rental_id for n in (1, 2, 3)]
    mine = token("renter", renter, world.partner_id)
    first = await world.call("ListRentals", pb.ListRentalsRequest(page_size=2), mine)
    second = pb.ListRentalsRequest(page_size=2, page_token=first.next_page_token)
    rest = await world.call("ListRentals", second, mine)
    assert [r.rental_id for r in [*first.rentals, *rest.rentals]] == made[::-1]
    assert rest.next_page_token == ""
    for wrong, bearer in [
        (second, None),
        (pb.ListRentalsRequest(state=ACTIVE, page_token=first.next_page_token), mine),
        (pb.ListRentalsRequest(page_token="bm9uc2Vuc2U"), mine),
        (pb.ListRentalsRequest(page_token="!"), mine),
    ]:
        assert (await refused(world.call("ListRentals", wrong, bearer)))[:2] == (
            "INVALID_ARGUMENT", "PAGE_TOKEN_INVALID"
        )  # fmt: skip
    other = pb.ListRentalsRequest(renter_id=new_renter_id("rnt"))
    assert (await refused(world.call("ListRentals", other, mine)))[1] == "CALLER_NOT_ALLOWED"
    assert len((await world.call("ListRentals", other)).rentals) == 0
    assert len((await world.call("ListRentals", pb.ListRentalsRequest(renter_id=renter, state=ACTIVE))).rentals) == 3


async def test_without_consent_nothing_reaches_scoring(world: World) -> None:
    await world.bikes("b1", "b2")
    quiet, open_ = new_renter_id("rnt"), new_renter_id("rnt")
    world.identity.servicer.answers = {quiet: {"scoring_consent": False}}
    for code, renter in (("b1", quiet), ("b2", open_)):
        await world.end((await world.start(code, renter)).rental_id)

    async def all_gone() -> bool:
        return await world.db.fetchval("SELECT count(*) FROM outbox") == 0

    await world.until(all_gone)
    assert {renter for renter, _ in world.scoring.servicer.facts} == {open_}
    assert [item.scoring_consent for item in world.deposits.servicer.secured] == [False, True]


async def test_facts_wait_for_a_scoring_that_is_down(world: World) -> None:
    await world.bikes("b1")
    await world.scoring.down()
    rental = await world.start("b1")
    await asyncio.sleep(0.7)
    assert await world.db.fetchval("SELECT count(*) FROM outbox") == 1
    await world.scoring.up()
    await world.until(lambda: world.scoring.servicer.facts == [(rental.renter_id, f"{rental.rental_id}:started")])


async def test_only_deposits_delivers_events(world: World) -> None:
    await world.bikes("b1")
    rental = await world.start("b1")
    told = event(rental.rental_id, WAIVED, NONE)
    assert (await refused(deliver(world, "scoring", told)))[:2] == ("UNIMPLEMENTED", "METHOD_UNKNOWN")
    unknown = event(new_id_of("rtl", rental.renter_id), CLOSED, PAID)
    nonsense = event(rental.rental_id, 0, NONE)
    statuses = (await deliver(world, "deposits", told, unknown, nonsense)).statuses
    assert [status.reason for status in statuses] == ["", "RENTAL_NOT_FOUND", "INVALID_FIELD"]


async def test_scans_that_come_together_go_together(world: World) -> None:
    many = 40
    await world.bikes(*(f"b{n}" for n in range(many)))
    await world.start("b0")
    world.identity.servicer.frames, world.deposits.servicer.frames = [], []
    rentals = await asyncio.gather(*(world.start(f"b{n}") for n in range(1, many)))
    assert {rental.state for rental in rentals} == {ACTIVE}
    assert sorted(rental.asset_code for rental in rentals) == sorted(f"b{n}" for n in range(1, many))
    assert sum(world.deposits.servicer.frames) == many - 1
    assert sum(world.identity.servicer.frames) >= many - 1, "facts that leave ask for consent too"
    for neighbour in (world.identity.servicer, world.deposits.servicer):
        assert len(neighbour.frames) <= (many - 1) / 2


async def test_one_renters_repeats_in_flight_are_one_rental(world: World) -> None:
    await world.bikes("b1")
    renter = new_renter_id("rnt")
    answers = await asyncio.gather(*(world.start("b1", renter) for _ in range(10)))
    assert len({answer.rental_id for answer in answers}) == 1
    assert len(world.deposits.servicer.secured) == 1
