"""Service orders as authorizations: the port's operations as calls of WeChat Pay's API v3.

An order's number is the id of the AUTHORIZE that made it, so it is made once however often that is asked. Only the
order's own state ends an operation on it: a refusal is answered with a look at the order, and where that tells
nothing, the operation is asked again later, so that no misconfiguration ever lapses a hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from services.deposits.domain import (
    Capabilities,
    Hold,
    Notice,
    NoticeRejected,
    Operation,
    OperationKind,
    OperationState,
    ReportLine,
    Result,
    Seen,
)
from services.deposits.operations.ports import Attached
from services.deposits.processors.answers import declined, not_done, rejected, unavailable
from services.deposits.processors.wechat import orders
from services.deposits.processors.wechat.gateway import Answered, Gateway
from services.deposits.processors.wechat.merchant import Merchant
from services.deposits.processors.wechat.reports import report
from services.deposits.processors.wechat.service import CURRENCY, Service

log = structlog.get_logger(__name__)
NAME = "wechat"
CONFIRM, ASK_PERMISSION, PERMISSION = "confirm", "permission", "permission:"
"""Means of payment: the renter confirms each order in WeChat, or permits orders once, under a code."""
LOOKS = 40
"""So often is looked whether the renter has confirmed or permitted (some six minutes); then it is called off."""
_CODE = re.compile(r"[0-9A-Za-z_*-]{1,32}")
_UNKNOWN = frozenset({"ORDER_NOT_EXIST", "ORDER_NOT_EXISTS", "RESOURCE_NOT_EXISTS"})
_NOT_YET = frozenset({"NOT_ENOUGH"})
"""Refusals of a refund that end by themselves: the merchant's balance is filled up by the next sales."""
_ON_HOLD = (OperationKind.CAPTURE, OperationKind.VOID)
_RECEIVED = b'{"code":"SUCCESS"}'


class WeChatProcessor:
    """Implements `Processor`."""

    capabilities = Capabilities(NAME, timedelta(days=365), charges=False, asynchronous=True)

    def __init__(self, gateway: Gateway, merchant: Merchant) -> None:
        self._service = Service(gateway, merchant)

    async def attach(self, token: str, idempotency_key: str) -> Attached:
        """`confirm`; `permission`, which the renter is asked for at the first hold; or `permission:` and a code.

        Raises PAYMENT_METHOD_REJECTED (no such token, or nobody permits orders under the code) or
        PROCESSOR_UNAVAILABLE.
        """
        if token == ASK_PERMISSION:
            return Attached(f"{PERMISSION}{idempotency_key}", NAME, "")
        if token != CONFIRM and not await self._is_permitted(token):
            raise rejected()
        return Attached(token, NAME, "")

    async def perform(self, operation: Operation) -> Result | None:
        """Asks for the operation; None when it is unclear what became of it."""
        if operation.amount.currency != CURRENCY:
            return declined(operation, "currency_not_supported")
        if operation.kind is OperationKind.AUTHORIZE:
            return await self._authorize(operation)
        if operation.kind is OperationKind.REFUND:
            return await self._refund(operation)
        if operation.kind is OperationKind.CAPTURE:
            completed = await self._service.complete(operation.reference, operation.amount.amount_minor)
            return await self._outcome(operation, completed)
        if operation.kind is OperationKind.VOID:
            return await self._outcome(operation, await self._service.cancel(operation.reference))
        return declined(operation, "not_supported")

    async def query(self, operation: Operation) -> Result | None:
        """What became of the operation; `NOT_DONE` when there is no trace of it, None when it is unclear."""
        if operation.kind is OperationKind.REFUND:
            return _read(operation, await self._service.refund_of(operation.operation_id), orders.refunded)
        if operation.kind in _ON_HOLD:
            reading = orders.captured if operation.kind is OperationKind.CAPTURE else orders.voided
            return _read(operation, await self._service.order(operation.reference), reading)
        result = _read(operation, await self._service.order(operation.operation_id), orders.authorized)
        if result is None or result.state is not OperationState.WANTED:
            return result
        if operation.attempts >= LOOKS or operation.given_up:
            cancelled = await self._service.cancel(operation.operation_id)
            return declined(operation, "not_confirmed") if cancelled and not cancelled.code else None
        # Only the answer to an order's creation says what the app needs; creating it once more says it again.
        return result if result.renter_action else not_done(operation)

    async def inspect(self, hold: Hold) -> Seen | None:
        """The order as it stands at WeChat."""
        found = await self._service.order(hold.reference)
        return orders.seen(found.body) if found is not None and not found.code else None

    async def report(self, since: datetime, until: datetime) -> Sequence[ReportLine]:
        """What was collected and paid back; raises PROCESSOR_UNAVAILABLE.

        Orders that brought in nothing are in no bill: `inspect` tells of them.
        """
        return await report(self._service, since, until)

    def read_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """A notice of an order, a permission or a refund; raises NoticeRejected."""
        said = self._service.open_notice(headers, body)
        about = said["resource"]
        order, refund = about.get("out_order_no", ""), about.get("out_refund_no", "")
        if not all(isinstance(part, str) for part in (said.get("id"), order, refund)):
            raise NoticeRejected
        return Notice(said["id"], refund or order, order, reply=_RECEIVED, reply_type="application/json")

    async def _is_permitted(self, token: str) -> bool:
        code = token.removeprefix(PERMISSION)
        if not token.startswith(PERMISSION) or not _CODE.fullmatch(code):
            return False
        openid = await self._service.permitted_by(code)
        if openid is None:
            raise unavailable()
        return bool(openid)

    async def _authorize(self, operation: Operation) -> Result | None:
        openid = None
        if operation.reference != CONFIRM:
            openid = await self._service.permitted_by(operation.reference.removeprefix(PERMISSION))
            if openid is None:
                return None
            if not openid:
                return await self._ask_permission(operation)
        return await self._outcome(operation, await self._service.create(operation, openid))

    async def _ask_permission(self, operation: Operation) -> Result | None:
        """Once: the token stays good while the renter decides, and another would make the app open another page."""
        if operation.attempts >= LOOKS:
            return declined(operation, "no_permission")
        if operation.renter_action:
            return orders.waiting(operation)
        asked = await self._service.ask_permission(operation.reference.removeprefix(PERMISSION))
        if asked is None:
            return None
        if asked.code:
            return declined(operation, asked.code.lower())
        action = f"{PERMISSION}{asked.body['apply_permissions_token']}"
        return Result(operation.operation_id, OperationState.WANTED, renter_action=action)

    async def _refund(self, operation: Operation) -> Result | None:
        """Pays back of the transaction that paid the captured order."""
        found = await self._service.order(operation.reference)
        if found is not None and found.code in _UNKNOWN:
            return declined(operation, "not_an_order_of_ours")
        if found is None or found.code:
            return None
        payment = orders.payment_of(found.body)
        if payment is None:
            return declined(operation, "not_paid_through_wechat")
        return await self._outcome(operation, await self._service.refund(operation, *payment))

    async def _outcome(self, operation: Operation, answered: Answered | None) -> Result | None:
        """What an answer makes of an operation; on a hold, and after a refusal, what WeChat has on record decides."""
        if answered is None:
            return None
        if not answered.code and operation.kind not in _ON_HOLD:
            reading = orders.refunded if operation.kind is OperationKind.REFUND else orders.authorized
            return reading(operation, answered.body)
        if answered.code:
            asked = {"operation_id": operation.operation_id, "operation_kind": operation.kind}
            log.warning("processor_refused", peer=NAME, reason=answered.code, **asked)
        result = await self.query(operation)
        if result is None or result.state is not OperationState.CANCELLED:
            return result
        if operation.kind in _ON_HOLD or answered.code in _NOT_YET:
            return orders.waiting(operation)
        return declined(operation, answered.code.lower())


def _read(
    operation: Operation, found: Answered | None, reading: Callable[[Operation, Mapping[str, object]], Result]
) -> Result | None:
    if found is None:
        return None
    if not found.code:
        return reading(operation, found.body)
    return not_done(operation) if found.code in _UNKNOWN else None
