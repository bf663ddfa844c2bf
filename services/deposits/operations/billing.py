"""Collecting what renters owe: bills are attempted on their schedule, and changed by whom they concern."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from services.deposits.domain import Bill, BillChange, BillState, Deposit, Means, Moment, Operation
from services.deposits.domain import bills as rules
from services.deposits.domain.bills import bill_not_found
from services.deposits.domain.policies import payment_method_not_found
from services.deposits.operations.changing import LEASE, Changing
from services.deposits.operations.ports import BillTransition
from services.values import pages
from services.values.callers import Caller, Role
from services.values.errors import Refusal
from services.values.ids import bucket_of
from services.values.money import Money
from services.values.requests import Request, fingerprint

BATCH = 200
_OF_A_PARTNER = (Role.PARTNER, Role.STAFF)
BillOf = tuple[Bill, Deposit]


class Billing:
    """The use cases of bills. Each command is carried out once per request_id; a repeat gives the bill as it stands."""

    def __init__(self, changing: Changing) -> None:
        self._changing = changing
        self._store = changing.store

    async def sweep(self) -> int:
        """Makes the attempts that are due, and closes what is paid; answers how many attempts there were."""
        moment = self._changing.moment()
        await self._store.close_bills()
        due = await self._store.due_bills(moment.now, BATCH)
        for deposit_id, means in due:
            await self._change(None, deposit_id, _attempting(means, moment), moment)
        return len(due)

    async def get(self, caller: Caller, deposit_id: str) -> BillOf:
        """One bill. Raises BILL_NOT_FOUND, also for somebody else's."""
        found = await self._store.read_bill(deposit_id)
        if found is None or not _concerns(caller, found[0]):
            raise bill_not_found()
        return found

    async def list(
        self, caller: Caller, state: BillState | None, page_size: int, page_token: str
    ) -> tuple[list[BillOf], str]:
        """A page, newest first, and the next page's token. Raises PAGE_TOKEN_INVALID."""
        partner_id = (caller.partner_id or "") if caller.role in _OF_A_PARTNER else ""
        renter_id = caller.id if caller.role is Role.RENTER else ""
        filters = ("bills", partner_id, renter_id, state)
        size = pages.page_size(page_size)
        before = pages.decode(page_token, *filters)
        found = await self._store.list_bills(partner_id, renter_id, state, before, size + 1)
        more = pages.encode(found[size - 1][0].deposit_id, *filters) if len(found) > size else ""
        return found[:size], more

    async def pay(
        self, caller: Caller, request_id: str, deposit_id: str, amount: Money | None, payment_method_id: str
    ) -> BillOf:
        """Pays a bill or a part of it. Raises as `freehold.deposits.v1.BillingService.PayBill` says."""
        bill, _ = await self.get(caller, deposit_id)
        means = await self._store.means_of(bill.renter_id, payment_method_id)
        if means is None and payment_method_id:
            raise payment_method_not_found()
        moment = self._changing.moment()
        content = (*((amount.currency, amount.amount_minor) if amount else ()), payment_method_id)
        return await self._command(
            caller,
            "PayBill",
            request_id,
            deposit_id,
            content,
            lambda bill, deposit, operations: rules.pay(
                bill, deposit, operations, amount, means or Means("", ""), moment
            ),
        )

    async def agree_instalments(
        self, caller: Caller, request_id: str, deposit_id: str, parts: int, interval_days: int
    ) -> BillOf:
        """Replaces the schedule by equal parts."""
        moment, interval = self._changing.moment(), timedelta(days=interval_days)
        return await self._command(
            caller,
            "AgreeInstalments",
            request_id,
            deposit_id,
            (parts, interval_days),
            lambda bill, deposit, _: rules.agree_instalments(bill, deposit, parts, interval, moment),
        )

    async def stop(self, caller: Caller, request_id: str, deposit_id: str) -> BillOf:
        """Ends the attempts."""
        return await self._command(
            caller, "StopBill", request_id, deposit_id, (), lambda bill, deposit, _: rules.stop(bill, deposit)
        )

    async def resume(self, caller: Caller, request_id: str, deposit_id: str) -> BillOf:
        """Starts the schedule anew."""
        moment = self._changing.moment()
        return await self._command(
            caller,
            "ResumeBill",
            request_id,
            deposit_id,
            (),
            lambda bill, deposit, _: rules.resume(bill, deposit, moment),
        )

    async def dispute(self, caller: Caller, request_id: str, deposit_id: str, reason: str) -> BillOf:
        """Stops the collection until the partner has answered."""
        return await self._command(
            caller,
            "DisputeBill",
            request_id,
            deposit_id,
            (reason,),
            lambda bill, deposit, _: rules.dispute(bill, deposit, reason),
        )

    async def resolve(self, caller: Caller, request_id: str, deposit_id: str, credit: Money, reason: str) -> BillOf:
        """Answers a dispute."""
        moment = self._changing.moment()
        return await self._command(
            caller,
            "ResolveBillDispute",
            request_id,
            deposit_id,
            (credit.currency, credit.amount_minor, reason),
            lambda bill, deposit, operations: rules.resolve(bill, deposit, operations, credit, moment),
        )

    async def propose_write_off(self, caller: Caller, request_id: str, deposit_id: str, reason: str) -> BillOf:
        """Proposes to give up what is owed."""
        return await self._command(
            caller,
            "ProposeWriteOff",
            request_id,
            deposit_id,
            (reason,),
            lambda bill, deposit, _: rules.propose_write_off(bill, deposit, caller.id),
        )

    async def approve_write_off(self, caller: Caller, request_id: str, deposit_id: str) -> BillOf:
        """Gives up what is owed, as somebody else has proposed."""
        return await self._command(
            caller,
            "ApproveWriteOff",
            request_id,
            deposit_id,
            (),
            lambda bill, deposit, operations: rules.approve_write_off(bill, deposit, operations, caller.id),
        )

    async def _command(
        self,
        caller: Caller,
        method: str,
        request_id: str,
        deposit_id: str,
        content: Sequence[str | int],
        transition: BillTransition,
    ) -> BillOf:
        request = Request(bucket_of(deposit_id), caller.id, method, request_id, fingerprint(deposit_id, *content))
        moment = self._changing.moment()

        def concerned(bill: Bill, deposit: Deposit, operations: Sequence[Operation]) -> BillChange | Refusal:
            return transition(bill, deposit, operations) if _concerns(caller, bill) else bill_not_found()

        outcome = await self._change(request, deposit_id, concerned, moment)
        if isinstance(outcome, Refusal):
            raise outcome
        changed, deposit = outcome
        return changed.bill, deposit

    async def _change(
        self, request: Request | None, deposit_id: str, transition: BillTransition, moment: Moment
    ) -> tuple[BillChange, Deposit] | Refusal:
        lease_until = self._changing.real.now() + LEASE
        outcome = await self._store.change_bill(request, deposit_id, transition, moment.now, lease_until)
        if not isinstance(outcome, Refusal):
            self._changing.launch(outcome[0].change.wanted)
        return outcome


def _attempting(means: Means, moment: Moment) -> BillTransition:
    return lambda bill, deposit, operations: rules.attempt(bill, deposit, operations, means, moment)


def _concerns(caller: Caller, bill: Bill) -> bool:
    if caller.role in _OF_A_PARTNER:
        return caller.partner_id == bill.partner_id
    return caller.role is Role.OPERATOR or (caller.role is Role.RENTER and caller.id == bill.renter_id)
