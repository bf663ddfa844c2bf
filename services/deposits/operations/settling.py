"""Settling and cancelling, n at once: a transition per deposit, one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.deposits.domain import (
    AdmittanceOutcome,
    Change,
    Deposit,
    DepositState,
    Moment,
    cancel,
    rerate,
    settle,
)
from services.deposits.domain.policies import deposit_not_found
from services.deposits.operations.changing import Changing
from services.deposits.operations.ports import Transition
from services.values.errors import Refusal
from services.values.ids import bucket_of, new_id_of
from services.values.money import Money
from services.values.requests import Request, fingerprint

NO_CURRENCY = "XXX"
"""ISO 4217: no currency is involved."""


@dataclass(frozen=True, slots=True)
class SettleItem:
    """One ended rental and its fare; `purchase_minor` is the price of what did not come back."""

    rental_id: str
    charge: Money
    purchase_minor: int = 0


@dataclass(frozen=True, slots=True)
class CorrectItem:
    """One settled rental that costs less by `credit`, `purchase_minor` of which are of the price of what was lost."""

    rental_id: str
    correction_id: str
    credit: Money
    purchase_minor: int


@dataclass(frozen=True, slots=True)
class CancelItem:
    """One rental that did not come about."""

    rental_id: str
    renter_id: str
    partner_id: str


class Settling:
    """Ends deposits, and has carried out what that asks of the processor."""

    def __init__(self, changing: Changing) -> None:
        self._changing = changing
        self._store = changing.store

    async def settle(self, items: list[SettleItem]) -> list[Deposit | Refusal]:
        """The deposits after their charges; asking again gives them as they stand.

        Item refusals: DEPOSIT_NOT_FOUND (none, or none that is open), CURRENCY_MISMATCH.
        """
        moment = self._changing.moment()
        return await self._change([(item.rental_id, _settling(item, moment)) for item in items], moment)

    async def cancel(self, items: list[CancelItem]) -> list[Deposit | Refusal]:
        """The deposits after their cancellation; of an unknown rental it is remembered that it is cancelled."""
        moment = self._changing.moment()
        known = await self._store.find_by_rental([item.rental_id for item in items])
        for item in items:
            if item.rental_id not in known:
                await self._store.bury(_tombstone(item, moment.now))
        return await self._change([(item.rental_id, _cancelling(moment)) for item in items], moment)

    async def correct(self, items: list[CorrectItem]) -> list[Deposit | Refusal]:
        """The deposits after their corrections, each made once under its id.

        Item refusals: DEPOSIT_NOT_FOUND, DEPOSIT_NOT_OPEN (not settled), CURRENCY_MISMATCH, PAYMENT_UNDER_WAY.
        """
        ids = await self._store.find_by_rental([item.rental_id for item in items])
        return [await self._correct(ids.get(item.rental_id), item) for item in items]

    async def _correct(self, deposit_id: str | None, item: CorrectItem) -> Deposit | Refusal:
        if deposit_id is None:
            return deposit_not_found()
        moment = self._changing.moment()
        content = fingerprint(item.rental_id, item.credit.currency, item.credit.amount_minor, item.purchase_minor)
        request = Request(bucket_of(deposit_id), "rental", "CorrectCharges", item.correction_id, content)
        transition = _correcting(item, moment)
        try:
            outcome = await self._changing.change_once(request, deposit_id, transition, moment)
        except Refusal as refusal:
            return refusal
        return outcome.deposit if isinstance(outcome, Change) else outcome

    async def _change(self, transitions: Sequence[tuple[str, Transition]], moment: Moment) -> list[Deposit | Refusal]:
        ids = await self._store.find_by_rental([rental_id for rental_id, _ in transitions])
        found = [(ids[rental_id], transition) for rental_id, transition in transitions if rental_id in ids]
        changes = iter(await self._changing.change(found, moment))
        outcomes = [next(changes) if rental_id in ids else deposit_not_found() for rental_id, _ in transitions]
        return [outcome.deposit if isinstance(outcome, Change) else outcome for outcome in outcomes]


def _settling(item: SettleItem, moment: Moment) -> Transition:
    return lambda deposit, operations: settle(deposit, operations, item.charge, moment, item.purchase_minor)


def _correcting(item: CorrectItem, moment: Moment) -> Transition:
    return lambda deposit, operations: rerate(deposit, operations, item.credit, item.purchase_minor, moment)


def _cancelling(moment: Moment) -> Transition:
    return lambda deposit, operations: cancel(deposit, operations, moment)


def _tombstone(item: CancelItem, now: datetime) -> Deposit:
    return Deposit(
        deposit_id=new_id_of("dep", item.renter_id),
        rental_id=item.rental_id,
        renter_id=item.renter_id,
        partner_id=item.partner_id,
        state=DepositState.CANCELLED,
        outcome=AdmittanceOutcome.NONE,
        reason_codes=(),
        policy_id="",
        model_version="",
        score=None,
        currency=NO_CURRENCY,
        amount_minor=0,
        payment_ref="",
        decided_at=now,
        closed_at=now,
    )
