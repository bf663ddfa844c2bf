"""Many at once, over the wire: a thousand captures of one hold have one effect, fifty equal calls one answer."""

from __future__ import annotations

import asyncio
from collections import Counter

from town import Town, new_id

from freehold.deposits.v1 import deposits_service_pb2 as dep
from freehold.money.v1 import money_pb2
from freehold.rental.v1 import rental_service_pb2 as rental
from services.cli.api import Api
from services.values.errors import Refusal

DEPOSIT_MINOR = 9900
PATIENCE_SECONDS, ANSWER_SECONDS = 60.0, 30.0


async def held(town: Town) -> rental.Rental:
    """A rental with a hold."""
    renter = await town.new_person(consents=False)
    started = await town.start(renter.renter_id, await town.new_bike())
    return await town.until(started.rental_id, rental.RENTAL_STATE_ACTIVE)


def capture(ride: rental.Rental, amount_minor: int, request_id: str = "") -> dep.CaptureDepositRequest:
    return dep.CaptureDepositRequest(
        request_id=request_id or new_id(),
        deposit_id=ride.deposit_id,
        amount=money_pb2.Money(currency_code="CNY", amount_minor=amount_minor),
        reason="a test",
    )


async def asked(town: Town, requests: list[dep.CaptureDepositRequest]) -> list[dep.Deposit | str]:
    """All of them at once, each with the patience of an app: the deposits, or the reasons of refusals."""
    async with Api(town.ready.public, PATIENCE_SECONDS) as api:

        async def one(request: dep.CaptureDepositRequest) -> dep.Deposit | str:
            try:
                return (await api.call(api.deposits.CaptureDeposit, request, town.key, ANSWER_SECONDS)).deposit
            except Refusal as refusal:
                return refusal.reason

        return await asyncio.gather(*(one(request) for request in requests))


async def captured(town: Town, ride: rental.Rental, amount_minor: int) -> dep.Deposit:
    """The deposit once that much is captured and the rest has gone back."""
    await town.end(ride.rental_id)
    await town.until(ride.rental_id, rental.RENTAL_STATE_SETTLED)
    deposit = await town.deposit(ride.deposit_id)
    assert deposit.compensated_minor == amount_minor
    assert deposit.open_minor == 0
    assert deposit.paid_minor == deposit.charged_minor
    return deposit


async def test_a_thousand_captures_of_one_hold_have_one_effect(town: Town) -> None:
    ride = await held(town)
    answers = await asked(town, [capture(ride, DEPOSIT_MINOR) for _ in range(1000)])
    counted = Counter("taken" if isinstance(answer, dep.Deposit) else answer for answer in answers)
    assert counted == {"taken": 1, "COMPENSATION_LIMIT_EXCEEDED": 999}
    deposit = await captured(town, ride, DEPOSIT_MINOR)
    assert deposit.captured_minor == DEPOSIT_MINOR
    assert (await town.ledger()).balanced


async def test_fifty_calls_with_one_request_id_have_one_effect_and_equal_answers(town: Town) -> None:
    ride = await held(town)
    answers = await asked(town, [capture(ride, 500, "the-same")] * 50)
    told = {
        (answer.deposit_id, answer.charged_minor, answer.compensated_minor)
        for answer in answers
        if isinstance(answer, dep.Deposit)
    }
    assert told == {(ride.deposit_id, 500, 500)}
    assert all(isinstance(answer, dep.Deposit) for answer in answers)
    await captured(town, ride, 500)
