"""After the day: debts are paid, everything that is under way ends, and the books are read and checked."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from freehold.deposits.v1 import deposits_service_pb2 as dep
from freehold.rental.v1 import rental_service_pb2 as rental
from services.cli.api import Api
from services.cli.replay.tally import Tally
from services.cli.seeding import City

PATIENCE_SECONDS = 60.0
PAGE = 200
GOOD_CARD = "tok_visa"
DEBTORS = frozenset({"bill_declined", "no_card"})
"""Cases that end the day with unpaid bills; adding a card that works pays them."""
_UNFINISHED = (rental.RENTAL_STATE_REQUESTED, rental.RENTAL_STATE_ACTIVE, rental.RENTAL_STATE_RETURNED)

EventsWaiting = Callable[[], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Closing:
    """The books after the day, read from the services; amounts are minor units of `currency_code`."""

    rentals: tuple[rental.Rental, ...]
    deposits: tuple[dep.Deposit, ...]
    ledger: dep.GetTrialBalanceResponse
    events_waiting: int
    lost: tuple[str, ...]

    @property
    def kept(self) -> list[dep.Deposit]:
        """Deposits of rentals that came about."""
        made = {r.rental_id for r in self.rentals if r.state != rental.RENTAL_STATE_CANCELLED}
        return [deposit for deposit in self.deposits if deposit.rental_id in made]

    @property
    def held(self) -> int:
        """Rentals with a hold."""
        return sum(deposit.authorized_minor > 0 for deposit in self.kept)

    @property
    def waived(self) -> int:
        """Rentals without one."""
        return len(self.kept) - self.held

    @property
    def declined(self) -> list[dep.Deposit]:
        """Deposits that the processor declined; no rental came about."""
        return [deposit for deposit in self.deposits if deposit.state == dep.DEPOSIT_STATE_DECLINED]

    @property
    def cannot_assess(self) -> int:
        """Held or declined because there was no score to compare."""
        asked = [*self.kept, *self.declined]
        return sum(deposit.outcome == dep.ADMITTANCE_OUTCOME_CANNOT_ASSESS for deposit in asked)

    @property
    def unsettled(self) -> int:
        """Rentals that are neither SETTLED nor CANCELLED."""
        return sum(r.state in _UNFINISHED for r in self.rentals)

    def checks(self) -> list[tuple[str, bool]]:
        """What must hold after a day."""
        return [
            ("the ledger balances", self.ledger.balanced),
            ("every hold has ended", self.ledger.open_holds == 0 and self.ledger.pending_deposits == 0),
            ("no deposit has anything open", all(deposit.open_minor == 0 for deposit in self.deposits)),
            ("every rental is settled or cancelled", self.unsettled == 0),
            ("every bill is paid", self.ledger.unpaid_bills == 0),
            ("every event was delivered", self.events_waiting == 0),
            ("every acknowledged rental exists", not self.lost),
        ]


async def close_day(api: Api, city: City, tally: Tally, events_waiting: EventsWaiting) -> Closing:
    """Pays debts, waits until nothing is under way (a minute at most), and reads the books."""
    await _pay_debts(api, city)
    await _wait_until_quiet(api, city, events_waiting)
    rentals = tuple([r async for r in _rentals(api, city)])
    made = {r.rental_id for r in rentals if r.state != rental.RENTAL_STATE_CANCELLED}
    return Closing(
        rentals=rentals,
        deposits=tuple([deposit async for deposit in _deposits(api, city)]),
        ledger=await _ledger(api, city),
        events_waiting=await events_waiting(),
        lost=tuple(sorted(tally.acknowledged - made)),
    )


async def _pay_debts(api: Api, city: City) -> None:
    for renter in city.renters:
        if renter.case in DEBTORS:
            request = dep.AddPaymentMethodRequest(
                request_id=uuid.uuid4().hex, renter_id=renter.renter_id, processor_token=GOOD_CARD
            )
            await api.call(api.deposits.AddPaymentMethod, request, renter.token)


async def _wait_until_quiet(api: Api, city: City, events_waiting: EventsWaiting) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends:
        if await _is_quiet(api, city, events_waiting):
            return
        await asyncio.sleep(0.25)


async def _is_quiet(api: Api, city: City, events_waiting: EventsWaiting) -> bool:
    ledger = await _ledger(api, city)
    if ledger.open_holds or ledger.pending_deposits or ledger.unpaid_bills or await events_waiting():
        return False
    for state in _UNFINISHED:
        request = rental.ListRentalsRequest(state=state, page_size=1)
        if (await api.call(api.rental.ListRentals, request, city.partner_key)).rentals:
            return False
    return True


async def _ledger(api: Api, city: City) -> dep.GetTrialBalanceResponse:
    return await api.call(api.deposits.GetTrialBalance, dep.GetTrialBalanceRequest(), city.operator_token)


async def _rentals(api: Api, city: City) -> AsyncIterator[rental.Rental]:
    token = ""
    while True:
        request = rental.ListRentalsRequest(page_size=PAGE, page_token=token)
        page = await api.call(api.rental.ListRentals, request, city.partner_key)
        for found in page.rentals:
            yield found
        token = page.next_page_token
        if not token:
            return


async def _deposits(api: Api, city: City) -> AsyncIterator[dep.Deposit]:
    token = ""
    while True:
        request = dep.ListDepositsRequest(page_size=PAGE, page_token=token)
        page = await api.call(api.deposits.ListDeposits, request, city.partner_key)
        for found in page.deposits:
            yield found
        token = page.next_page_token
        if not token:
            return
