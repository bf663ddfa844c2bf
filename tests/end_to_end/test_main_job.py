"""The main job, from the scan to the settled rental, for people whose outcome is known beforehand."""

from __future__ import annotations

import asyncio

import pytest
from town import Town, new_id, refused

from freehold.deposits.v1 import deposits_service_pb2 as deposits
from freehold.rental.v1 import rental_service_pb2 as rental
from freehold.scoring.v1 import scoring_service_pb2 as scoring
from services.values.errors import Category

ADMITTED = deposits.ADMITTANCE_OUTCOME_ADMITTED
NOT_ADMITTED = deposits.ADMITTANCE_OUTCOME_NOT_ADMITTED
CANNOT_ASSESS = deposits.ADMITTANCE_OUTCOME_CANNOT_ASSESS
WAIVED, HELD = deposits.DEPOSIT_STATE_WAIVED, deposits.DEPOSIT_STATE_HELD
DEPOSIT_MINOR, FARE_MINOR = 9900, 150


@pytest.mark.parametrize(
    ("score", "outcome", "state"),
    [(599, NOT_ADMITTED, HELD), (600, NOT_ADMITTED, HELD), (601, ADMITTED, WAIVED)],
)
async def test_waives_only_strictly_above_the_threshold(town: Town, score: int, outcome: int, state: int) -> None:
    renter = await town.new_person(score=score)
    mine = await town.api.call(town.api.scoring.GetMyScore, scoring.GetMyScoreRequest(), renter.token)
    assert mine.score == score
    assert mine.base_points + sum(line.points for line in mine.points) == score

    started = await town.start(renter.renter_id, await town.new_bike())
    assert (started.state, started.outcome, started.deposit_state) == (rental.RENTAL_STATE_ACTIVE, outcome, state)
    await town.end(started.rental_id)


async def test_a_hold_is_captured_for_the_fare_and_the_rest_is_released(town: Town) -> None:
    renter = await town.new_person(score=599)
    started = await town.start(renter.renter_id, await town.new_bike())
    held = await town.deposit(started.deposit_id)
    assert (held.state, held.authorized_minor, held.open_minor) == (HELD, DEPOSIT_MINOR, DEPOSIT_MINOR)

    ended = await town.end(started.rental_id)
    assert ended.state in (rental.RENTAL_STATE_RETURNED, rental.RENTAL_STATE_SETTLED)
    assert ended.charge.amount_minor == FARE_MINOR
    settled = await town.until(started.rental_id, rental.RENTAL_STATE_SETTLED)
    assert settled.payment_status == deposits.PAYMENT_STATUS_PAID
    closed = await town.deposit(started.deposit_id)
    assert closed.state == deposits.DEPOSIT_STATE_CLOSED
    parts = (closed.captured_minor, closed.released_minor, closed.expired_minor, closed.open_minor)
    assert parts == (FARE_MINOR, DEPOSIT_MINOR - FARE_MINOR, 0, 0)


async def test_a_waived_renter_is_billed(town: Town) -> None:
    renter = await town.new_person(score=650)
    started = await town.start(renter.renter_id, await town.new_bike())
    assert (await town.deposit(started.deposit_id)).authorized_minor == 0
    await town.end(started.rental_id)
    settled = await town.until(started.rental_id, rental.RENTAL_STATE_SETTLED)
    assert settled.payment_status == deposits.PAYMENT_STATUS_PAID
    assert (await town.deposit(started.deposit_id)).charged_minor == FARE_MINOR


@pytest.mark.parametrize(("case", "reason"), [("no_score", "TOO_FEW_FACTS"), ("no_consent", "NO_SCORING_CONSENT")])
async def test_whoever_cannot_be_assessed_pays_a_deposit(town: Town, case: str, reason: str) -> None:
    started = await town.start(town.renter(case).renter_id, await town.new_bike())
    assert (started.outcome, started.deposit_state) == (CANNOT_ASSESS, HELD)
    assert reason in started.reason_codes
    await town.end(started.rental_id)
    await town.until(started.rental_id, rental.RENTAL_STATE_SETTLED)


async def test_nothing_about_a_person_without_consent_reaches_scoring(town: Town) -> None:
    renter = town.renter("no_consent")
    mine = await town.api.call(town.api.scoring.GetMyScore, scoring.GetMyScoreRequest(), renter.token)
    assert mine.unscored_reason == scoring.UNSCORED_REASON_NO_CONSENT
    assert not mine.points


@pytest.mark.parametrize(
    ("case", "code"), [("card_declined", "generic_decline"), ("card_without_funds", "insufficient_funds")]
)
async def test_a_declined_card_makes_no_rental_and_frees_the_bike(town: Town, case: str, code: str) -> None:
    bike, request_id = await town.new_bike(), new_id()
    first = await refused(town.start(town.renter(case).renter_id, bike, request_id))
    assert (first.category, first.reason) == (Category.FAILED_PRECONDITION, "PAYMENT_DECLINED")
    assert first.metadata["decline_code"] == code
    again = await refused(town.start(town.renter(case).renter_id, bike, request_id))
    assert again.metadata == first.metadata, "a refusal that made a row replays"
    cancelled = await town.rental(first.metadata["rental_id"])
    assert (cancelled.state, cancelled.cancel_reason) == (rental.RENTAL_STATE_CANCELLED, "PAYMENT_DECLINED")

    other = await town.start(town.renter("above").renter_id, bike)
    assert other.state == rental.RENTAL_STATE_ACTIVE, "the bike is free for the next person"
    await town.end(other.rental_id)


async def test_at_the_callers_deadline_the_answer_is_requested_and_the_hold_follows(town: Town) -> None:
    renter, bike, request_id = town.renter("card_answers_late"), await town.new_bike(), new_id()
    early = await town.start(renter.renter_id, bike, request_id, timeout=1.0)
    assert (early.state, early.deposit_state) == (rental.RENTAL_STATE_REQUESTED, deposits.DEPOSIT_STATE_PENDING)
    active = await town.until(early.rental_id, rental.RENTAL_STATE_ACTIVE)
    assert active.deposit_state == HELD
    assert (await town.start(renter.renter_id, bike, request_id)).rental_id == early.rental_id
    await town.end(early.rental_id)
    await town.until(early.rental_id, rental.RENTAL_STATE_SETTLED)


@pytest.mark.parametrize("case", ["card_goes_silent", "card_stumbles"])
async def test_a_processor_that_misbehaves_holds_once(town: Town, case: str) -> None:
    started = await town.start(town.renter(case).renter_id, await town.new_bike(), timeout=30.0)
    await town.until(started.rental_id, rental.RENTAL_STATE_ACTIVE)
    await town.end(started.rental_id)
    await town.until(started.rental_id, rental.RENTAL_STATE_SETTLED)
    closed = await town.deposit((await town.rental(started.rental_id)).deposit_id)
    assert (closed.authorized_minor, closed.captured_minor) == (DEPOSIT_MINOR, FARE_MINOR)


async def test_a_declined_bill_is_paid_by_the_next_card(town: Town) -> None:
    renter = town.renter("bill_declined")
    started = await town.start(renter.renter_id, await town.new_bike())
    await town.end(started.rental_id)
    ends = asyncio.get_running_loop().time() + 10
    while (await town.rental(started.rental_id)).payment_status != deposits.PAYMENT_STATUS_FAILED:
        assert asyncio.get_running_loop().time() < ends
        await asyncio.sleep(0.05)
    await town.add_card(renter, "tok_visa")
    settled = await town.until(started.rental_id, rental.RENTAL_STATE_SETTLED)
    assert settled.payment_status == deposits.PAYMENT_STATUS_PAID


async def test_concurrent_repeats_act_once(town: Town) -> None:
    renter, bike, request_id = await town.new_person(score=650), await town.new_bike(), new_id()
    answers = await asyncio.gather(*(town.start(renter.renter_id, bike, request_id) for _ in range(8)))
    assert len({answer.rental_id for answer in answers}) == 1
    end_id = new_id()
    ended = await asyncio.gather(*(town.end(answers[0].rental_id, end_id) for _ in range(8)))
    assert {answer.rental_id for answer in ended} == {answers[0].rental_id}
    await town.until(answers[0].rental_id, rental.RENTAL_STATE_SETTLED)
    assert (await town.ledger()).balanced


async def test_a_fourth_open_waiver_takes_a_deposit(town: Town) -> None:
    renter = await town.new_person(score=700)
    started = [await town.start(renter.renter_id, await town.new_bike()) for _ in range(4)]
    assert [r.deposit_state for r in started] == [WAIVED, WAIVED, WAIVED, HELD]
    assert started[3].outcome == ADMITTED
    assert "EXPOSURE_CAP_REACHED" in started[3].reason_codes
    for one in started:
        await town.end(one.rental_id)
        await town.until(one.rental_id, rental.RENTAL_STATE_SETTLED)


async def test_a_rental_cancelled_in_its_first_minute_costs_nothing(town: Town) -> None:
    renter, bike = await town.new_person(score=599), await town.new_bike()
    started = await town.start(renter.renter_id, bike)
    request = rental.CancelRentalRequest(request_id=new_id(), rental_id=started.rental_id)
    cancelled = (await town.api.call(town.api.rental.CancelRental, request, town.key)).rental
    assert cancelled.state == rental.RENTAL_STATE_CANCELLED
    ends = asyncio.get_running_loop().time() + 10
    while (await town.deposit(started.deposit_id)).open_minor:
        assert asyncio.get_running_loop().time() < ends, "the hold is not released"
        await asyncio.sleep(0.05)
    released = await town.deposit(started.deposit_id)
    assert (released.captured_minor, released.released_minor) == (0, DEPOSIT_MINOR)


async def test_opting_out_ends_the_waiver_and_opting_in_again_resumes_the_facts(town: Town) -> None:
    from freehold.identity.v1 import identity_service_pb2 as identity

    renter = await town.new_person(score=650)
    purpose = identity.CONSENT_PURPOSE_DEPOSIT_SCORING
    withdraw = identity.WithdrawConsentRequest(request_id=new_id(), partner_id=town.city.partner_id, purpose=purpose)
    await town.api.call(town.api.identity.WithdrawConsent, withdraw, renter.token)
    private = await town.start(renter.renter_id, await town.new_bike())
    assert (private.outcome, private.deposit_state) == (CANNOT_ASSESS, HELD), "the very next decision knows"
    await town.end(private.rental_id)

    grant = identity.GrantConsentRequest(
        request_id=new_id(), partner_id=town.city.partner_id, purpose=purpose, text_version="2026-11"
    )
    await town.api.call(town.api.identity.GrantConsent, grant, renter.token)
    ends = asyncio.get_running_loop().time() + 10
    while True:
        mine = await town.api.call(town.api.scoring.GetMyScore, scoring.GetMyScoreRequest(), renter.token)
        if mine.HasField("score") or asyncio.get_running_loop().time() > ends:
            break
        await asyncio.sleep(0.05)
    assert mine.score == 650, "the rental under no consent left no trace"


async def test_after_everything_the_ledger_balances(town: Town) -> None:
    ledger = await town.ledger()
    assert ledger.balanced, list(ledger.findings)
