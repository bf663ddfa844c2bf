"""Deposits, for security and money: four streams of frames, so that a slow kind of work delays no other."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import count

import grpc

from freehold.deposits.v1 import deposits_internal_service_pb2 as pb
from freehold.deposits.v1 import deposits_internal_service_pb2_grpc as rpc
from freehold.money.v1 import money_pb2
from services.rental.domain import (
    DepositId,
    DepositState,
    Rental,
    RentalId,
    Security,
    Settlement,
)
from services.rental.operations import SecureItem
from services.rental.wire import (
    ASSET_KINDS,
    ASSURANCE_LEVELS,
    DEPOSIT_STATES,
    OUTCOMES,
    PAYMENT_STATUSES,
    money,
    timestamp,
)
from services.runtime.frames import FrameClient
from services.runtime.statuses import of_item_status, upstream_unavailable
from services.values.errors import Refusal
from services.values.money import Money

Late = Callable[[RentalId, Security], object]


class DepositsClient:
    """The `Deposits` of the operations. `late` takes second answers, after the processor has decided."""

    def __init__(self, channel: grpc.aio.Channel, seconds: float, late: Late) -> None:
        stub = rpc.DepositsInternalServiceStub(channel)
        self._ids = count()
        self._seconds = seconds
        self._late = late
        self._secure: FrameClient[pb.SecureDepositItem, pb.SecureDepositResult] = FrameClient(
            stub.SecureDeposits, lambda items: pb.SecureDepositsRequest(items=items), lambda r: r.results, self._hear
        )
        self._settle: FrameClient[pb.SettleDepositItem, pb.SettleDepositResult] = FrameClient(
            stub.SettleDeposits, lambda items: pb.SettleDepositsRequest(items=items), lambda r: r.results
        )
        self._correct: FrameClient[pb.CorrectChargeItem, pb.CorrectChargeResult] = FrameClient(
            stub.CorrectCharges, lambda items: pb.CorrectChargesRequest(items=items), lambda r: r.results
        )
        self._cancel: FrameClient[pb.CancelDepositItem, pb.CancelDepositResult] = FrameClient(
            stub.CancelDeposits, lambda items: pb.CancelDepositsRequest(items=items), lambda r: r.results
        )

    async def secure(self, items: Sequence[SecureItem]) -> list[Security | Refusal]:
        """One frame; UPSTREAM_UNAVAILABLE for what is not answered in time."""
        answers = await self._secure.ask([self._secure_item(item) for item in items], self._seconds)
        return [answer if isinstance(answer, Refusal) else _security(answer) for answer in answers]

    async def settle(self, rentals: Sequence[Rental]) -> list[Settlement | Refusal]:
        """One frame; UPSTREAM_UNAVAILABLE for what is not answered in time."""
        answers = await self._settle.ask([self._settle_item(rental) for rental in rentals], self._seconds)
        return [answer if isinstance(answer, Refusal) else _settlement(answer) for answer in answers]

    async def correct(self, rentals: Sequence[Rental]) -> list[Settlement | Refusal]:
        """One frame; UPSTREAM_UNAVAILABLE for what is not answered in time."""
        answers = await self._correct.ask([self._correct_item(rental) for rental in rentals], self._seconds)
        return [answer if isinstance(answer, Refusal) else _corrected(answer) for answer in answers]

    async def cancel(self, rentals: Sequence[Rental]) -> list[DepositState | Refusal]:
        """One frame; UPSTREAM_UNAVAILABLE for what is not answered in time."""
        answers = await self._cancel.ask([self._cancel_item(rental) for rental in rentals], self._seconds)
        return [answer if isinstance(answer, Refusal) else _cancelled(answer) for answer in answers]

    async def close(self) -> None:
        """Ends the streams."""
        for frames in (self._secure, self._settle, self._correct, self._cancel):
            await frames.close()

    def _hear(self, result: pb.SecureDepositResult) -> None:
        """A second answer that is no answer is left to the sweeper, who asks again."""
        security = _security(result)
        if not isinstance(security, Refusal):
            self._late(RentalId(result.rental_id), security)

    def _secure_item(self, item: SecureItem) -> pb.SecureDepositItem:
        deadline = item.origin.deadline
        left = self._seconds if deadline is None else min(self._seconds, max(0.0, deadline - time.monotonic()))
        return pb.SecureDepositItem(
            item_id=str(next(self._ids)),
            rental_id=item.rental.rental_id,
            renter_id=item.rental.renter_id,
            partner_id=item.rental.partner_id,
            asset_kind=ASSET_KINDS.encode(item.rental.asset_kind),
            payment_method_id=item.rental.payment_method_id or "",
            scoring_consent=item.scoring_consent,
            timeout_ms=int(left * 1000),
            traceparent=item.origin.traceparent,
            city=item.rental.city,
            asset_class=item.rental.asset_class,
            monthly_rent=_rent(item.rental),
            assurance_level=ASSURANCE_LEVELS.encode(item.assurance),
        )

    def _settle_item(self, rental: Rental) -> pb.SettleDepositItem:
        if rental.charge is None or rental.ended_at is None:
            raise ValueError("only a returned rental is settled")
        return pb.SettleDepositItem(
            item_id=str(next(self._ids)),
            rental_id=rental.rental_id,
            charge=money(rental.charge),
            ended_at=timestamp(rental.ended_at),
            timeout_ms=int(self._seconds * 1000),
            purchase_minor=rental.purchase.amount_minor if rental.purchase else 0,
        )

    def _correct_item(self, rental: Rental) -> pb.CorrectChargeItem:
        if rental.credit is None:
            raise ValueError("only a rental that was rated anew is corrected")
        return pb.CorrectChargeItem(
            item_id=str(next(self._ids)),
            rental_id=rental.rental_id,
            correction_id=f"{rental.rental_id}-{rental.corrections}",
            credit=money(rental.credit),
            purchase_minor=rental.credit_purchase_minor,
        )

    def _cancel_item(self, rental: Rental) -> pb.CancelDepositItem:
        return pb.CancelDepositItem(
            item_id=str(next(self._ids)),
            rental_id=rental.rental_id,
            renter_id=rental.renter_id,
            partner_id=rental.partner_id,
        )


def _rent(rental: Rental) -> money_pb2.Money | None:
    return money(Money(rental.currency, rental.monthly_rent_minor)) if rental.monthly_rent_minor else None


def _security(result: pb.SecureDepositResult) -> Security | Refusal:
    if (refusal := of_item_status(result.status)) is not None:
        return refusal
    state = DEPOSIT_STATES.decode(result.state)
    if state is None or not result.deposit_id or not result.HasField("amount"):
        return upstream_unavailable()
    return Security(
        deposit_id=DepositId(result.deposit_id),
        state=state,
        outcome=OUTCOMES.decode(result.outcome),
        reason_codes=tuple(result.reason_codes),
        amount=Money(result.amount.currency_code, result.amount.amount_minor),
        decline_code=result.decline_code,
    )


def _settlement(result: pb.SettleDepositResult) -> Settlement | Refusal:
    if (refusal := of_item_status(result.status)) is not None:
        return refusal
    state, status = DEPOSIT_STATES.decode(result.state), PAYMENT_STATUSES.decode(result.payment_status)
    if state is None or status is None:
        return upstream_unavailable()
    return Settlement(state, status, result.purchase_minor)


def _corrected(result: pb.CorrectChargeResult) -> Settlement | Refusal:
    if (refusal := of_item_status(result.status)) is not None:
        return refusal
    state, status = DEPOSIT_STATES.decode(result.state), PAYMENT_STATUSES.decode(result.payment_status)
    return upstream_unavailable() if state is None or status is None else Settlement(state, status)


def _cancelled(result: pb.CancelDepositResult) -> DepositState | Refusal:
    refusal = of_item_status(result.status)
    return refusal or DEPOSIT_STATES.decode(result.state) or upstream_unavailable()
