"""Lives on a real PostgreSQL: commands act once, time races people, corrections survive crashes, events tell it all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from rental_house import House, a_renter, by_renter, open_house, reasons
from rental_kit import NOON

from services.rental.domain import (
    AssetKind,
    DepositState,
    DisputeState,
    FollowUp,
    PaymentStatus,
    Rental,
    RentalState,
    Settlement,
)
from services.rental.operations import Watching
from services.values.callers import Caller, Role
from services.values.errors import Refusal
from services.values.money import Money

PAID = Settlement(DepositState.CLOSED, PaymentStatus.PAID)


@pytest.fixture(scope="module")
def dsn(fresh_database: Callable[..., str]) -> str:
    return fresh_database("rental_lives", "rental")


@pytest.fixture
async def house(dsn: str) -> AsyncIterator[House]:
    async with open_house(dsn) as house:
        yield house


async def a_bank(house: House, code: str = "p1") -> Rental:
    """A power bank that somebody has."""
    await house.bikes(code, kind=AssetKind.POWER_BANK)
    return await house.riding(code)


async def refused(call: object) -> str:
    with pytest.raises(Refusal) as caught:
        await call  # type: ignore[misc]
    return caught.value.reason


async def test_a_rental_is_overdue_lost_and_found_and_every_step_is_told(house: House) -> None:
    rental = await a_bank(house)
    house.deposits.payments[rental.rental_id] = PAID
    await house.pass_time(hours=25)
    assert (await house.now(rental.rental_id)).overdue_at == NOON + timedelta(hours=25)
    await house.pass_time(days=5)
    gone = await house.now(rental.rental_id)
    assert (gone.state, gone.payment_status, gone.follow_up) == (RentalState.LOST, PaymentStatus.PAID, FollowUp.NONE)
    assert gone.charge.amount_minor + gone.purchase.amount_minor == 9900
    assert await house.asset_states() == {"p1": "MISSING"}

    back = await house.living.report_found(house.by_partner(rental.rental_id), NOON + timedelta(hours=1))
    assert (back.state, back.charge, back.purchase) == (RentalState.SETTLED, Money("CNY", 300), None)
    (correction,) = house.deposits.corrections.values()
    assert correction == (Money("CNY", 9900 - 300), gone.purchase.amount_minor)
    assert await house.asset_states() == {"p1": "AVAILABLE"}
    assert await house.events(rental.rental_id) == [
        "rental.requested", "rental.started", "deposit.waived", "rental.overdue", "rental.lost", "payment.due",
        "deposit.closed", "payment.paid", "rental.found", "rental.settled", "rental.corrected",
    ]  # fmt: skip
    assert [kind for kind, _ in await house.told()] == [
        "RENTAL_STARTED", "RENTAL_LOST", "PAYMENT_ON_TIME", "RENTAL_LOST", "RENTAL_RETURNED_ON_TIME",
    ]  # fmt: skip


async def test_a_command_acts_once_and_says_where_the_rental_stands(house: House) -> None:
    rental = await a_bank(house)
    ask = by_renter(rental)
    answers = await asyncio.gather(*(house.another().living.report_lost(ask) for _ in range(6)))
    assert {answer.state for answer in answers} == {RentalState.LOST}
    assert (await house.events(rental.rental_id)).count("rental.lost") == 1
    assert await refused(house.living.report_lost(by_renter(rental, "life-2"))) == "RENTAL_STEP_NOT_ALLOWED"


async def test_a_request_id_names_one_command(house: House) -> None:
    rental = await a_bank(house)
    await house.living.report_return(by_renter(rental), None, ())
    assert await refused(house.living.report_return(by_renter(rental), None, ("photo",))) == "REQUEST_ID_REUSED"
    again = await house.living.report_return(by_renter(rental), None, ())
    assert again.state is RentalState.DISPUTED


async def test_another_renter_or_partner_finds_nothing(house: House) -> None:
    rental = await a_bank(house)
    stranger = Caller(Role.RENTER, a_renter())
    ask = by_renter(rental)
    assert await refused(house.living.report_lost(type(ask)(stranger, "x", rental.rental_id))) == "RENTAL_NOT_FOUND"
    other = Caller(Role.PARTNER, "ptn_other", "ptn_other")
    assert await refused(house.living.pause(type(ask)(other, "x", rental.rental_id))) == "RENTAL_NOT_FOUND"


async def test_the_sweeper_races_an_end_and_one_wins(house: House) -> None:
    codes = [f"p{n}" for n in range(8)]
    await house.bikes(*codes, kind=AssetKind.POWER_BANK)
    rentals = [await house.riding(code) for code in codes]
    house.hands.turn(days=5)
    sweeper = house.another()
    ends, _ = await asyncio.gather(
        asyncio.gather(*(house.another().end(rental.rental_id, f"e-{n}") for n, rental in enumerate(rentals))),
        sweeper.passing.sweep(),
    )
    states = await house.asset_states()
    for rental, answer in zip(rentals, ends, strict=True):
        now = await house.now(rental.rental_id)
        events = await house.events(rental.rental_id)
        if isinstance(answer, Refusal):
            assert (answer.reason, now.state, states[rental.asset_code]) == (
                "RENTAL_NOT_ACTIVE", RentalState.LOST, "MISSING",
            )  # fmt: skip
        else:
            assert (now.state, states[rental.asset_code]) == (RentalState.RETURNED, "AVAILABLE")
        assert ("rental.lost" in events) is not ("rental.ended" in events)


async def test_two_sweepers_announce_once(house: House) -> None:
    rental = await a_bank(house)
    house.hands.turn(hours=25)
    await asyncio.gather(*(house.another().passing.sweep() for _ in range(4)))
    assert (await house.events(rental.rental_id)).count("rental.overdue") == 1


async def test_a_report_races_an_end_and_the_clock_stops_once(house: House) -> None:
    for n in range(6):
        rental = await a_bank(house, f"p{n}")
        house.hands.turn(minutes=90)
        reported, _ended = await asyncio.gather(
            house.living.report_return(by_renter(rental, f"r-{n}"), None, ()),
            house.another().end(rental.rental_id, f"e-{n}"),
        )
        now = await house.now(rental.rental_id)
        assert now.state is RentalState.RETURNED
        expected = DisputeState.ACCEPTED if reported.state is RentalState.DISPUTED else DisputeState.OPEN
        assert now.dispute.state is expected


async def test_whoever_disputes_a_return_rents_on(house: House) -> None:
    rental = await a_bank(house)
    await house.living.report_return(by_renter(rental), None, ())
    await house.bikes("b2")
    assert reasons([await house.start(rental.renter_id, "b2", "s-2")]) == ["ACTIVE"]


async def test_the_partner_answers_and_the_difference_goes_back(house: House) -> None:
    rental = await a_bank(house)
    house.deposits.payments[rental.rental_id] = PAID
    house.hands.turn(hours=10)
    ended = await house.end(rental.rental_id)
    assert reasons([ended]) == ["SETTLED"]
    disputed = await house.living.report_return(by_renter(rental), NOON + timedelta(hours=1), ("photo-7",))
    assert (disputed.state, disputed.dispute.state) == (RentalState.SETTLED, DisputeState.OPEN)
    answered = await house.living.resolve_return(house.by_partner(rental.rental_id), accepted=True)
    assert (answered.charge, answered.follow_up) == (Money("CNY", 300), FollowUp.NONE)
    assert list(house.deposits.corrections.values()) == [(Money("CNY", 2700), 0)]
    rows = await house.db.fetch("SELECT data FROM rental_events WHERE kind = 'rental.disputed'")
    assert json.loads(json.dumps(rows[0]["data"]))["evidence"] == ["photo-7"]


async def test_a_correction_that_broke_off_is_finished_by_the_sweeper(house: House) -> None:
    rental = await a_bank(house)
    house.deposits.payments[rental.rental_id] = PAID
    house.hands.turn(hours=10)
    await house.living.report_lost(by_renter(rental))
    house.deposits.down = True
    back = await house.living.report_found(house.by_partner(rental.rental_id), None)
    assert (back.state, back.follow_up) == (RentalState.RETURNED, FollowUp.CORRECT)
    house.deposits.down = False
    await house.another().sweep(seconds=5)
    now = await house.now(rental.rental_id)
    assert (now.state, now.follow_up, now.credit) == (RentalState.SETTLED, FollowUp.NONE, None)
    assert len(house.deposits.corrections) == 1


async def test_a_loss_whose_charge_broke_off_is_settled_by_the_sweeper(house: House) -> None:
    rental = await a_bank(house)
    house.deposits.payments[rental.rental_id] = PAID
    house.deposits.down = True
    gone = await house.living.report_lost(by_renter(rental))
    assert (gone.state, gone.follow_up) == (RentalState.LOST, FollowUp.SETTLE)
    house.deposits.down = False
    await house.another().sweep(seconds=5)
    assert (await house.now(rental.rental_id)).payment_status is PaymentStatus.PAID
    assert list(house.deposits.purchases.values()) == [9900]


async def test_what_the_sweeper_reads_depends_on_what_is_due(house: House) -> None:
    await a_bank(house)
    await house.db.execute("SET enable_seqscan = off")
    plan = await house.db.fetch(
        "EXPLAIN SELECT rental_id FROM rentals WHERE wake_at <= $1 ORDER BY wake_at LIMIT 256", NOON
    )
    assert "rentals_wake" in "\n".join(row[0] for row in plan)
    _, statements = await house.count(house.passing.sweep)
    assert statements == 1


async def test_a_pause_is_told_and_the_bike_stays_out(house: House) -> None:
    await house.bikes("b1")
    rental = await house.riding("b1")
    paused = await house.living.pause(house.by_partner(rental.rental_id, "p-1"))
    assert (paused.state, await house.asset_states()) == (RentalState.PAUSED, {"b1": "RENTED"})
    resumed = await house.living.resume(house.by_partner(rental.rental_id, "p-2"))
    assert resumed.state is RentalState.ACTIVE
    assert (await house.events(rental.rental_id))[-2:] == ["rental.paused", "rental.resumed"]


async def test_whoever_watches_sees_everything_once_and_hears_at_once(house: House) -> None:
    rental = await a_bank(house)
    caller = by_renter(rental).caller
    stream = house.watching.watch(caller, rental.rental_id, 0)
    first = await anext(stream)
    assert [h.event.kind for h in first.events] == ["rental.requested", "rental.started", "deposit.waived"]
    assert first.price == Money("CNY", 0)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0.1)
    house.hands.turn(minutes=61)
    await house.living.report_return(by_renter(rental), None, ("photo-1",))
    async with asyncio.timeout(0.8):
        heard = await waiting
    assert [h.event.kind for h in heard.events] == ["rental.disputed"]
    assert heard.events[0].event.data["evidence"] == ["photo-1"]
    house.hands.turn(hours=9)
    resumed = house.watching.watch(caller, rental.rental_id, first.events[-1].sequence)
    again = await anext(resumed)
    assert (again.events, again.price) == (heard.events, Money("CNY", 450)), "the clock stands at the report"
    await stream.aclose()
    await resumed.aclose()


async def test_a_watch_ends_with_the_rental_and_is_nobody_elses(house: House) -> None:
    rental = await a_bank(house)
    house.deposits.payments[rental.rental_id] = PAID
    house.hands.turn(minutes=5)
    await house.end(rental.rental_id)
    seen = [seen async for seen in house.watching.watch(by_renter(rental).caller, rental.rental_id, 0)]
    kinds = [h.event.kind for one in seen for h in one.events]
    assert (kinds[-3:], seen[-1].rental.state) == (
        ["rental.settled", "deposit.closed", "payment.paid"],
        RentalState.SETTLED,
    )
    stranger = house.watching.watch(Caller(Role.RENTER, a_renter()), rental.rental_id, 0)
    assert await refused(anext(stranger)) == "RENTAL_NOT_FOUND"


async def test_what_ends_while_a_watcher_looks_is_told_before_the_stream_ends(house: House) -> None:
    rental = await a_bank(house)
    house.deposits.payments[rental.rental_id] = PAID
    house.hands.turn(minutes=5)

    class EndsBetween:
        """The store, in whose second look at the events the rental ends just afterwards."""

        looks = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(house.store, name)

        async def events_after(self, *args: Any) -> Any:
            events = await house.store.events_after(*args)
            self.looks += 1
            if self.looks == 2:
                await house.end(rental.rental_id)
            return events

    store: Any = EndsBetween()
    watching = Watching(store, house.reading, house.wakes, house.hands)
    seen = [seen async for seen in watching.watch(by_renter(rental).caller, rental.rental_id, 0)]
    kinds = [h.event.kind for one in seen for h in one.events]
    assert kinds[:1] + kinds[-3:] == ["rental.requested", "rental.settled", "deposit.closed", "payment.paid"]
