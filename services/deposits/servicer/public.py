"""Proto ⇄ domain for deposits' public door: decode, call once, encode. A score leaves by no message."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from freehold.deposits.v1 import deposits_service_pb2 as pb
from freehold.deposits.v1.deposits_service_pb2_grpc import DepositsServiceServicer
from freehold.money.v1 import money_pb2
from services.deposits.domain import Deposit, DepositState
from services.deposits.operations import Claiming, PaymentMethods, Policies, Reading, Securing
from services.deposits.operations.payment_methods import DEFAULT_PROCESSOR
from services.deposits.operations.ports import PaymentMethod
from services.deposits.operations.ports.policies import Circumstances
from services.deposits.servicer.encoding import draft_from, kind_of, money_of, outcome_pb, policy_pb, timestamp_pb
from services.runtime.interceptors import Context, current_call
from services.runtime.rates import Limit
from services.values.access import ALL_STAFF, MANAGERS, SERVING, Reach, Rule
from services.values.callers import Caller
from services.values.money import Money

__all__ = ["ACCESS", "LIMITS", "PublicServicer", "kind_of", "outcome_pb", "timestamp_pb"]

ACCESS = {
    "SetPolicy": Rule(partner=Reach.OWN, scope="POLICIES", staff=MANAGERS),
    "GetPolicy": Rule(partner=Reach.OWN, operator=Reach.ANY, scope="DEPOSITS", staff=ALL_STAFF),
    "PreviewDeposit": Rule(partner=Reach.OWN, scope="DEPOSITS"),
    "AddPaymentMethod": Rule(partner=Reach.OWN, renter=Reach.OWN, scope="DEPOSITS"),
    "ListPaymentMethods": Rule(partner=Reach.OWN, renter=Reach.OWN, scope="DEPOSITS"),
    "GetDeposit": Rule(partner=Reach.OWN, renter=Reach.OWN, operator=Reach.ANY, scope="DEPOSITS", staff=SERVING),
    "ListDeposits": Rule(partner=Reach.OWN, renter=Reach.OWN, scope="DEPOSITS", staff=SERVING),
    "CaptureDeposit": Rule(partner=Reach.OWN, scope="DEPOSITS", staff=MANAGERS),
    "IncrementDeposit": Rule(partner=Reach.OWN, scope="DEPOSITS", staff=MANAGERS),
    "RefundDeposit": Rule(partner=Reach.OWN, scope="DEPOSITS", staff=MANAGERS),
    "SetProcessorOrder": Rule(partner=Reach.OWN, scope="POLICIES", staff=MANAGERS),
    "GetTrialBalance": Rule(operator=Reach.ANY),
}
"""Who may call what."""
LIMITS = {"AddPaymentMethod": Limit("20/minute", "renter_id"), "PreviewDeposit": Limit("10/second", "renter_id")}
"""How often one caller may call about one person: cards are not tried out here, nor scores sounded."""


class PublicServicer(DepositsServiceServicer):
    """DepositsService: partners' apps, people and operators."""

    def __init__(
        self,
        policies: Policies,
        securing: Securing,
        payment_methods: PaymentMethods,
        claiming: Claiming,
        reading: Reading,
    ) -> None:
        self._policies = policies
        self._securing = securing
        self._payment_methods = payment_methods
        self._claiming = claiming
        self._reading = reading

    async def SetPolicy(self, request: pb.SetPolicyRequest, context: Context) -> pb.SetPolicyResponse:
        caller = current_call().caller
        draft = draft_from(caller.partner_id or caller.id, request)
        return pb.SetPolicyResponse(policy=policy_pb(await self._policies.set(request.request_id, draft, caller.id)))

    async def GetPolicy(self, request: pb.GetPolicyRequest, context: Context) -> pb.GetPolicyResponse:
        kind = kind_of(request.asset_kind)
        scope = (request.city, request.asset_class)
        policy = await self._policies.get(current_call().caller, request.partner_id, kind, request.version, *scope)
        return pb.GetPolicyResponse(policy=policy_pb(policy))

    async def PreviewDeposit(self, request: pb.PreviewDepositRequest, context: Context) -> pb.PreviewDepositResponse:
        partner_id, kind = current_call().caller.id, kind_of(request.asset_kind)
        rent = money_of(request.monthly_rent) if request.HasField("monthly_rent") else None
        asset = Circumstances(request.city, request.asset_class, rent)
        preview = await self._securing.preview(partner_id, request.renter_id, kind, asset)
        return pb.PreviewDepositResponse(
            outcome=outcome_pb(preview.outcome),
            waived=preview.waived,
            deposit=money_pb2.Money(currency_code=preview.currency, amount_minor=preview.amount_minor),
            reason_codes=preview.reason_codes,
            policy_id=preview.policy_id,
            stands_until=timestamp_pb(preview.stands_until),
        )

    async def AddPaymentMethod(
        self, request: pb.AddPaymentMethodRequest, context: Context
    ) -> pb.AddPaymentMethodResponse:
        method = await self._payment_methods.add(
            current_call().caller,
            request.request_id,
            request.renter_id,
            request.processor_token,
            request.processor or DEFAULT_PROCESSOR,
        )
        return pb.AddPaymentMethodResponse(payment_method=_payment_method(method))

    async def ListPaymentMethods(
        self, request: pb.ListPaymentMethodsRequest, context: Context
    ) -> pb.ListPaymentMethodsResponse:
        found, more = await self._payment_methods.list(
            current_call().caller, request.renter_id, request.page_size, request.page_token
        )
        methods = [_payment_method(method) for method in found]
        return pb.ListPaymentMethodsResponse(payment_methods=methods, next_page_token=more)

    async def SetProcessorOrder(
        self, request: pb.SetProcessorOrderRequest, context: Context
    ) -> pb.SetProcessorOrderResponse:
        caller = current_call().caller
        partner_id = caller.partner_id or caller.id
        order = await self._payment_methods.order(caller.id, request.request_id, partner_id, request.processors)
        return pb.SetProcessorOrderResponse(processors=order)

    async def CaptureDeposit(self, request: pb.CaptureDepositRequest, context: Context) -> pb.CaptureDepositResponse:
        return pb.CaptureDepositResponse(deposit=_deposit(await self._claiming.capture(*_claim(request))))

    async def IncrementDeposit(
        self, request: pb.IncrementDepositRequest, context: Context
    ) -> pb.IncrementDepositResponse:
        return pb.IncrementDepositResponse(deposit=_deposit(await self._claiming.raise_hold(*_claim(request))))

    async def RefundDeposit(self, request: pb.RefundDepositRequest, context: Context) -> pb.RefundDepositResponse:
        return pb.RefundDepositResponse(deposit=_deposit(await self._claiming.refund(*_claim(request))))

    async def GetDeposit(self, request: pb.GetDepositRequest, context: Context) -> pb.GetDepositResponse:
        deposit = await self._reading.get(current_call().caller, request.deposit_id)
        return pb.GetDepositResponse(deposit=_deposit(deposit))

    async def ListDeposits(self, request: pb.ListDepositsRequest, context: Context) -> pb.ListDepositsResponse:
        name = pb.DepositState.Name(request.state).removeprefix("DEPOSIT_STATE_")
        state = DepositState(name) if request.state else None
        found, more = await self._reading.list(
            current_call().caller, request.renter_id, state, request.page_size, request.page_token
        )
        return pb.ListDepositsResponse(deposits=[_deposit(deposit) for deposit in found], next_page_token=more)

    async def GetTrialBalance(self, request: pb.GetTrialBalanceRequest, context: Context) -> pb.GetTrialBalanceResponse:
        balance = await self._reading.trial_balance()
        return pb.GetTrialBalanceResponse(
            accounts=[
                pb.AccountTotal(
                    account=total.account,
                    currency_code=total.currency,
                    balance_minor=total.balance_minor,
                    debits_minor=total.debits_minor,
                    credits_minor=total.credits_minor,
                )
                for total in balance.accounts
            ],
            balanced=not balance.findings,
            findings=balance.findings,
            open_holds=balance.open_holds,
            pending_deposits=balance.pending_deposits,
            unpaid_bills=balance.unpaid_bills,
            outbox_waiting=balance.outbox_waiting,
        )


def _claim(
    request: pb.CaptureDepositRequest | pb.IncrementDepositRequest | pb.RefundDepositRequest,
) -> tuple[Caller, str, str, Money, str]:
    asked = (request.request_id, request.deposit_id)
    return current_call().caller, *asked, money_of(request.amount), request.reason


def _payment_method(method: PaymentMethod) -> pb.PaymentMethod:
    return pb.PaymentMethod(
        payment_method_id=method.payment_method_id,
        brand=method.brand,
        last4=method.last4,
        is_default=method.is_default,
        created_at=timestamp_pb(method.created_at),
        processor=method.processor,
    )


def _deposit(deposit: Deposit) -> pb.Deposit:
    return pb.Deposit(
        deposit_id=deposit.deposit_id,
        rental_id=deposit.rental_id,
        renter_id=deposit.renter_id,
        partner_id=deposit.partner_id,
        state=pb.DepositState.Value(f"DEPOSIT_STATE_{deposit.state}"),
        outcome=outcome_pb(deposit.outcome),
        reason_codes=deposit.reason_codes,
        policy_id=deposit.policy_id,
        amount=money_pb2.Money(currency_code=deposit.currency, amount_minor=deposit.amount_minor),
        authorized_minor=deposit.authorized_minor,
        captured_minor=deposit.captured_minor,
        released_minor=deposit.released_minor,
        expired_minor=deposit.expired_minor,
        open_minor=deposit.open_minor,
        charged_minor=deposit.charged_minor,
        payment_status=pb.PaymentStatus.Value(f"PAYMENT_STATUS_{deposit.payment_status}"),
        decided_at=timestamp_pb(deposit.decided_at),
        closed_at=timestamp_pb(deposit.closed_at) if deposit.closed_at else None,
        processor=deposit.processor,
        compensation_limit_minor=deposit.compensation_limit_minor,
        compensated_minor=deposit.compensated_minor,
        refunded_minor=deposit.refunded_minor,
        paid_minor=deposit.paid_minor,
        renter_action=deposit.renter_action,
        hold_expires_at=_lapses_at(deposit),
    )


def _lapses_at(deposit: Deposit) -> Timestamp | None:
    ends = [hold.expires_at for hold in deposit.holds if hold.open_minor and hold.expires_at]
    return timestamp_pb(max(ends)) if ends else None
