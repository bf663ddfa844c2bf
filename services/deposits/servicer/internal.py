"""Proto ⇄ domain for deposits' internal door: frames from rental, second answers when the processor has
decided, and news from scoring."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from datetime import UTC

from freehold.deposits.v1 import deposits_internal_service_pb2 as pb
from freehold.deposits.v1 import deposits_service_pb2
from freehold.deposits.v1.deposits_internal_service_pb2_grpc import DepositsInternalServiceServicer
from freehold.money.v1 import money_pb2
from services.deposits.domain import AssuranceLevel, Deposit, DepositState
from services.deposits.operations import Remaking
from services.deposits.operations.ports import SecureItem
from services.deposits.operations.ports.policies import Circumstances
from services.deposits.operations.remaking import PutRight
from services.deposits.operations.settling import CancelItem, CorrectItem, SettleItem
from services.deposits.servicer.encoding import kind_of, money_of, outcome_pb
from services.runtime.batching import Batcher
from services.runtime.frames import Push, serve_frames
from services.runtime.interceptors import Context
from services.runtime.statuses import to_item_status
from services.values.errors import Refusal

MOST_WATCHED = 20_000


class InternalServicer(DepositsInternalServiceServicer):
    """DepositsInternalService: rental asks, scoring tells."""

    def __init__(
        self,
        secures: Batcher[SecureItem, Deposit],
        settles: Batcher[SettleItem, Deposit],
        cancels: Batcher[CancelItem, Deposit],
        corrections: Batcher[CorrectItem, Deposit],
        remaking: Remaking,
    ) -> None:
        self._secures = secures
        self._settles = settles
        self._cancels = cancels
        self._corrections = corrections
        self._remaking = remaking
        self._watchers: OrderedDict[str, tuple[str, Push]] = OrderedDict()

    def tell(self, deposit: Deposit) -> None:
        """Sends the second answer of a hold to the stream that asked, if it is still there."""
        if deposit.state is DepositState.PENDING:
            return
        item_id, push = self._watchers.pop(deposit.deposit_id, ("", None))
        if push is not None:
            push(_secure_result(item_id, deposit))

    async def SecureDeposits(
        self, requests: AsyncIterator[pb.SecureDepositsRequest], context: Context
    ) -> AsyncIterator[pb.SecureDepositsResponse]:
        async for response in serve_frames(requests, self._secure, lambda r: pb.SecureDepositsResponse(results=r)):
            yield response

    async def _secure(self, items: Sequence[pb.SecureDepositItem], push: Push) -> list[pb.SecureDepositResult]:
        outcomes = await self._secures.submit_many([_secure_item(item) for item in items])
        for item, outcome in zip(items, outcomes, strict=True):
            if isinstance(outcome, Deposit) and outcome.state is DepositState.PENDING:
                self._watch(outcome.deposit_id, item.item_id, push)
        return [_secure_result(item.item_id, outcome) for item, outcome in zip(items, outcomes, strict=True)]

    def _watch(self, deposit_id: str, item_id: str, push: Push) -> None:
        self._watchers[deposit_id] = (item_id, push)
        if len(self._watchers) > MOST_WATCHED:
            self._watchers.popitem(last=False)

    async def SettleDeposits(
        self, requests: AsyncIterator[pb.SettleDepositsRequest], context: Context
    ) -> AsyncIterator[pb.SettleDepositsResponse]:
        async for response in serve_frames(requests, self._settle, lambda r: pb.SettleDepositsResponse(results=r)):
            yield response

    async def _settle(self, items: Sequence[pb.SettleDepositItem], push: Push) -> list[pb.SettleDepositResult]:
        asked = [SettleItem(i.rental_id, money_of(i.charge), i.purchase_minor) for i in items]
        outcomes = await self._settles.submit_many(asked)
        return [_settle_result(item.item_id, outcome) for item, outcome in zip(items, outcomes, strict=True)]

    async def CancelDeposits(
        self, requests: AsyncIterator[pb.CancelDepositsRequest], context: Context
    ) -> AsyncIterator[pb.CancelDepositsResponse]:
        async for response in serve_frames(requests, self._cancel, lambda r: pb.CancelDepositsResponse(results=r)):
            yield response

    async def _cancel(self, items: Sequence[pb.CancelDepositItem], push: Push) -> list[pb.CancelDepositResult]:
        asked = [CancelItem(i.rental_id, i.renter_id, i.partner_id) for i in items]
        outcomes = await self._cancels.submit_many(asked)
        return [_cancel_result(item.item_id, outcome) for item, outcome in zip(items, outcomes, strict=True)]

    async def CorrectCharges(
        self, requests: AsyncIterator[pb.CorrectChargesRequest], context: Context
    ) -> AsyncIterator[pb.CorrectChargesResponse]:
        async for response in serve_frames(requests, self._correct, lambda r: pb.CorrectChargesResponse(results=r)):
            yield response

    async def _correct(self, items: Sequence[pb.CorrectChargeItem], push: Push) -> list[pb.CorrectChargeResult]:
        asked = [CorrectItem(i.rental_id, i.correction_id, money_of(i.credit), i.purchase_minor) for i in items]
        outcomes = await self._corrections.submit_many(asked)
        return [_correct_result(item.item_id, outcome) for item, outcome in zip(items, outcomes, strict=True)]

    async def Deliver(self, request: pb.DeliverRequest, context: Context) -> pb.DeliverResponse:
        outcomes = [await self._remaking.remake(_put_right(event)) for event in request.events]
        return pb.DeliverResponse(statuses=[to_item_status(outcome) for outcome in outcomes])


def _put_right(event: pb.ScoringNews) -> PutRight:
    return PutRight(event.event_id, event.renter_id, event.since.ToDatetime(tzinfo=UTC))


def _secure_item(item: pb.SecureDepositItem) -> SecureItem:
    return SecureItem(
        item.rental_id,
        item.renter_id,
        item.partner_id,
        kind_of(item.asset_kind),
        item.payment_method_id,
        item.scoring_consent,
        item.traceparent,
        Circumstances(
            item.city,
            item.asset_class,
            money_of(item.monthly_rent) if item.HasField("monthly_rent") else None,
            AssuranceLevel(item.assurance_level),
        ),
    )


def _state(state: DepositState) -> deposits_service_pb2.DepositState.ValueType:
    return deposits_service_pb2.DepositState.Value(f"DEPOSIT_STATE_{state}")


def _secure_result(item_id: str, outcome: Deposit | Refusal) -> pb.SecureDepositResult:
    if isinstance(outcome, Refusal):
        return pb.SecureDepositResult(item_id=item_id, status=to_item_status(outcome))
    return pb.SecureDepositResult(
        item_id=item_id,
        rental_id=outcome.rental_id,
        deposit_id=outcome.deposit_id,
        state=_state(outcome.state),
        outcome=outcome_pb(outcome.outcome),
        reason_codes=outcome.reason_codes,
        policy_id=outcome.policy_id,
        amount=money_pb2.Money(currency_code=outcome.currency, amount_minor=outcome.amount_minor),
        decline_code=outcome.decline_code,
    )


def _settle_result(item_id: str, outcome: Deposit | Refusal) -> pb.SettleDepositResult:
    if isinstance(outcome, Refusal):
        return pb.SettleDepositResult(item_id=item_id, status=to_item_status(outcome))
    status = deposits_service_pb2.PaymentStatus.Value(f"PAYMENT_STATUS_{outcome.payment_status}")
    return pb.SettleDepositResult(
        item_id=item_id,
        state=_state(outcome.state),
        payment_status=status,
        purchase_minor=outcome.purchase_minor,
    )


def _correct_result(item_id: str, outcome: Deposit | Refusal) -> pb.CorrectChargeResult:
    if isinstance(outcome, Refusal):
        return pb.CorrectChargeResult(item_id=item_id, status=to_item_status(outcome))
    status = deposits_service_pb2.PaymentStatus.Value(f"PAYMENT_STATUS_{outcome.payment_status}")
    return pb.CorrectChargeResult(item_id=item_id, state=_state(outcome.state), payment_status=status)


def _cancel_result(item_id: str, outcome: Deposit | Refusal) -> pb.CancelDepositResult:
    if isinstance(outcome, Refusal):
        return pb.CancelDepositResult(item_id=item_id, status=to_item_status(outcome))
    return pb.CancelDepositResult(item_id=item_id, state=_state(outcome.state))
