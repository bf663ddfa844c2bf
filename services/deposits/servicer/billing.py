"""Proto ⇄ domain for bills."""

from __future__ import annotations

from freehold.deposits.v1 import billing_service_pb2 as pb
from freehold.deposits.v1.billing_service_pb2_grpc import BillingServiceServicer
from freehold.money.v1 import money_pb2
from services.deposits.domain import Bill, BillState, Deposit
from services.deposits.domain.bills import owed
from services.deposits.operations import Billing
from services.deposits.servicer.encoding import timestamp_pb
from services.runtime.interceptors import Context, current_call
from services.values.access import MANAGERS, SERVING, Reach, Rule
from services.values.money import Money

_PARTNERS = Rule(partner=Reach.OWN, scope="DEPOSITS", staff=MANAGERS)
BILLING_ACCESS = {
    "GetBill": Rule(partner=Reach.OWN, renter=Reach.OWN, operator=Reach.ANY, scope="DEPOSITS", staff=SERVING),
    "ListBills": Rule(partner=Reach.OWN, renter=Reach.OWN, scope="DEPOSITS", staff=SERVING),
    "PayBill": Rule(partner=Reach.OWN, renter=Reach.OWN, scope="DEPOSITS"),
    "AgreeInstalments": Rule(partner=Reach.OWN, scope="DEPOSITS", staff=SERVING),
    "StopBill": _PARTNERS,
    "ResumeBill": _PARTNERS,
    "DisputeBill": Rule(renter=Reach.OWN),
    "ResolveBillDispute": Rule(staff=MANAGERS),
    "ProposeWriteOff": _PARTNERS,
    "ApproveWriteOff": Rule(staff=MANAGERS),
}
"""Who may call what."""


class BillingServicer(BillingServiceServicer):
    """BillingService: renters, partners' apps and staff."""

    def __init__(self, billing: Billing) -> None:
        self._billing = billing

    async def GetBill(self, request: pb.GetBillRequest, context: Context) -> pb.GetBillResponse:
        found = await self._billing.get(current_call().caller, request.deposit_id)
        return pb.GetBillResponse(bill=_bill(*found))

    async def ListBills(self, request: pb.ListBillsRequest, context: Context) -> pb.ListBillsResponse:
        name = pb.BillState.Name(request.state).removeprefix("BILL_STATE_")
        state = BillState(name) if request.state else None
        found, more = await self._billing.list(current_call().caller, state, request.page_size, request.page_token)
        return pb.ListBillsResponse(bills=[_bill(*one) for one in found], next_page_token=more)

    async def PayBill(self, request: pb.PayBillRequest, context: Context) -> pb.PayBillResponse:
        amount = _money(request.amount) if request.HasField("amount") else None
        means = (amount, request.payment_method_id)
        found = await self._billing.pay(current_call().caller, request.request_id, request.deposit_id, *means)
        return pb.PayBillResponse(bill=_bill(*found))

    async def AgreeInstalments(
        self, request: pb.AgreeInstalmentsRequest, context: Context
    ) -> pb.AgreeInstalmentsResponse:
        found = await self._billing.agree_instalments(
            current_call().caller, request.request_id, request.deposit_id, request.parts, request.interval_days
        )
        return pb.AgreeInstalmentsResponse(bill=_bill(*found))

    async def StopBill(self, request: pb.StopBillRequest, context: Context) -> pb.StopBillResponse:
        found = await self._billing.stop(current_call().caller, request.request_id, request.deposit_id)
        return pb.StopBillResponse(bill=_bill(*found))

    async def ResumeBill(self, request: pb.ResumeBillRequest, context: Context) -> pb.ResumeBillResponse:
        found = await self._billing.resume(current_call().caller, request.request_id, request.deposit_id)
        return pb.ResumeBillResponse(bill=_bill(*found))

    async def DisputeBill(self, request: pb.DisputeBillRequest, context: Context) -> pb.DisputeBillResponse:
        reason = pb.BillDisputeReason.Name(request.reason).removeprefix("BILL_DISPUTE_REASON_")
        found = await self._billing.dispute(current_call().caller, request.request_id, request.deposit_id, reason)
        return pb.DisputeBillResponse(bill=_bill(*found))

    async def ResolveBillDispute(
        self, request: pb.ResolveBillDisputeRequest, context: Context
    ) -> pb.ResolveBillDisputeResponse:
        answer = (_money(request.credit), request.reason)
        found = await self._billing.resolve(current_call().caller, request.request_id, request.deposit_id, *answer)
        return pb.ResolveBillDisputeResponse(bill=_bill(*found))

    async def ProposeWriteOff(self, request: pb.ProposeWriteOffRequest, context: Context) -> pb.ProposeWriteOffResponse:
        asked = (request.request_id, request.deposit_id, request.reason)
        found = await self._billing.propose_write_off(current_call().caller, *asked)
        return pb.ProposeWriteOffResponse(bill=_bill(*found))

    async def ApproveWriteOff(self, request: pb.ApproveWriteOffRequest, context: Context) -> pb.ApproveWriteOffResponse:
        found = await self._billing.approve_write_off(current_call().caller, request.request_id, request.deposit_id)
        return pb.ApproveWriteOffResponse(bill=_bill(*found))


def _money(amount: money_pb2.Money) -> Money:
    return Money(amount.currency_code, amount.amount_minor)


def _bill(bill: Bill, deposit: Deposit) -> pb.Bill:
    debt = owed(deposit)
    state = bill.state if debt else BillState.PAID
    reason = f"BILL_DISPUTE_REASON_{bill.dispute_reason or 'UNSPECIFIED'}"
    return pb.Bill(
        deposit_id=bill.deposit_id,
        rental_id=deposit.rental_id,
        renter_id=bill.renter_id,
        partner_id=bill.partner_id,
        state=pb.BillState.Value(f"BILL_STATE_{state}"),
        charged=money_pb2.Money(currency_code=deposit.currency, amount_minor=deposit.charged_minor),
        paid_minor=deposit.paid_minor,
        owed_minor=debt,
        written_off_minor=deposit.written_off_minor,
        attempts=bill.attempts,
        schedule=[
            pb.Instalment(due_at=timestamp_pb(one.due_at), amount_minor=one.amount_minor or debt)
            for one in (bill.schedule if debt else ())
        ],
        opened_at=timestamp_pb(bill.opened_at),
        dispute_reason=pb.BillDisputeReason.Value(reason),
        write_off_proposed=bool(bill.proposed_by),
    )
