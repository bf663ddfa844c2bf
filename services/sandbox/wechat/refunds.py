"""Money back: numbered by the merchant, at most what was paid. It is on its way at first, and then there."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from services.sandbox.clock import ClockMs
from services.sandbox.hosting import ApiError
from services.sandbox.wechat.store import Refund, Store


class Refunds:
    """The books of refunds; every method reads and writes within one transaction of its caller's."""

    def __init__(self, store: Store, clock: ClockMs) -> None:
        self._store, self._clock = store, clock

    def refund(self, sent: Mapping[str, Any]) -> Refund:
        """A new refund, or the one that the same call made before."""
        number, amount = sent["transaction_id"], sent["amount"]
        known = self._store.refund(sent["out_refund_no"])
        if known is not None:
            if (known.transaction_id, known.refund_minor) != (number, amount["refund"]):
                raise ApiError(400, "INVALID_REQUEST", "this out_refund_no came before with other content")
            return known
        order = self._store.order_paid_by(number)
        if order is None:
            raise ApiError(404, "RESOURCE_NOT_EXISTS", "no such transaction")
        gone = sum(one.refund_minor for one in self._store.refunds_of(number) if one.status != "CLOSED")
        if amount["total"] != order.paid_minor or not 0 < amount["refund"] <= order.paid_minor - gone:
            raise ApiError(400, "INVALID_REQUEST", "more than what was paid, or not of what was paid")
        identity = f"50{secrets.randbelow(10**26):026d}"
        made = (amount["refund"], "PROCESSING", sent.get("notify_url", ""), self._clock())
        refund = Refund(sent["out_refund_no"], identity, number, *made)
        self._store.keep(refund)
        return refund

    def found(self, out_refund_no: str) -> Refund:
        """A refund; refuses 404 RESOURCE_NOT_EXISTS."""
        refund = self._store.refund(out_refund_no)
        if refund is None:
            raise ApiError(404, "RESOURCE_NOT_EXISTS", "no such refund")
        return refund

    def arrive(self, out_refund_no: str, status: str) -> Refund | None:
        """It ends as SUCCESS, CLOSED or ABNORMAL; None when it has ended."""
        refund = self.found(out_refund_no)
        if refund.status in ("SUCCESS", "CLOSED"):
            return None
        ended = replace(refund, status=status, made_ms=self._clock())
        self._store.keep(ended)
        return ended
