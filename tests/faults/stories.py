"""Lives of a deposit, told over the public doors: each goes on through the death of the deposits process, to its end.

A story is one renter with one rental. At one of its steps a `Kill` has the process die; the caller repeats its call as
any app does, and the story ends as it would have ended anyway.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from mortal_deposits import GONE, SECOND
from mortal_house import Scythe
from town import Town, new_id

from freehold.deposits.v1 import billing_service_pb2 as billing
from freehold.deposits.v1 import deposits_service_pb2 as dep
from freehold.money.v1 import money_pb2
from freehold.rental.v1 import rental_service_pb2 as rental
from services.cli.seeding.business import create_bike
from services.values.errors import Refusal

PATIENCE_SECONDS = 120.0
REACHED_SECONDS, SLOW_SECONDS = 15.0, 60.0
CLAIM_MINOR, REFUND_MINOR, RAISE_MINOR = 1000, 100, 500
TIER = 560
"""Scores above this and up to the threshold pay half of the deposit."""
UNRAISED = ("COMPENSATION_LIMIT_EXCEEDED", "DEPOSIT_NOT_OPEN")
"""The claim went to the old hold while a new one was asked for whole; or the hold has lapsed meanwhile."""
ENDED = (dep.DEPOSIT_STATE_CLOSED, dep.DEPOSIT_STATE_CANCELLED, dep.DEPOSIT_STATE_DECLINED)
Holds = Callable[[rental.Rental, dep.Deposit], bool]
T = TypeVar("T")


class NotRented(Exception):
    """The rental was cancelled: it was not ACTIVE in time, or refused, or its caller thought better of it."""


@dataclass(frozen=True, slots=True)
class Kill:
    """A named point: the process dies when the work of `step` comes to each of `moments`, one after the other.

    A `slow` one is brought about by time and waited for beside the others. `often` is gone through in every run, the
    others in the soak.
    """

    story: str
    step: str
    moments: tuple[str, ...]
    slow: bool = False
    often: bool = True

    @property
    def name(self) -> str:
        """As the results show it."""
        return f"{self.story}, {self.step}: {', then '.join(self.moments)}"


@dataclass
class Story:
    """One rental. `charged_minor` is the fare and what was claimed, `calls` what was asked and how it was answered."""

    scythe: Scythe
    town: Town
    kill: Kill
    free_plan: str
    renter_id: str = ""
    rental_id: str = ""
    deposit_id: str = ""
    claimed_minor: int = 0
    refunded_minor: int = 0
    deaths: int = 0
    seconds_to_end: float = 0.0
    calls: list[tuple[Any, Any, str]] = field(default_factory=list)

    @property
    def reached(self) -> bool:
        """Whether the process died at every moment that was asked for."""
        return self.deaths == len(self.kill.moments)

    async def tell(self) -> Story:
        """From the first step to the end of the rental and its deposit."""
        with suppress(NotRented):
            await STORIES[self.kill.story](self)
        await self.settled()
        return self

    async def step(self, name: str, act: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Does one step; at that of the kill, the process dies in it."""
        if name != self.kill.step:
            return await act()
        acting: list[asyncio.Task[T]] = []

        def begin() -> asyncio.Task[T]:
            acting.extend([] if acting else [asyncio.create_task(act())])
            return acting[0]

        for moment in self.kill.moments:
            slow = self.kill.slow or self.deaths > 0
            within = SLOW_SECONDS if slow else REACHED_SECONDS
            self.deaths += await self.scythe.dies(moment, self.renter_id, begin, within, alone=not slow)
        self._died_at = time.monotonic()
        return await begin()

    async def call(self, rpc: Any, request: Any) -> Any:
        """One call of the partner's app, with patience; what was done is kept, to be asked for again in the end."""
        answer = await self.town.api.call(rpc, request, self.town.key)
        self.calls.append((rpc, request, subject_of(answer)))
        return answer

    async def start(self, plan: str = "") -> None:
        """A bike of their own, and a rental of it that becomes ACTIVE or is refused."""
        code = f"K-{new_id()[:12]}"
        await create_bike(self.town.api, self.town.key, code, plan or self.town.city.price_plan_id)
        request = rental.StartRentalRequest(request_id=new_id(), renter_id=self.renter_id, asset_code=code)
        await self.step("start", lambda: self._rented(request))

    async def _rented(self, request: rental.StartRentalRequest) -> None:
        self.remember((await self.call(self.town.api.rental.StartRental, request)).rental)
        ride, _ = await self.until(lambda r, d: r.state != rental.RENTAL_STATE_REQUESTED)
        if ride.state != rental.RENTAL_STATE_ACTIVE:
            raise NotRented

    def remember(self, found: rental.Rental) -> None:
        """Which rental the story is about."""
        self.rental_id, self.deposit_id = found.rental_id, found.deposit_id

    async def end(self) -> None:
        """The bike is back; then everything is paid and given back."""
        request = rental.EndRentalRequest(request_id=new_id(), rental_id=self.rental_id)
        await self.step("end", lambda: self.call(self.town.api.rental.EndRental, request))

    async def settled(self) -> None:
        """Waits until the rental and its deposit have come to their ends."""
        over = (rental.RENTAL_STATE_SETTLED, rental.RENTAL_STATE_CANCELLED)
        await self.until(lambda r, d: r.state in over and d.state in ENDED and not d.open_minor)
        self.seconds_to_end = round(time.monotonic() - self._died_at, 1) if self.deaths else 0.0

    async def until(self, holds: Holds) -> tuple[rental.Rental, dep.Deposit]:
        """Waits until something holds of the rental and its deposit."""
        ends, pause = time.monotonic() + PATIENCE_SECONDS, 0.1
        while True:
            found, deposit = await self.town.rental(self.rental_id), await self._deposit(self.rental_id)
            if deposit is not None and holds(found, deposit):
                return found, deposit
            assert time.monotonic() < ends, (self.kill.name, found, deposit)
            await asyncio.sleep(pause)
            pause = min(1.0, 1.5 * pause)

    async def _deposit(self, rental_id: str) -> dep.Deposit | None:
        request = dep.ListDepositsRequest(renter_id=self.renter_id)
        answer = await self.town.api.call(self.town.api.deposits.ListDeposits, request, self.town.key)
        found = next((one for one in answer.deposits if one.rental_id == rental_id), None)
        self.deposit_id = found.deposit_id if found is not None else ""
        return found

    async def claim(self, step: str, rpc: Any, request_class: Any, amount_minor: int) -> None:
        """Asks something of the deposit."""
        request = request_class(
            request_id=new_id(), deposit_id=self.deposit_id, amount=_money(amount_minor), reason="a test"
        )
        await self.step(step, lambda: self.call(rpc, request))

    async def person(self, *cards: tuple[str, str], score: int | None = None) -> list[str]:
        """Somebody new with these (processor, token); the ids of their payment methods."""
        renter = await self.town.new_person(score=score, consents=score is not None, card=None)
        self.renter_id = renter.renter_id
        return [await self.add_card(processor, token) for processor, token in cards]

    async def add_card(self, processor: str, token: str) -> str:
        """AddPaymentMethod, as the partner's app."""
        request = dep.AddPaymentMethodRequest(
            request_id=new_id(), renter_id=self.renter_id, processor_token=token, processor=processor
        )
        answer = await self.step("card", lambda: self.call(self.town.api.deposits.AddPaymentMethod, request))
        method: str = answer.payment_method.payment_method_id
        return method


def subject_of(answer: Any) -> str:
    """What a call has made or changed."""
    (_, what), *_ = answer.ListFields()
    return next(
        value for name in ("payment_method_id", "rental_id", "deposit_id") if (value := getattr(what, name, ""))
    )


def _money(amount_minor: int) -> money_pb2.Money:
    return money_pb2.Money(currency_code="CNY", amount_minor=amount_minor)


async def waived(story: Story) -> None:
    """No deposit; the fare is charged."""
    await story.person(("sandbox", "tok_visa"), score=720)
    await story.start()
    await story.end()


async def held(story: Story) -> None:
    """A hold; the fare is captured, the rest goes back."""
    await story.person(("sandbox", "tok_visa"))
    await story.start()
    await story.end()


async def silent(story: Story) -> None:
    """The processor holds and its answer never comes."""
    await story.person(("sandbox", "tok_timeout_after"))
    await story.start()
    await story.end()


async def confirmed(story: Story) -> None:
    """The renter confirms after a while, and a webhook tells."""
    await story.person(("sandbox", "tok_confirm"))
    await story.start()
    await story.end()


async def fallen_back(story: Story) -> None:
    """The first processor is silent; the second holds."""
    await story.person((GONE, "tok_visa"), (SECOND, "tok_visa"))
    await story.start()
    await story.end()


async def declined(story: Story) -> None:
    """No hold, no rental."""
    await story.person(("sandbox", "tok_declined"))
    try:
        await story.start()
    except Refusal as refusal:
        if refusal.reason != "PAYMENT_DECLINED":
            raise
        await _find_rental(story)


async def free(story: Story) -> None:
    """A hold, and nothing to pay: all of it goes back."""
    await story.person(("sandbox", "tok_visa"))
    await story.start(story.free_plan)
    await story.end()


async def cancelled(story: Story) -> None:
    """Cancelled while the processor is asked; what it holds late goes back."""
    await story.person(("sandbox", "tok_late"))
    await story.step("cancel", lambda: _start_and_cancel(story))


async def _start_and_cancel(story: Story) -> None:
    starting = asyncio.create_task(story.start())
    while not story.rental_id:
        await _find_rental(story)
    request = rental.CancelRentalRequest(request_id=new_id(), rental_id=story.rental_id)
    await story.call(story.town.api.rental.CancelRental, request)
    with suppress(NotRented):
        try:
            await starting
        except Refusal as refusal:
            if refusal.reason != "RENTAL_CANCELLED":
                raise


async def _find_rental(story: Story) -> None:
    request = rental.ListRentalsRequest(renter_id=story.renter_id)
    answer = await story.town.api.call(story.town.api.rental.ListRentals, request, story.town.key)
    for found in answer.rentals:
        story.remember(found)


async def claimed(story: Story) -> None:
    """Compensation from the hold while the rental runs."""
    await story.person(("sandbox", "tok_visa"))
    await story.start()
    await _compensate(story)
    await story.end()


async def _compensate(story: Story) -> None:
    await story.claim("claim", story.town.api.deposits.CaptureDeposit, dep.CaptureDepositRequest, CLAIM_MINOR)
    story.claimed_minor = CLAIM_MINOR


async def refunded(story: Story) -> None:
    """A part of what was captured goes back."""
    await held(story)
    await story.settled()
    await story.claim("refund", story.town.api.deposits.RefundDeposit, dep.RefundDepositRequest, REFUND_MINOR)
    story.refunded_minor = REFUND_MINOR
    await story.until(lambda r, d: d.refunded_minor == REFUND_MINOR)


async def renewed(story: Story) -> None:
    """A hold of half the deposit comes near its end and is made anew, for what is left of it; then it is raised."""
    await story.person((SECOND, "tok_visa"), score=TIER + 20)
    await story.start()
    await _compensate(story)
    _, first = await story.until(lambda r, d: d.captured_minor == CLAIM_MINOR or not d.open_minor)
    more = first.authorized_minor
    await story.step("renewal", lambda: story.until(lambda r, d: d.authorized_minor > more or not d.open_minor))
    try:
        await story.claim("raise", story.town.api.deposits.IncrementDeposit, dep.IncrementDepositRequest, RAISE_MINOR)
    except Refusal as refusal:
        if refusal.reason not in UNRAISED:
            raise
    await story.end()


async def billed(story: Story) -> None:
    """The fare is declined; so is the next attempt of the bill, a day later; a good card pays."""
    await story.person(("sandbox", "tok_charge_declined"), score=720)
    await story.start()
    await story.end()
    await story.until(lambda r, d: d.payment_status == dep.PAYMENT_STATUS_FAILED)
    if story.kill.step == "attempt":
        await story.step("attempt", lambda: _attempted(story))
    await story.until(lambda r, d: d.payment_status == dep.PAYMENT_STATUS_FAILED)
    await _pay(story, await story.add_card("sandbox", "tok_visa"))


async def paid(story: Story) -> None:
    """The fare is declined; the renter's other card pays the bill."""
    _, good = await story.person(("sandbox", "tok_charge_declined"), ("sandbox", "tok_visa"), score=720)
    await story.start()
    await story.end()
    await story.until(lambda r, d: d.payment_status == dep.PAYMENT_STATUS_FAILED)
    await _pay(story, good)


async def _pay(story: Story, method: str) -> None:
    """Pays the bill; an attempt that is under way is waited for, and comes first."""
    while True:
        _, deposit = await story.until(lambda r, d: d.payment_status != dep.PAYMENT_STATUS_IN_PROGRESS)
        if deposit.payment_status == dep.PAYMENT_STATUS_PAID:
            return
        request = billing.PayBillRequest(request_id=new_id(), deposit_id=story.deposit_id, payment_method_id=method)
        pay = functools.partial(story.call, story.town.api.bills.PayBill, request)
        await (story.step("pay", pay) if not story.deaths else pay())


async def _attempted(story: Story) -> None:
    request = billing.GetBillRequest(deposit_id=story.deposit_id)
    ends = time.monotonic() + PATIENCE_SECONDS
    while not (await story.town.api.call(story.town.api.bills.GetBill, request, story.town.key)).bill.attempts:
        assert time.monotonic() < ends, "no attempt was made"
        await asyncio.sleep(0.5)


STORIES = {
    one.__name__: one
    for one in (
        waived, held, silent, confirmed, fallen_back, declined, free, cancelled, claimed, refunded, renewed, billed,
        paid,
    )
}  # fmt: skip
