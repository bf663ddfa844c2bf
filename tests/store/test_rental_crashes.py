"""A process that dies between any two steps leaves nothing that the next one does not finish or undo.

Each test lets a process run on a real PostgreSQL until its store or a neighbour fails at a chosen step (before it acts
or after), forgets the process, and lets another one sweep.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from rental_house import House, a_renter, open_house, reasons
from rental_kit import a_security

from services.rental.domain import DepositState, FollowUp, PaymentStatus, Rental, RentalState
from services.values.money import Money


@pytest.fixture(scope="module")
def dsn(fresh_database: Callable[..., str]) -> str:
    return fresh_database("rental_crashes", "rental")


@pytest.fixture
async def house(dsn: str) -> AsyncIterator[House]:
    async with open_house(dsn) as house:
        yield house


class Crash(Exception):
    """The process is gone."""


class Dies:
    """Something whose `nth` call of `method` is the last thing that the process does, or does not get to do."""

    def __init__(self, inner: Any, method: str, when: str, nth: int = 1) -> None:
        self._inner, self._method, self._when, self._left = inner, method, when, nth

    def __getattr__(self, name: str) -> Any:
        inner = getattr(self._inner, name)
        if name != self._method:
            return inner

        async def call(*args: Any) -> Any:
            self._left -= 1
            if self._left == 0 and self._when == "before":
                raise Crash
            result = await inner(*args)
            if self._left == 0:
                raise Crash
            return result

        return call


def doomed(house: House, who: str, *step: Any) -> House:
    """A process that will die at this step."""
    if who == "store":
        return house.another(store=Dies(house.store, *step))
    return house.another(deposits=Dies(house.deposits, *step))


START_STEPS = [
    ("store", "claim", "after"),
    ("deposits", "secure", "before"),
    ("deposits", "secure", "after"),
    ("store", "save", "before"),
    ("store", "save", "after"),
]


async def crashed_start(house: House, step: tuple[Any, ...], deposit: DepositState) -> Rental:
    await house.bikes("b1")
    renter = a_renter()
    house.deposits.plan = {renter: deposit}
    with pytest.raises(Crash):
        await doomed(house, *step).start(renter, "b1")
    (row,) = await house.db.fetch("SELECT rental_id FROM rentals")
    return await house.now(row["rental_id"])


@pytest.mark.parametrize("step", START_STEPS)
@pytest.mark.parametrize("deposit", [DepositState.WAIVED, DepositState.HELD])
async def test_a_start_that_broke_off_is_finished_by_the_sweeper(
    house: House, step: tuple[Any, ...], deposit: DepositState
) -> None:
    rental = await crashed_start(house, step, deposit)
    await house.sweep(seconds=5)
    now = await house.now(rental.rental_id)
    assert (now.state, now.security.state, now.follow_up) == (RentalState.ACTIVE, deposit, FollowUp.NONE)
    assert await house.told() == [("RENTAL_STARTED", rental.renter_id)]
    assert len(house.deposits.deposits) == 1


@pytest.mark.parametrize("step", START_STEPS)
async def test_a_start_that_broke_off_is_finished_by_its_repetition(house: House, step: tuple[Any, ...]) -> None:
    rental = await crashed_start(house, step, DepositState.WAIVED)
    again = await house.start(rental.renter_id, "b1")
    assert (again.rental_id, again.state) == (rental.rental_id, RentalState.ACTIVE)
    assert await house.told() == [("RENTAL_STARTED", rental.renter_id)]


@pytest.mark.parametrize("step", START_STEPS[:-1])
@pytest.mark.parametrize("found_by", ["sweeper", "repetition"])
async def test_a_start_found_after_the_window_is_undone_and_its_hold_voided(
    house: House, step: tuple[Any, ...], found_by: str
) -> None:
    rental = await crashed_start(house, step, DepositState.HELD)
    frames = house.deposits.frames["secure"]
    if found_by == "repetition":
        house.wall.turn(seconds=60)
        assert reasons([await house.start(rental.renter_id, "b1")]) == ["RENTAL_CANCELLED"]
        house.wall.turn(seconds=-60)
    await house.sweep(seconds=65)
    now = await house.now(rental.rental_id)
    assert (now.state, now.cancel_reason) == (RentalState.CANCELLED, "NOT_ACTIVE_IN_TIME")
    assert (now.follow_up, house.deposits.cancelled) == (FollowUp.NONE, {rental.rental_id})
    assert house.deposits.frames["secure"] == frames
    assert await house.asset_states() == {"b1": "AVAILABLE"}
    assert reasons([await house.start(rental.renter_id, "b1")]) == ["RENTAL_CANCELLED"]


@pytest.mark.parametrize("outcome", [DepositState.HELD, DepositState.DECLINED])
async def test_a_processor_that_answers_nobody_is_asked_again(house: House, outcome: DepositState) -> None:
    rental = await crashed_start(house, ("store", "save", "after"), DepositState.PENDING)
    assert rental.security.state is DepositState.PENDING
    await house.sweep(seconds=1)
    assert (await house.now(rental.rental_id)).state is RentalState.REQUESTED
    house.deposits.deposits[rental.rental_id] = a_security(rental, outcome)
    await house.sweep(seconds=1)
    won = outcome is DepositState.HELD
    assert (await house.now(rental.rental_id)).state is (RentalState.ACTIVE if won else RentalState.CANCELLED)


async def test_a_hold_that_comes_after_the_cancellation_is_voided_not_used(house: House) -> None:
    rental = await crashed_start(house, ("store", "save", "after"), DepositState.PENDING)
    await house.sweep(seconds=60)
    await house.starting.answered([(rental.rental_id, a_security(rental, DepositState.HELD))])
    assert (await house.now(rental.rental_id)).state is RentalState.CANCELLED
    assert house.deposits.cancelled == {rental.rental_id}


END_STEPS = [
    ("store", "save", "after", 1),
    ("deposits", "settle", "before"),
    ("deposits", "settle", "after"),
    ("store", "save", "before", 2),
    ("store", "save", "after", 2),
]


async def crashed_close(house: House, step: tuple[Any, ...], command: str) -> Rental:
    await house.bikes("b1")
    rental = await house.riding("b1")
    house.hands.turn(seconds=50)
    with pytest.raises(Crash):
        await getattr(doomed(house, *step), command)(rental.rental_id)
    house.hands.turn(hours=5)
    return rental


@pytest.mark.parametrize("step", END_STEPS)
@pytest.mark.parametrize("found_by", ["sweeper", "repetition"])
async def test_an_end_that_broke_off_is_charged_once(house: House, step: tuple[Any, ...], found_by: str) -> None:
    rental = await crashed_close(house, step, "end")
    if found_by == "repetition":
        await house.end(rental.rental_id)
    else:
        await house.sweep(seconds=5)
    now = await house.now(rental.rental_id)
    assert (now.state, now.payment_status) == (RentalState.RETURNED, PaymentStatus.IN_PROGRESS)
    assert (now.follow_up, now.charge) == (FollowUp.NONE, Money("CNY", 150))
    assert house.deposits.charges == {rental.rental_id: Money("CNY", 150)}
    assert [kind for kind, _ in await house.told()] == ["RENTAL_STARTED", "RENTAL_RETURNED_ON_TIME"]


async def test_an_end_that_was_never_written_leaves_the_ride_going(house: House) -> None:
    rental = await crashed_close(house, ("store", "save", "before", 1), "end")
    await house.sweep(seconds=5)
    assert (await house.now(rental.rental_id)).state is RentalState.ACTIVE
    assert (await house.end(rental.rental_id)).charge == Money("CNY", 11 * 150)


CANCEL_STEPS = [
    ("store", "save", "after", 1),
    ("deposits", "cancel", "before"),
    ("deposits", "cancel", "after"),
    ("store", "save", "before", 2),
    ("store", "save", "after", 2),
]


@pytest.mark.parametrize("step", CANCEL_STEPS)
async def test_a_cancellation_that_broke_off_gives_the_deposit_back(house: House, step: tuple[Any, ...]) -> None:
    rental = await crashed_close(house, step, "cancel")
    await house.sweep(seconds=5)
    now = await house.now(rental.rental_id)
    assert (now.state, now.follow_up) == (RentalState.CANCELLED, FollowUp.NONE)
    assert house.deposits.cancelled == {rental.rental_id}
    assert await house.asset_states() == {"b1": "AVAILABLE"}


async def test_while_deposits_is_down_the_sweeper_keeps_what_is_open_and_undoes_what_is_late(house: House) -> None:
    rental = await crashed_start(house, ("deposits", "secure", "after"), DepositState.HELD)
    house.deposits.down = True
    await house.sweep(seconds=5)
    assert (await house.now(rental.rental_id)).state is RentalState.REQUESTED
    await house.sweep(seconds=60)
    late = await house.now(rental.rental_id)
    assert (late.state, late.follow_up) == (RentalState.CANCELLED, FollowUp.CANCEL)
    assert await house.asset_states() == {"b1": "AVAILABLE"}
    house.deposits.down = False
    await house.sweep(seconds=5)
    assert (await house.now(rental.rental_id)).follow_up is FollowUp.NONE
    assert house.deposits.cancelled == {rental.rental_id}
