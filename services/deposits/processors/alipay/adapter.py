"""Alipay as one of the processors: freezes wait for the renter, captures take parts, unfreezing gives the rest back."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta

from services.deposits.domain import Capabilities, Hold, Notice, Operation, OperationKind, ReportLine, Result, Seen
from services.deposits.operations.ports import Attached
from services.deposits.processors.alipay.amounts import CURRENCY
from services.deposits.processors.alipay.bills import Bills
from services.deposits.processors.alipay.client import Client
from services.deposits.processors.alipay.freezes import Freezes
from services.deposits.processors.alipay.notices import read_notice
from services.deposits.processors.alipay.payments import Payments
from services.deposits.processors.alipay.requests import APP, Terms, scanned
from services.deposits.processors.alipay.results import Asking
from services.deposits.processors.answers import declined, rejected
from services.values.clock import Clock

NAME = "alipay"
_APP_TOKEN = "alipay_app"  # noqa: S105 (says how the renter confirms, and is no secret)
_SCAN_TOKEN = re.compile(r"scan_((?:2[5-9]|30)[0-9]{14,22})")

_Step = Callable[[Operation], Awaitable[Result | None]]


class AlipayProcessor:
    """Implements `Processor`. Amounts are in fen; any currency but CNY is declined as CURRENCY_NOT_SUPPORTED.

    Args:
        clock: the time by which bills are made, which is Alipay's.
        real: the time that requests carry, and by which the renter's time to confirm runs.
    """

    def __init__(self, client: Client, terms: Terms, clock: Clock, real: Clock) -> None:
        self._client, valid = client, timedelta(days=terms.authorization_days)
        self.capabilities = Capabilities(
            NAME,
            valid,
            partial_captures=True,
            charges=False,
            asynchronous=True,
        )
        asking = Asking(client, real)
        self._freezes, payments, self._bills = (
            Freezes(asking, terms),
            Payments(asking),
            Bills(asking, client, clock, valid),
        )
        self._steps: dict[OperationKind, tuple[_Step, _Step]] = {
            OperationKind.AUTHORIZE: (self._freezes.freeze, self._freezes.frozen),
            OperationKind.VOID: (self._freezes.unfreeze, self._freezes.unfrozen),
            OperationKind.CAPTURE: (payments.pay, payments.paid),
            OperationKind.REFUND: (payments.refund, payments.refunded),
        }

    async def attach(self, token: str, idempotency_key: str) -> Attached:  # noqa: ARG002 (nothing is asked of Alipay)
        """`alipay_app` for renters who confirm in their app, `scan_<code>` for a payment code that a kiosk scanned.

        Raises:
            Refusal: PAYMENT_METHOD_REJECTED.
        """
        code = _SCAN_TOKEN.fullmatch(token)
        if token != _APP_TOKEN and code is None:
            raise rejected()
        return Attached(APP if code is None else scanned(code[1]), NAME, "")

    async def perform(self, operation: Operation) -> Result | None:
        """Asks for the operation; None when it is unclear what became of it."""
        return await self._step(operation, 0)

    async def query(self, operation: Operation) -> Result | None:
        """What became of the operation; `NOT_DONE` when Alipay has no trace of it, None when it is unclear."""
        return await self._step(operation, 1)

    async def inspect(self, hold: Hold) -> Seen | None:
        """The authorization as it stands at Alipay; None when it does not answer."""
        return await self._freezes.inspect(hold)

    async def report(self, since: datetime, until: datetime) -> Sequence[ReportLine]:
        """What moved, from Alipay's daily bills: authorizations of which something was taken, and refunds.

        Freezing moves no money and stands in no bill: `inspect` tells how such an authorization stands. Raises
        PROCESSOR_UNAVAILABLE until the bills of all days are there, at 10:00 in Shanghai of the next one.
        """
        return await self._bills.read(since, until)

    def read_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:  # noqa: ARG002 (all is in the body)
        """Which operation or authorization Alipay has news of; raises NoticeRejected."""
        return read_notice(body, self._client.app_id, self._client.keys)

    async def _step(self, operation: Operation, which: int) -> Result | None:
        if operation.amount.currency != CURRENCY:
            return declined(operation, "CURRENCY_NOT_SUPPORTED")
        steps = self._steps.get(operation.kind)
        return await steps[which](operation) if steps is not None else declined(operation, "NOT_SUPPORTED")
