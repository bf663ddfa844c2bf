"""Taking what is frozen, in parts or for the last time, and paying it back."""

from __future__ import annotations

from services.deposits.domain import Operation, Result
from services.deposits.processors.alipay import requests
from services.deposits.processors.alipay.results import Asking, done, refused, unless_unknown, waiting
from services.deposits.processors.answers import declined, not_done

_UNKNOWN_TRADE = frozenset({"ACQ.TRADE_NOT_EXIST", "TRADE_NOT_EXIST"})
_ALREADY = "ACQ.TRADE_HAS_SUCCESS"
_OUR_ACCOUNT = "ACQ.SELLER_BALANCE_NOT_ENOUGH"
_PAID = ("TRADE_SUCCESS", "TRADE_FINISHED")


class Payments:
    """CAPTURE and REFUND."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def pay(self, operation: Operation) -> Result | None:
        """Takes an amount. A payer without money just now is not the end: it is asked again under the same number."""
        answer = await self._asking.call(requests.PAY, requests.pay(operation))
        if answer is None:
            return None
        if answer.done:
            return done(operation, answer.text("trade_no"))
        if answer.waiting:
            return waiting(operation)
        code = refused(operation, answer)
        if code == _ALREADY:
            return unless_unknown(await self.paid(operation))
        return await self._asking.unless_frozen(operation, code)

    async def paid(self, operation: Operation) -> Result | None:
        """What became of it. One that waits for the payer's money is not done: paying again has Alipay try again."""
        answer = await self._asking.call(requests.TRADE, requests.paid(operation))
        if answer is None or not answer.done:
            return not_done(operation) if answer is not None and answer.sub_code in _UNKNOWN_TRADE else None
        status = answer.text("trade_status")
        paid_back = status == "TRADE_CLOSED" and bool(answer.text("send_pay_date"))
        if status in _PAID or paid_back:
            return done(operation, answer.text("trade_no"))
        return await self._asking.unless_frozen(operation, status) if status == "TRADE_CLOSED" else not_done(operation)

    async def refund(self, operation: Operation) -> Result | None:
        """Pays back. Without money on our own account it waits: the renter is not told that it was declined."""
        answer = await self._asking.call(requests.REFUND, requests.refund(operation))
        if answer is None or answer.waiting:
            return None
        if answer.done:
            moved = answer.text("fund_change") == "Y"
            return done(operation, operation.operation_id) if moved else unless_unknown(await self.refunded(operation))
        code = refused(operation, answer)
        return waiting(operation) if code == _OUR_ACCOUNT else declined(operation, code)

    async def refunded(self, operation: Operation) -> Result | None:
        """What became of it."""
        answer = await self._asking.call(requests.REFUNDED, requests.refunded(operation))
        if answer is None or not answer.done:
            return not_done(operation) if answer is not None and answer.sub_code in _UNKNOWN_TRADE else None
        paid_back = answer.text("refund_status") == "REFUND_SUCCESS"
        return done(operation, operation.operation_id) if paid_back else not_done(operation)
