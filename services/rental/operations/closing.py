"""EndRental and CancelRental, and what follows: the charge, the cancelled deposit, the events about both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from services.rental.domain import (
    CancelRental,
    ClosedBy,
    Closing,
    DepositEvent,
    EndRental,
    FollowUp,
    Pricing,
    Rental,
    caller_cancelled,
    check_told_charge,
    check_usage,
    close_answer,
    corrected,
    deposit_cancelled,
    returned,
    settled,
    told,
)
from services.rental.domain.refusals import rental_not_found, request_id_reused
from services.rental.operations.changing import Changing, Decide, leave
from services.rental.operations.ports import Closable, Close, Deposits, RentalStore
from services.values.errors import Refusal


class ClosingRentals:
    """Takes rentals from the renters' hands, by return or by cancellation, and sees to their money."""

    def __init__(self, store: RentalStore, deposits: Deposits, changing: Changing) -> None:
        self._store = store
        self._deposits = deposits
        self._changing = changing

    async def end(self, commands: Sequence[EndRental]) -> list[Rental | Refusal]:
        """ACTIVE → RETURNED with its charge, then asks deposits for the money; SETTLED when that is over at once.

        A deposits that is down changes nothing for the renter: the sweeper asks again.
        """
        closes = [
            Close(c.rental_id, c.caller, ClosedBy(Closing.END, c.request_id), c.usage, c.told_charge) for c in commands
        ]
        moment = self._changing.moment()
        answers = await self._close(
            closes,
            lambda row, close: partial(
                returned,
                closed_by=close.by,
                pricing=Pricing(row.terms, close.usage, row.passes),
                moment=moment,
                told_charge=close.told_charge,
            ),
        )
        return await self._followed(answers, FollowUp.SETTLE, self.settle)

    async def cancel(self, commands: Sequence[CancelRental]) -> list[Rental | Refusal]:
        """REQUESTED, or ACTIVE within the grace time → CANCELLED, then asks deposits to give the deposit back."""
        closes = [Close(c.rental_id, c.caller, ClosedBy(Closing.CANCEL, c.request_id)) for c in commands]
        moment = self._changing.moment()
        answers = await self._close(
            closes, lambda _, close: partial(caller_cancelled, closed_by=close.by, moment=moment)
        )
        return await self._followed(answers, FollowUp.CANCEL, self.release)

    async def settle(self, rentals: Sequence[Rental]) -> list[Rental]:
        """Asks deposits to charge for RETURNED rentals, and writes how far that came."""
        answers = await self._deposits.settle(rentals)
        moment = self._changing.moment()
        decisions: list[tuple[Rental, Decide]] = [
            (rental, leave if isinstance(answer, Refusal) else partial(settled, settlement=answer, moment=moment))
            for rental, answer in zip(rentals, answers, strict=True)
        ]
        return await self._changing.apply(decisions)

    async def correct(self, rentals: Sequence[Rental]) -> list[Rental]:
        """Asks deposits to take back what rentals were charged too much, and writes that it has."""
        answers = await self._deposits.correct(rentals)
        moment = self._changing.moment()
        decisions: list[tuple[Rental, Decide]] = [
            (rental, leave if isinstance(answer, Refusal) else partial(corrected, settlement=answer, moment=moment))
            for rental, answer in zip(rentals, answers, strict=True)
        ]
        return await self._changing.apply(decisions)

    async def follow(self, rental: Rental) -> Rental:
        """Asks deposits what is to be asked once a rental has ended, or is rated anew; the sweeper does what fails."""
        asks = {FollowUp.SETTLE: self.settle, FollowUp.CORRECT: self.correct}
        ask = asks.get(rental.follow_up)
        return (await ask([rental]))[0] if ask else rental

    async def release(self, rentals: Sequence[Rental]) -> list[Rental]:
        """Asks deposits to cancel the deposits of CANCELLED rentals, and writes that it has."""
        answers = await self._deposits.cancel(rentals)
        decisions: list[tuple[Rental, Decide]] = [
            (rental, leave if isinstance(answer, Refusal) else partial(deposit_cancelled, state=answer))
            for rental, answer in zip(rentals, answers, strict=True)
        ]
        return await self._changing.apply(decisions)

    async def tell(self, events: Sequence[DepositEvent]) -> list[Refusal | None]:
        """Applies deposits' events; None per event that was taken, RENTAL_NOT_FOUND for a stranger's.

        Of several events about one rental the last says it all, but each is decided on in turn, so that no failure
        is forgotten.
        """
        outcomes: list[Refusal | None] = [rental_not_found()] * len(events)
        waiting = list(range(len(events)))
        while waiting:
            first = {events[at].rental_id: at for at in reversed(waiting)}
            rentals = await self._store.read(list(first))
            known = {at: rentals[rental_id] for rental_id, at in first.items() if rental_id in rentals}
            moment = self._changing.moment()
            decisions = [(rental, partial(told, event=events[at], moment=moment)) for at, rental in known.items()]
            await self._changing.apply(decisions)
            for at in known:
                outcomes[at] = None
            waiting = [at for at in waiting if at not in first.values()]
        return outcomes

    async def _close(
        self, closes: Sequence[Close], decide: Callable[[Closable, Close], Decide], again: bool = True
    ) -> list[Rental | Refusal]:
        rows = await self._store.read_to_close(closes)
        answers = [_objection(row, close) for row, close in zip(rows, closes, strict=True)]
        decisions = {
            at: (row.rental, decide(row, close))
            for at, (row, close) in enumerate(zip(rows, closes, strict=True))
            if row is not None and isinstance(answers[at], Rental)
        }
        rentals = await self._changing.apply(list(decisions.values()))
        undone = []
        for (at, (_, decision)), rental in zip(decisions.items(), rentals, strict=True):
            answers[at] = close_answer(rental, closes[at].by, closes[at].usage, closes[at].told_charge)
            if decision(rental) is not None:
                undone.append(at)
        if undone and again:
            second = await self._close([closes[at] for at in undone], decide, again=False)
            answers = [second[undone.index(at)] if at in undone else answer for at, answer in enumerate(answers)]
        return answers

    async def _followed(
        self,
        answers: list[Rental | Refusal],
        follow_up: FollowUp,
        ask: Callable[[Sequence[Rental]], Awaitable[list[Rental]]],
    ) -> list[Rental | Refusal]:
        """The answers after deposits was asked what is still to be asked."""
        due = {at: a for at, a in enumerate(answers) if isinstance(a, Rental) and a.follow_up is follow_up}
        moved = await ask(list(due.values())) if due else []
        followed = dict(zip(due, moved, strict=True))
        return [followed.get(at, answer) for at, answer in enumerate(answers)]


def _objection(row: Closable | None, close: Close) -> Rental | Refusal:
    if row is None or row.rental.partner_id != close.caller:
        return rental_not_found()
    if row.reused:
        return request_id_reused()
    refusal = check_usage(row.terms, close.usage, row.rental.started_at)
    if refusal is None and close.by.closing is Closing.END:
        refusal = check_told_charge(row.rental, close.told_charge)
    return refusal or row.rental
