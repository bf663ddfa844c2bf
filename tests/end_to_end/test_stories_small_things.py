"""Stories of small things through all real services: money, states, events and score agree at every step."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import pytest
import pytest_asyncio
from town import Town, a_town, new_id, refused

from freehold.deposits.v1 import deposits_service_pb2 as deposits
from freehold.money.v1 import money_pb2
from freehold.rental.v1 import life_service_pb2 as lives
from freehold.rental.v1 import rental_service_pb2 as rental
from freehold.rental.v1 import reservation_service_pb2 as reservations
from freehold.scoring.v1 import fact_pb2
from freehold.scoring.v1 import scoring_service_pb2 as scoring
from services.cli.seeding import Renter

T = TypeVar("T")
HALF_A_DAY_A_SECOND = 12 * 3600
SECONDS = 40.0
PAID, ACTIVE, SETTLED = (
    deposits.PAYMENT_STATUS_PAID, rental.RENTAL_STATE_ACTIVE, rental.RENTAL_STATE_SETTLED,
)  # fmt: skip


@dataclass(frozen=True)
class Business:
    """A town whose partner rents out small things: bank ¥3 an hour and ¥20 a day, umbrella ¥1.50 a day."""

    town: Town
    plans: dict[str, str]

    async def thing(self, kind: str) -> str:
        """A thing that nobody else in this run uses."""
        code = f"{kind[:4]}-{uuid.uuid4().hex[:10]}"
        request = rental.CreateAssetRequest(
            request_id=new_id(), asset_kind=f"ASSET_KIND_{kind}", code=code, price_plan_id=self.plans[kind]
        )
        await self.town.api.call(self.town.api.rental.CreateAsset, request, self.town.key)
        return code

    async def scan(self, kind: str, score: int | None = None) -> tuple[Renter, rental.Rental]:
        """Somebody has a thing."""
        renter = await self.town.new_person(score=score)
        started = await self.town.start(renter.renter_id, await self.thing(kind))
        assert started.state == ACTIVE
        return renter, started

    async def life(self, name: str, rental_id: str, credential: str, **more: Any) -> rental.Rental:
        """A call of LifeService."""
        request = getattr(lives, f"{name}Request")(request_id=new_id(), rental_id=rental_id, **more)
        return (await self.town.api.call(getattr(self.town.api.lives, name), request, credential)).rental


async def open_business(town: Town) -> Business:
    """Plans and policies for the kinds."""
    plans = {}
    for kind, rate, interval, cap, deposit in (
        ("POWER_BANK", 300, 60, 2000, 9900),
        ("UMBRELLA", 150, 24 * 60, 0, 3900),
        ("SHOP_VISIT", 0, 0, 0, 20_000),
        ("E_BIKE", 200, 30, 0, 9900),
    ):
        plan = rental.CreatePricePlanRequest(request_id=new_id(), currency_code="CNY", cap_per_day_minor=cap)
        plan.segments.add(rate_minor=rate, interval_minutes=interval)
        plans[kind] = (await town.api.call(town.api.rental.CreatePricePlan, plan, town.key)).price_plan.price_plan_id
        policy = deposits.SetPolicyRequest(
            request_id=new_id(), asset_kind=f"ASSET_KIND_{kind}", threshold=600, reason="a story"
        )
        policy.deposit.CopyFrom(money_pb2.Money(currency_code="CNY", amount_minor=deposit))
        await town.api.call(town.api.deposits.SetPolicy, policy, town.key)
    return Business(town, plans)


@pytest_asyncio.fixture(scope="module")
async def business(town: Town) -> Business:
    """In the house of all end-to-end tests."""
    return await open_business(town)


@pytest_asyncio.fixture(scope="module")
async def hasty(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Business]:
    """In a house of its own, where twelve hours pass in a second."""
    folder = tmp_path_factory.mktemp("hasty")
    async with a_town(folder, clock_scale=HALF_A_DAY_A_SECOND, patience_seconds=10.0) as town:
        yield await open_business(town)


async def until(ask: Callable[[], Awaitable[T]], done: Callable[[T], bool]) -> T:
    ends = time.monotonic() + SECONDS
    while not done(answer := await ask()):
        assert time.monotonic() < ends, f"still {answer}"
        await asyncio.sleep(0.1)
    return answer


async def facts(town: Town, renter: Renter, rental_id: str) -> set[str]:
    """What counts of what scoring knows about a rental."""
    request = scoring.ListMyFactsRequest(page_size=200)
    known = (await town.api.call(town.api.scoring.ListMyFacts, request, renter.token)).facts
    mine = (rental_id, scoring.FACT_STATE_COUNTED)
    return {
        fact_pb2.FactKind.Name(k.fact.kind).removeprefix("FACT_KIND_")
        for k in known
        if (k.fact.subject, k.state) == mine
    }


async def test_a_power_bank_is_lost_paid_for_found_and_paid_back(business: Business) -> None:
    town = business.town
    renter, started = await business.scan("POWER_BANK")
    assert started.deposit_state == deposits.DEPOSIT_STATE_HELD
    gone = await business.life("ReportLost", started.rental_id, renter.token)
    assert (gone.state, gone.charge.amount_minor, gone.purchase.amount_minor) == (rental.RENTAL_STATE_LOST, 300, 9600)
    paid = await until(lambda: town.rental(started.rental_id), lambda r: r.payment_status == PAID)
    held = await town.deposit(started.deposit_id)
    assert (held.captured_minor, held.open_minor, held.compensated_minor) == (9900, 0, 9600)
    await until(lambda: facts(town, renter, started.rental_id), lambda known: "RENTAL_LOST" in known)

    back = await business.life("ReportFound", started.rental_id, town.key)
    assert (back.state, back.charge.amount_minor, back.HasField("purchase")) == (SETTLED, 300, False)
    await until(lambda: facts(town, renter, started.rental_id), lambda known: "RENTAL_LOST" not in known)
    after = await until(lambda: town.deposit(paid.deposit_id), lambda d: d.refunded_minor == 9600)
    assert after.compensated_minor == 0
    assert (await town.ledger()).balanced


async def test_a_purchase_of_a_waived_renter_is_billed_and_credited(business: Business) -> None:
    town = business.town
    renter = await town.new_person(score=650, card="tok_charge_declined")
    started = await town.start(renter.renter_id, await business.thing("UMBRELLA"))
    assert started.deposit_state == deposits.DEPOSIT_STATE_WAIVED
    await business.life("ReportLost", started.rental_id, town.key)
    failed = await until(
        lambda: town.rental(started.rental_id), lambda r: r.payment_status == deposits.PAYMENT_STATUS_FAILED
    )
    assert (failed.charge.amount_minor, failed.purchase.amount_minor) == (150, 3750)
    await business.life("ReportFound", started.rental_id, town.key)
    owing = await until(lambda: town.deposit(started.deposit_id), lambda d: d.charged_minor == 150)
    assert (owing.refunded_minor, owing.paid_minor) == (0, 0)
    await town.add_card(renter, "tok_visa")
    await town.until(started.rental_id, SETTLED)
    assert (await town.ledger()).balanced


async def test_a_return_that_was_not_recorded_stops_billing_at_once(business: Business) -> None:
    town = business.town
    renter, started = await business.scan("UMBRELLA", score=650)
    disputed = await business.life("ReportReturn", started.rental_id, renter.token, evidence=["photos/1"])
    assert disputed.state == rental.RENTAL_STATE_DISPUTED
    other = await town.start(renter.renter_id, await business.thing("UMBRELLA"))
    assert other.state == ACTIVE, "nobody is locked out by a dispute"
    await town.end(other.rental_id)
    answered = await business.life("ResolveReturn", started.rental_id, town.key, answer="RETURN_ANSWER_ACCEPTED")
    assert answered.ended_at == disputed.dispute.claimed_end_at
    assert answered.dispute.state == rental.RETURN_DISPUTE_STATE_ACCEPTED
    settled = await town.until(started.rental_id, SETTLED)
    assert settled.charge.amount_minor == 150


async def test_a_watch_tells_the_whole_story_and_goes_on_where_it_broke_off(business: Business) -> None:
    town = business.town
    renter, started = await business.scan("E_BIKE", score=650)

    async def watched(after: int, most: int) -> list[lives.RentalEvent]:
        request = lives.WatchRentalRequest(rental_id=started.rental_id, after_sequence=after)
        metadata = (("authorization", f"Bearer {renter.token}"),)
        events: list[lives.RentalEvent] = []
        async for answer in town.api.lives.WatchRental(request, metadata=metadata, timeout=SECONDS):
            events += answer.events
            if len(events) >= most:
                break
        return events

    before = await watched(0, 3)
    assert [event.kind for event in before] == ["rental.requested", "rental.started", "deposit.waived"]
    rest = asyncio.ensure_future(watched(before[-1].sequence, 100))
    await town.end(started.rental_id)
    after = await rest
    assert [event.kind for event in after if event.kind.startswith("rental.")] == ["rental.ended", "rental.settled"]
    assert after[0].charge.amount_minor == 200
    assert after[-1].sequence > before[-1].sequence


async def test_a_bike_is_reserved_scanned_and_returned(business: Business) -> None:
    town = business.town
    renter, bike = await town.new_person(score=650), await town.new_bike()
    request = reservations.ReserveAssetRequest(request_id=new_id(), renter_id=renter.renter_id, asset_code=bike)
    kept = (await town.api.call(town.api.reservations.ReserveAsset, request, town.key)).reservation
    assert kept.expires_at.ToDatetime() - kept.reserved_at.ToDatetime() == timedelta(minutes=10)
    other = await town.new_person(score=650)
    assert (await refused(town.start(other.renter_id, bike))).reason == "ASSET_NOT_AVAILABLE"
    started = await town.start(renter.renter_id, bike)
    ask = reservations.GetReservationRequest(reservation_id=kept.reservation_id)
    used = (await town.api.call(town.api.reservations.GetReservation, ask, renter.token)).reservation
    assert (used.state, used.rental_id) == (reservations.RESERVATION_STATE_USED, started.rental_id)
    await town.end(started.rental_id)
    await town.until(started.rental_id, SETTLED)


async def test_a_dispute_that_is_lost_goes_on_as_if_it_had_never_been(business: Business) -> None:
    town = business.town
    renter, started = await business.scan("E_BIKE", score=650)
    assert (await business.life("PauseRental", started.rental_id, town.key)).state == rental.RENTAL_STATE_PAUSED
    await business.life("ReportReturn", started.rental_id, renter.token)
    refusal = await business.life("ResolveReturn", started.rental_id, town.key, answer="RETURN_ANSWER_REFUSED")
    assert (refusal.state, refusal.dispute.state) == (ACTIVE, rental.RETURN_DISPUTE_STATE_REFUSED)
    again = await refused(business.life("ReportReturn", started.rental_id, renter.token))
    assert again.reason == "RETURN_ALREADY_DISPUTED"
    ended = await town.end(started.rental_id)
    assert ended.ended_at.ToDatetime() > refusal.dispute.reported_at.ToDatetime()
    await town.until(started.rental_id, SETTLED)


async def test_a_visit_to_a_shop_costs_what_the_shop_says(business: Business) -> None:
    town = business.town
    renter, started = await business.scan("SHOP_VISIT", score=650)
    end = rental.EndRentalRequest(request_id=new_id(), rental_id=started.rental_id)
    assert (await refused(town.api.call(town.api.rental.EndRental, end, town.key))).reason == "CHARGE_REQUIRED"
    end.told_charge.CopyFrom(money_pb2.Money(currency_code="CNY", amount_minor=4250))
    over = (await town.api.call(town.api.rental.EndRental, end, town.key)).rental
    assert over.charge.amount_minor == 4250
    settled = await town.until(started.rental_id, SETTLED)
    assert (settled.payment_status, (await town.deposit(settled.deposit_id)).paid_minor) == (PAID, 4250)
    assert "PAYMENT_ON_TIME" in await until(
        lambda: facts(town, renter, started.rental_id), lambda known: "PAYMENT_ON_TIME" in known
    )


async def test_what_does_not_come_back_is_overdue_and_then_bought(hasty: Business) -> None:
    town = hasty.town
    renter, started = await hasty.scan("POWER_BANK")
    overdue = await until(lambda: town.rental(started.rental_id), lambda r: r.HasField("overdue_at"))
    assert overdue.overdue_at.ToDatetime() - overdue.started_at.ToDatetime() >= timedelta(hours=24)
    gone = await until(lambda: town.rental(started.rental_id), lambda r: r.payment_status == PAID)
    assert (gone.state, gone.charge.amount_minor + gone.purchase.amount_minor) == (rental.RENTAL_STATE_LOST, 9900)
    known = await until(lambda: facts(town, renter, started.rental_id), lambda f: "PAYMENT_ON_TIME" in f)
    assert {"RENTAL_LOST", "RENTAL_STARTED"} <= known
    assert (await town.ledger()).balanced


async def test_an_end_that_was_recorded_late_is_rated_anew(hasty: Business) -> None:
    town = hasty.town
    renter, started = await hasty.scan("POWER_BANK")
    await asyncio.sleep(3.0)
    ended = await town.end(started.rental_id)
    settled = await town.until(started.rental_id, SETTLED)
    assert settled.charge.amount_minor > 2000, "a day and a half"
    claimed = ended.started_at.ToDatetime() + timedelta(minutes=30)
    request = lives.ReportReturnRequest(request_id=new_id(), rental_id=started.rental_id)
    request.claimed_end_at.FromDatetime(claimed)
    await town.api.call(town.api.lives.ReportReturn, request, renter.token)
    right = await hasty.life("ResolveReturn", started.rental_id, town.key, answer="RETURN_ANSWER_ACCEPTED")
    assert right.charge.amount_minor == 300
    back = ended.charge.amount_minor - 300
    await until(lambda: town.deposit(ended.deposit_id), lambda d: d.refunded_minor == back)
    assert (await town.ledger()).balanced
