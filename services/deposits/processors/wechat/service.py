"""The calls of WeChat Pay that we make, each with all that WeChat wants to know; no decisions here."""

from __future__ import annotations

from services.deposits.domain import Operation
from services.deposits.processors.wechat.gateway import Answered, Gateway
from services.deposits.processors.wechat.merchant import Merchant

CURRENCY = "CNY"
_CANCELLED = "服务取消,押金退还"
"""Why an order is cancelled, as renters read it; always the same, since WeChat compares a repetition word by word."""


class Service:
    """One Pay Score service of one merchant. Each call gives an answer, a refusal, or None when it is unclear."""

    def __init__(self, gateway: Gateway, merchant: Merchant) -> None:
        self._answer, self._calls = gateway.answer, gateway.calls
        self.download = gateway.download
        self.open_notice = gateway.open_notice
        self._id, self._introduction = merchant.service_id, merchant.introduction

    async def create(self, operation: Operation, openid: str | None) -> Answered | None:
        """A service order, numbered by the operation's id; with an `openid` without asking the renter.

        `attach` comes back in the bill, where WeChat does not name our order number.
        """
        return await self._answer(
            self._calls.payscore_create(
                out_order_no=operation.operation_id,
                service_id=self._id,
                service_introduction=self._introduction,
                time_range={"start_time": "OnAccept"},
                risk_fund={"name": "DEPOSIT", "amount": operation.amount.amount_minor},
                attach=f"{operation.operation_id}.{operation.deposit_id}",
                need_user_confirm=openid is None,
                openid=openid,
            )
        )

    async def complete(self, out_order_no: str, amount_minor: int) -> Answered | None:
        """Ends the service and names what is owed for it; WeChat collects it from then on."""
        owed = [{"name": self._introduction, "amount": amount_minor}]
        return await self._answer(self._calls.payscore_complete(out_order_no, self._id, owed, amount_minor))

    async def cancel(self, out_order_no: str) -> Answered | None:
        """Ends an order without any payment."""
        return await self._answer(self._calls.payscore_cancel(out_order_no, self._id, _CANCELLED))

    async def order(self, out_order_no: str) -> Answered | None:
        """An order as it stands."""
        return await self._answer(self._calls.payscore_query(self._id, out_order_no=out_order_no))

    async def ask_permission(self, code: str) -> Answered | None:
        """A token with which the renter's app opens the page to permit orders without asking."""
        return await self._answer(self._calls.payscore_permission(self._id, code))

    async def permitted_by(self, code: str) -> str | None:
        """The openid of who permits orders under a code, "" when nobody does (any more); None when unclear."""
        found = await self._answer(self._calls.payscore_permission_query(self._id, authorization_code=code))
        if found is None:
            return None
        return str(found.body["openid"]) if found.body.get("authorization_state") == "AVAILABLE" else ""

    async def refund(self, operation: Operation, transaction_id: str, total_minor: int) -> Answered | None:
        """Pays back a part of a transaction, numbered by the operation's id."""
        amount = {"refund": operation.amount.amount_minor, "total": total_minor, "currency": CURRENCY}
        return await self._answer(self._calls.refund(operation.operation_id, amount, transaction_id=transaction_id))

    async def refund_of(self, out_refund_no: str) -> Answered | None:
        """A refund as it stands."""
        return await self._answer(self._calls.query_refund(out_refund_no))

    async def bill(self, day: str) -> Answered | None:
        """Where the bill of a day lies, zipped, and its hash."""
        return await self._answer(self._calls.trade_bill(day))
