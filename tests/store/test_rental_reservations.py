"""Reservations on a real PostgreSQL: an asset is kept for one, used up by their scan, and free again in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from rental_house import House, a_renter, open_house, reasons
from rental_kit import GOOD, NOON

from services.rental.domain import AssetKind, RenterId, Reservation, ReservationState
from services.values.callers import Caller, Role
from services.values.errors import Refusal

MINUTES = 10


@pytest.fixture(scope="module")
def dsn(fresh_database: Callable[..., str]) -> str:
    return fresh_database("rental_reservations", "rental")


@pytest.fixture
async def house(dsn: str) -> AsyncIterator[House]:
    async with open_house(dsn) as house:
        yield house


async def reserve(house: House, renter: RenterId, code: str = "b1", request_id: str = "v-1") -> Reservation:
    return await house.reserving.reserve(house.partner_id, request_id, renter, code)


async def refused(call: Awaitable[object]) -> str:
    with pytest.raises(Refusal) as caught:
        await call
    return caught.value.reason


async def test_what_is_kept_is_the_renters_alone_and_their_scan_uses_it_up(house: House) -> None:
    await house.bikes("b1")
    me = a_renter()
    kept = await reserve(house, me)
    assert (kept.state, kept.expires_at) == (ReservationState.HELD, NOON + timedelta(minutes=MINUTES))
    assert await house.asset_states() == {"b1": "RESERVED"}
    assert house.deposits.frames["secure"] == 0, "nothing is decided before the scan"
    assert reasons([await house.start(a_renter(), "b1")]) == ["ASSET_NOT_AVAILABLE"]
    house.hands.turn(minutes=3)
    (rental,), statements = await house.count(lambda: asyncio.gather(house.start(me, "b1")))
    assert (reasons([rental]), statements) == (["ACTIVE"], 2), "a scan costs what it always costs"
    used = await house.reserving.get(Caller(Role.RENTER, me), kept.reservation_id)
    assert (used.state, used.rental_id) == (ReservationState.USED, rental.rental_id)
    assert (await house.events(rental.rental_id))[:3] == ["rental.reserved", "rental.requested", "rental.started"]
    await house.end(rental.rental_id)
    assert await house.asset_states() == {"b1": "AVAILABLE"}


async def test_nobody_came_in_time(house: House) -> None:
    await house.bikes("b1")
    me = a_renter()
    kept = await reserve(house, me)
    house.hands.turn(minutes=MINUTES)
    assert reasons([await house.start(me, "b1")]) == ["ASSET_NOT_AVAILABLE"], "not theirs any more, and not free yet"
    assert (await house.reserving.sweep(), await house.reserving.sweep()) == (1, 0)
    assert await house.asset_states() == {"b1": "AVAILABLE"}
    over = await house.reserving.get(Caller(Role.RENTER, me), kept.reservation_id)
    assert over.state is ReservationState.EXPIRED
    assert reasons([await house.start(a_renter(), "b1")]) == ["ACTIVE"]


async def test_a_scan_races_the_end_of_the_time_and_one_wins(house: House) -> None:
    codes = [f"b{n}" for n in range(8)]
    await house.bikes(*codes)
    renters = [a_renter() for _ in codes]
    kept = [await reserve(house, renter, code) for renter, code in zip(renters, codes, strict=True)]
    late = house.another()
    late.hands = replace(house.hands, time=NOON + timedelta(minutes=MINUTES))
    sweeper = House(house.db, house.identity, house.deposits, late.hands, house.wall)
    answers, swept = await asyncio.gather(
        asyncio.gather(*(house.start(renter, code) for renter, code in zip(renters, codes, strict=True))),
        sweeper.reserving.sweep(),
    )
    states, expired = await house.asset_states(), 0
    for reservation, answer, code in zip(kept, answers, codes, strict=True):
        found = await house.reserving.get(Caller(Role.RENTER, reservation.renter_id), reservation.reservation_id)
        expired += found.state is ReservationState.EXPIRED
        assert found.state in (ReservationState.USED, ReservationState.EXPIRED)
        if isinstance(answer, Refusal):
            assert (found.state, states[code]) == (ReservationState.EXPIRED, "AVAILABLE")
            continue
        assert states[code] == "RENTED"
        used_it = "rental.reserved" in await house.events(answer.rental_id)
        assert used_it is (found.rental_id == answer.rental_id), "who comes just after the end finds it free"
    assert swept == expired


async def test_of_many_who_reserve_one_has_it_and_a_repeat_changes_nothing(house: House) -> None:
    await house.bikes("b1", "b2")
    outcomes = await asyncio.gather(*(reserve(house, a_renter()) for _ in range(6)), return_exceptions=True)
    (won,) = [one for one in outcomes if isinstance(one, Reservation)]
    assert {one.reason for one in outcomes if isinstance(one, Refusal)} == {"ASSET_NOT_AVAILABLE"}
    assert await reserve(house, won.renter_id) == won
    assert await refused(reserve(house, won.renter_id, "b2")) == "REQUEST_ID_REUSED"
    assert await refused(reserve(house, won.renter_id, "b2", "v-2")) == "RESERVATION_OPEN"
    assert await house.asset_states() == {"b1": "RESERVED", "b2": "AVAILABLE"}


async def test_who_lets_it_go_can_reserve_again(house: House) -> None:
    await house.bikes("b1")
    me = a_renter()
    kept = await reserve(house, me)
    caller = Caller(Role.RENTER, me)
    gone = await asyncio.gather(*(house.reserving.cancel(caller, "c-1", kept.reservation_id) for _ in range(3)))
    assert {one.state for one in gone} == {ReservationState.CANCELLED}
    assert await refused(house.reserving.cancel(caller, "c-2", kept.reservation_id)) == "RESERVATION_NOT_HELD"
    stranger = Caller(Role.PARTNER, "ptn_other", "ptn_other")
    assert await refused(house.reserving.cancel(stranger, "c-3", kept.reservation_id)) == "RESERVATION_NOT_FOUND"
    assert (await reserve(house, me, request_id="v-2")).state is ReservationState.HELD


async def test_who_and_what_can_be_kept(house: House) -> None:
    await house.bikes("u1", kind=AssetKind.UMBRELLA)
    await house.bikes("b1")
    minor, me = a_renter(), a_renter()
    house.identity.standings[minor] = replace(GOOD, old_enough=False)
    assert await refused(reserve(house, me, "u1")) == "KIND_NOT_RESERVABLE"
    assert await refused(reserve(house, minor)) == "RENTER_TOO_YOUNG"
    assert await refused(reserve(house, me, "nowhere")) == "ASSET_NOT_FOUND"
    house.identity.down = True
    assert await refused(reserve(house, me)) == "UPSTREAM_UNAVAILABLE"
    assert await house.asset_states() == {"u1": "AVAILABLE", "b1": "AVAILABLE"}
