"""The outcomes that an answer of Alipay's can mean, and the calls by which it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import structlog

from services.deposits.domain import Operation, OperationState, Result
from services.deposits.operations.ports import NOT_DONE
from services.deposits.processors.alipay import requests
from services.deposits.processors.alipay.client import Answer, Client
from services.deposits.processors.answers import declined
from services.values.clock import Clock

log = structlog.get_logger(__name__)
UNKNOWN_ORDER = frozenset({"AUTH_ORDER_NOT_EXIST", "AUTH_OPERATION_NOT_EXIST"})

_OVER = ("FINISH", "CLOSED")


class Asking:
    """Calls Alipay. `real` is the time that each request carries."""

    def __init__(self, client: Client, real: Clock) -> None:
        self._client, self._real = client, real

    async def call(self, method: str, content: Mapping[str, str]) -> Answer | None:
        """A method's answer; None when it is unclear."""
        return await self._client.call(method, content, self._real.now())

    async def unless_frozen(self, operation: Operation, code: str) -> Result | None:
        """What a refused capture or release means: declined when nothing is frozen any more, else it is asked again.

        Deposits books a declined one as lapsed, so that it must not be told of money that is still frozen.
        """
        order = await self.call(requests.DETAIL, requests.frozen(operation.hold_id))
        if order is None or not order.done:
            return declined(operation, code) if order is not None and order.sub_code in UNKNOWN_ORDER else None
        rest = order.text("rest_amount")
        if order.text("order_status") in _OVER or (rest and not order.fen("rest_amount")):
            return declined(operation, code)
        return waiting(operation) if rest else None

    def order_string(self, content: Mapping[str, str]) -> str:
        """What the renter's app hands to Alipay's."""
        return self._client.order_string(requests.APP_FREEZE, content, self._real.now())

    def now(self) -> datetime:
        """The time that a request carries now."""
        return self._real.now()


def refused(operation: Operation, answer: Answer) -> str:
    """The code of a refusal, which is logged."""
    kind = operation.kind
    log.warning("processor_refused", operation_id=operation.operation_id, operation_kind=kind, reason=answer.sub_code)
    return answer.sub_code


def done(operation: Operation, reference: str) -> Result:
    """It was carried out."""
    return Result(operation.operation_id, OperationState.DONE, reference)


def waiting(operation: Operation, renter_action: str = "") -> Result:
    """It waits: for the renter, or for money on an account."""
    return Result(operation.operation_id, OperationState.WANTED, renter_action=renter_action)


def unless_unknown(result: Result | None) -> Result | None:
    """The end of what Alipay says has ended already; unclear when it does not know it after all."""
    return None if result is not None and result.result_ref == NOT_DONE else result
