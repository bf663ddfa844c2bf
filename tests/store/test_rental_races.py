"""Races on a real PostgreSQL: whatever runs beside what, one wins, the loser says so, and nothing happens twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta

import pytest
from rental_house import House, a_renter, open_house, reasons
from rental_kit import NOON, FakeDeposits, Hands, a_security, ask

from services.rental.domain import (
    DepositEvent,
    DepositState,
    EndRental,
    FollowUp,
    PaymentStatus,
    Rental,
    RentalState,
    Security,
    Settlement,
)
from services.rental.operations import SecureItem, Started
from services.values.errors import Refusal


@pytest.fixture(scope="module")
def dsn(fresh_database: Callable[..., str]) -> str:
    return fresh_database("rental_races", "rental")


@pytest.fixture
async def house(dsn: str) -> AsyncIterator[House]:
    async with open_house(dsn) as house:
        yield house


async def test_concurrent_repeats_of_a_start_act_once_and_answer_alike(house: House) -> None:
    await house.bikes("b1")
    renter = a_renter()
    processes = [house.another() for _ in range(8)]
    answers = await asyncio.gather(*(process.start(renter, "b1") for process in processes))
    assert {answer.rental_id for answer in answers} == {answers[0].rental_id}
    assert {answer.state for answer in answers} == {RentalState.ACTIVE}
    assert len(house.deposits.deposits) == 1
    assert await house.told() == [("RENTAL_STARTED", renter)]


async def test_of_many_who_scan_one_bike_one_rides(house: House) -> None:
    await house.bikes("b1")
    answers = await asyncio.gather(*(house.another().start(a_renter(), "b1") for _ in range(8)))
    assert sorted(reasons(answers)) == ["ACTIVE"] + ["ASSET_NOT_AVAILABLE"] * 7


async def test_concurrent_repeats_of_an_end_charge_once_and_answer_alike(house: House) -> None:
    await house.bikes("b1")
    rental = await house.riding("b1")
    house.hands.turn(minutes=45)
    answers = await asyncio.gather(*(house.another().end(rental.rental_id) for _ in range(6)))
    assert {(a.state, a.charge.amount_minor, a.ended_at) for a in answers} == {
        (RentalState.RETURNED, 300, house.hands.time)
    }
    assert [kind for kind, _ in await house.told()] == ["RENTAL_STARTED", "RENTAL_RETURNED_ON_TIME"]


async def test_of_two_ends_one_returns_the_bike(house: House) -> None:
    await house.bikes("b1")
    rental = await house.riding("b1")
    house.hands.turn(minutes=1)
    answers = await asyncio.gather(*(house.another().end(rental.rental_id, f"e-{n}") for n in range(4)))
    assert sorted(reasons(answers)) == ["RENTAL_NOT_ACTIVE"] * 3 + ["RETURNED"]


async def test_one_end_request_for_two_rentals_at_a_time_ends_one(house: House) -> None:
    await house.bikes("b1", "b2")
    renter = a_renter()
    rentals = [await house.start(renter, f"b{n}", f"s-{n}") for n in (1, 2)]
    answers = await asyncio.gather(*(house.another().end(rental.rental_id, "e-1") for rental in rentals))
    assert sorted(reasons(answers)) == ["REQUEST_ID_REUSED", "SETTLED"]


async def test_ending_races_cancelling_and_one_wins(house: House) -> None:
    codes = [f"b{n}" for n in range(6)]
    await house.bikes(*codes)
    for code in codes:
        rental = await house.riding(code)
        answers = await asyncio.gather(house.end(rental.rental_id), house.another().cancel(rental.rental_id))
        assert reasons(answers) in (["SETTLED", "RENTAL_NOT_CANCELLABLE"], ["RENTAL_NOT_ACTIVE", "CANCELLED"])
        assert (rental.rental_id in house.deposits.cancelled) is isinstance(answers[0], Refusal)
    assert set((await house.asset_states()).values()) == {"AVAILABLE"}


async def test_activation_races_the_end_of_the_window_and_one_wins(house: House) -> None:
    codes = [f"b{n}" for n in range(12)]
    await house.bikes(*codes)
    late = house.another(wall=Hands(NOON + timedelta(seconds=60)))
    rentals = []
    for code in codes:
        renter = a_renter()
        house.deposits.plan[renter] = DepositState.PENDING
        rentals.append(await house.start(renter, code))
    house.wall.turn(seconds=59)
    held = [[(rental.rental_id, a_security(rental, DepositState.HELD))] for rental in rentals]
    await asyncio.gather(*(house.starting.answered(answer) for answer in held[:6]), late.sweep(), *(
        house.another().starting.answered(answer) for answer in held[6:]
    ))  # fmt: skip
    states = await house.asset_states()
    for rental in rentals:
        now = await house.now(rental.rental_id)
        won = now.state is RentalState.ACTIVE
        assert won or (now.state, now.cancel_reason) == (RentalState.CANCELLED, "NOT_ACTIVE_IN_TIME")
        assert states[rental.asset_code] == ("RENTED" if won else "AVAILABLE")
        assert (rental.rental_id in house.deposits.cancelled) is not won


class TellsEarly(FakeDeposits):
    """Deposits whose second answer comes before the first one was written down."""

    house: House

    async def secure(self, items: Sequence[SecureItem]) -> list[Security | Refusal]:
        answers = await super().secure(items)
        held = [(i.rental.rental_id, a_security(i.rental, DepositState.HELD)) for i in items]
        await self.house.starting.answered(held)
        return answers


async def test_a_second_answer_that_overtakes_the_first_activates(house: House) -> None:
    await house.bikes("b1")
    renter = a_renter()
    early = TellsEarly(plan={renter: DepositState.PENDING})
    process = early.house = house.another(deposits=early)
    (outcome,) = await process.starting.start([ask(house.partner_id, renter, "b1", "s-1")])
    assert isinstance(outcome, Started)
    assert (outcome.rental.state, outcome.rental.security.state) == (RentalState.ACTIVE, DepositState.HELD)
    assert await house.told() == [("RENTAL_STARTED", renter)]


class SettlesEarly(FakeDeposits):
    """Deposits that has told of the payment before its reply to the charge arrives."""

    house: House

    async def settle(self, rentals: Sequence[Rental]) -> list[Settlement | Refusal]:
        replies = await super().settle(rentals)
        paid = Settlement(DepositState.CLOSED, PaymentStatus.PAID)
        events = [DepositEvent(f"evt_{r.rental_id}", r.rental_id, paid, NOON) for r in rentals]
        assert await self.house.another().closing.tell(events) == [None] * len(events)
        return replies


async def test_an_event_that_overtakes_the_reply_to_the_charge_stands(house: House) -> None:
    await house.bikes("b1")
    early = SettlesEarly()
    process = early.house = house.another(deposits=early)
    rental = await process.riding("b1")
    house.hands.turn(minutes=10)
    ended = await process.end(rental.rental_id)
    assert (ended.state, ended.payment_status, ended.follow_up) == (
        RentalState.SETTLED, PaymentStatus.PAID, FollowUp.NONE
    )  # fmt: skip
    assert await house.now(rental.rental_id) == ended
    assert [kind for kind, _ in await house.told()][-1] == "PAYMENT_ON_TIME"


async def test_events_of_one_rental_in_one_batch_are_applied_in_turn(house: House) -> None:
    await house.bikes("b1", "b2")
    one, two = await house.riding("b1"), await house.riding("b2")
    house.hands.turn(minutes=10)
    await house.end(one.rental_id)
    await house.end(two.rental_id)

    def event(rental: Rental, minute: int, state: DepositState, status: PaymentStatus) -> DepositEvent:
        at = NOON + timedelta(minutes=minute)
        return DepositEvent(f"evt_{minute}", rental.rental_id, Settlement(state, status), at)

    stranger = event(one, 15, DepositState.CLOSED, PaymentStatus.PAID)
    batch = [
        event(one, 11, DepositState.WAIVED, PaymentStatus.FAILED),
        event(two, 12, DepositState.CLOSED, PaymentStatus.PAID),
        event(one, 13, DepositState.CLOSED, PaymentStatus.PAID),
        DepositEvent("evt_x", type(one.rental_id)("rtl_" + "0" * 28), stranger.settlement, stranger.occurred_at),
    ]
    outcomes = await house.closing.tell(batch)
    assert [outcome and outcome.reason for outcome in outcomes] == [None, None, None, "RENTAL_NOT_FOUND"]
    assert await house.closing.tell(batch[:3]) == [None] * 3
    kinds = [kind for kind, renter in await house.told() if renter == one.renter_id]
    assert kinds == ["RENTAL_STARTED", "RENTAL_RETURNED_ON_TIME", "PAYMENT_FAILED", "PAYMENT_CURED"]
    for rental in (one, two):
        assert (await house.now(rental.rental_id)).state is RentalState.SETTLED


async def test_two_sweepers_and_a_returning_caller_settle_once(house: House) -> None:
    await house.bikes("b1")
    rental = await house.riding("b1")
    house.hands.turn(minutes=10)
    house.deposits.down = True
    await house.end(rental.rental_id)
    house.deposits.down = False
    house.wall.turn(seconds=5)
    sweeps = (house.another().sweep() for _ in range(3))
    repeat = house.closing.end([EndRental(house.partner_id, "end-1", rental.rental_id)])
    await asyncio.gather(*sweeps, repeat)
    now = await house.now(rental.rental_id)
    assert (now.payment_status, now.follow_up) == (PaymentStatus.IN_PROGRESS, FollowUp.NONE)
    assert list(house.deposits.charges) == [rental.rental_id]
