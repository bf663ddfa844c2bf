"""What partners ask of a deposit: compensation, a larger hold, money back; each once per request_id."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from services.deposits.domain import Change, Deposit, Moment, Operation, compensate, increment, refund
from services.deposits.domain.policies import deposit_not_found
from services.deposits.operations.changing import Changing
from services.values.callers import Caller, Role
from services.values.errors import Refusal
from services.values.ids import bucket_of
from services.values.money import Money
from services.values.requests import Request, fingerprint

Claim = Callable[[Deposit, Sequence[Operation], Money, Moment], Change | Refusal]


class Claiming:
    """Claims of a partner on its own deposits; the reason is kept with the request."""

    def __init__(self, changing: Changing) -> None:
        self._changing = changing

    async def capture(self, caller: Caller, request_id: str, deposit_id: str, amount: Money, reason: str) -> Deposit:
        """Compensation for damage or loss, from the hold or by bill.

        Raises:
            Refusal: DEPOSIT_NOT_FOUND, DEPOSIT_NOT_OPEN, CURRENCY_MISMATCH, COMPENSATION_LIMIT_EXCEEDED,
                REQUEST_ID_REUSED.
        """
        return await self._claim(caller, "CaptureDeposit", request_id, deposit_id, amount, reason, compensate)

    async def raise_hold(self, caller: Caller, request_id: str, deposit_id: str, amount: Money, reason: str) -> Deposit:
        """A larger hold. Raises as `capture`, and PROCESSOR_CANNOT_INCREMENT."""
        return await self._claim(caller, "IncrementDeposit", request_id, deposit_id, amount, reason, increment)

    async def refund(self, caller: Caller, request_id: str, deposit_id: str, amount: Money, reason: str) -> Deposit:
        """Money back to the renter.

        Raises:
            Refusal: DEPOSIT_NOT_FOUND, CURRENCY_MISMATCH, REFUND_TOO_LARGE, REQUEST_ID_REUSED.
        """
        return await self._claim(caller, "RefundDeposit", request_id, deposit_id, amount, reason, refund)

    async def _claim(
        self, caller: Caller, method: str, request_id: str, deposit_id: str, amount: Money, reason: str, claim: Claim
    ) -> Deposit:
        content = fingerprint(deposit_id, amount.currency, amount.amount_minor, reason)
        request = Request(bucket_of(deposit_id), caller.id, method, request_id, content)
        moment = self._changing.moment()

        def transition(deposit: Deposit, operations: Sequence[Operation]) -> Change | Refusal:
            if not _may_claim(caller, deposit):
                return deposit_not_found()
            return claim(deposit, operations, amount, moment)

        outcome = await self._changing.change_once(request, deposit_id, transition, moment)
        if isinstance(outcome, Refusal):
            raise outcome
        return outcome.deposit


def _may_claim(caller: Caller, deposit: Deposit) -> bool:
    return caller.role in (Role.PARTNER, Role.STAFF) and caller.partner_id == deposit.partner_id
