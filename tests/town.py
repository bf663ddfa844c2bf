"""A running house as its users see it, for end-to-end and fault tests: everything goes through the public doors."""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from freehold.deposits.v1 import deposits_service_pb2 as deposits
from freehold.identity.v1 import identity_service_pb2 as identity
from freehold.rental.v1 import rental_service_pb2 as rental
from freehold.scoring.v1 import fact_pb2
from freehold.scoring.v1 import scoring_service_pb2 as scoring
from services.cli.api import Api
from services.cli.home import Home, free_port_base
from services.cli.ready import Ready
from services.cli.running import running_house
from services.cli.seeding import City, Expected, Part, Renter
from services.cli.seeding.business import create_bike
from services.cli.seeding.inbox import Inbox
from services.cli.seeding.people import People
from services.sandbox.people import person
from services.values.errors import Refusal

SETTLE_SECONDS = 20.0
STRANGER = "stranger"
"""Has a certificate of our authority, and is on nobody's list."""
_newcomers = itertools.count(20_000)
_bikes = itertools.count(1)


def new_id() -> str:
    """A fresh request_id."""
    return uuid.uuid4().hex


class Town:
    """One house with its demo city. Calls are made once unless a test asks for patience."""

    def __init__(self, ready: Ready, api: Api, inbox: Inbox) -> None:
        assert ready.city is not None
        self.ready, self.api, self.city, self.inbox = ready, api, ready.city, inbox
        self.key, self.operator = self.city.partner_key, self.city.operator_token

    def renter(self, case: str) -> Renter:
        """The person of a case."""
        return next(renter for renter in self.city.renters if renter.case == case)

    async def new_bike(self) -> str:
        """A bike that nobody else in this run uses."""
        code = f"T-{next(_bikes):04}-{uuid.uuid4().hex[:8]}"
        await create_bike(self.api, self.key, code, self.city.price_plan_id)
        return code

    async def new_person(self, **part: object) -> Renter:
        """Somebody fresh: `score`, `consents`, `card` as in the cast."""
        index = next(_newcomers)
        asked = Part(f"newcomer-{index}", lambda: person(index), Expected.HELD, **part)  # type: ignore[arg-type]
        people = People(self.api, self.inbox, self.ready.clock, self.operator, self.city.partner_id, self.key)
        renter_id, token, ends = await people.settle_in(asked)
        return Renter(renter_id, asked.case, asked.expected, token, ends)

    async def old_friend(self) -> Renter:
        """Somebody who stands well and has been known for a year."""
        friend = await self.new_person(score=720)
        joined = fact_pb2.Fact(fact_id="joined-long-ago", renter_id=friend.renter_id, kind=fact_pb2.FACT_KIND_JOINED)
        joined.occurred_at.FromDatetime(self.ready.clock.now() - timedelta(days=365))
        request = scoring.RecordFactsRequest(request_id=new_id(), facts=[joined])
        answer = await self.api.call(self.api.scoring.RecordFacts, request, self.operator)
        assert [status.reason for status in answer.statuses] == [""]
        return friend

    async def start(
        self, renter_id: str, bike: str, request_id: str = "", timeout: float = 10.0, payment_method_id: str = ""
    ) -> rental.Rental:
        """StartRental, as the partner's app."""
        request = rental.StartRentalRequest(
            request_id=request_id or new_id(),
            renter_id=renter_id,
            asset_code=bike,
            payment_method_id=payment_method_id,
        )
        return (await self.api.call(self.api.rental.StartRental, request, self.key, timeout)).rental

    async def end(self, rental_id: str, request_id: str = "") -> rental.Rental:
        """EndRental, as the partner's app."""
        request = rental.EndRentalRequest(request_id=request_id or new_id(), rental_id=rental_id)
        return (await self.api.call(self.api.rental.EndRental, request, self.key)).rental

    async def rental(self, rental_id: str) -> rental.Rental:
        """GetRental, as the partner's app."""
        request = rental.GetRentalRequest(rental_id=rental_id)
        return (await self.api.call(self.api.rental.GetRental, request, self.key)).rental

    async def deposit(self, deposit_id: str) -> deposits.Deposit:
        """GetDeposit, as the partner's app."""
        request = deposits.GetDepositRequest(deposit_id=deposit_id)
        return (await self.api.call(self.api.deposits.GetDeposit, request, self.key)).deposit

    async def ledger(self) -> deposits.GetTrialBalanceResponse:
        """GetTrialBalance, as the operator."""
        return await self.api.call(self.api.deposits.GetTrialBalance, deposits.GetTrialBalanceRequest(), self.operator)

    async def until(self, rental_id: str, state: int, seconds: float = SETTLE_SECONDS) -> rental.Rental:
        """The rental, once it is in a state."""
        ends = time.monotonic() + seconds
        while (found := await self.rental(rental_id)).state != state:
            assert time.monotonic() < ends, f"still {rental.RentalState.Name(found.state)} after {seconds:.0f} s"
            await asyncio.sleep(0.05)
        return found

    async def add_card(self, renter: Renter, token: str, request_id: str = "") -> deposits.PaymentMethod:
        """AddPaymentMethod, as the renter."""
        request = deposits.AddPaymentMethodRequest(
            request_id=request_id or new_id(), renter_id=renter.renter_id, processor_token=token
        )
        return (await self.api.call(self.api.deposits.AddPaymentMethod, request, renter.token)).payment_method

    async def other_partner(self) -> str:
        """The key of a second business."""
        register = identity.RegisterPartnerRequest(request_id=new_id(), display_name="Hillside Bikes")
        partner = (await self.api.call(self.api.identity.RegisterPartner, register, self.operator)).partner
        create = identity.CreateApiKeyRequest(
            request_id=new_id(), partner_id=partner.partner_id, display_name="its app"
        )
        return (await self.api.call(self.api.identity.CreateApiKey, create, self.operator)).secret


async def refused(call: Awaitable[object]) -> Refusal:
    """The typed error that a call ends with."""
    with pytest.raises(Refusal) as caught:
        await call
    return caught.value


@asynccontextmanager
async def a_town(
    folder: Path, *, clock_scale: float = 1.0, patience_seconds: float = 0.0, public_tls: bool = False
) -> AsyncIterator[Town]:
    """`freehold up` in a folder of its own, with the demo city."""
    home = Home(folder)
    async with running_house(
        home, free_port_base(), clock_scale=clock_scale, demo=True, public_tls=public_tls
    ) as ready:
        inbox = Inbox(ready.sandbox["carrier"], ready.home.sandbox_secret.read_text().strip())
        async with Api(ready.public, patience_seconds, ready.public_authority) as api:
            try:
                yield Town(ready, api, inbox)
            finally:
                await inbox.close()


def people_of(city: City, *outcomes: Expected) -> list[str]:
    """The cases whose first rental must go so."""
    return [renter.case for renter in city.renters if renter.expected in outcomes]
