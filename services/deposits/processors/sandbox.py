"""The sandbox's processor over HTTP (the wire format of `services/sandbox/README.md`), the embedded default.

An unclear answer (a timeout, a broken connection, a 5xx) is None: ask `query`, then repeat with the same key.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import structlog
from standardwebhooks import Webhook, WebhookVerificationError

from services.deposits.domain import (
    Capabilities,
    Hold,
    LineKind,
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

log = structlog.get_logger(__name__)
ANSWER_SECONDS = 4.0
_DECLINED, _PENDING, _VOIDED = "declined", "pending", "voided"
_SANDBOX = Capabilities("sandbox", timedelta(days=7), partial_captures=True, increments=True)
_KINDS = {"authorization": LineKind.AUTHORIZATION, "charge": LineKind.CHARGE}


class HttpProcessor:
    """Implements `Processor`."""

    capabilities = _SANDBOX

    def __init__(self, session: aiohttp.ClientSession, url: str, secret: str) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {secret}"}
        self._webhook = Webhook(base64.b64encode(secret.encode()).decode())
        self._timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)

    async def attach(self, token: str, idempotency_key: str) -> Attached:
        """A lasting reference for a token; raises PAYMENT_METHOD_REJECTED or PROCESSOR_UNAVAILABLE."""
        answered = await self._call("POST", "/v1/payment_methods", {"token": token}, idempotency_key)
        if answered is None or answered[0] >= 500 or answered[0] == 401:
            raise unavailable()
        status, body = answered
        if status != 200:
            raise rejected()
        return Attached(str(body["id"]), str(body["brand"]), str(body["last4"]))

    async def perform(self, operation: Operation) -> Result | None:
        """Asks for the operation; None when it is unclear what became of it."""
        path, body = _request(operation)
        answered = await self._call("POST", path, body, operation.operation_id)
        if answered is None or answered[0] >= 500 or answered[0] == 401:
            return None
        status, answer = answered
        if status == 200:
            return _result(operation, answer)
        code = str(answer.get("error", {}).get("code", status))
        log.warning(
            "processor_refused", operation_id=operation.operation_id, operation_kind=operation.kind, reason=code
        )
        return declined(operation, code)

    async def query(self, operation: Operation) -> Result | None:
        """What became of the operation; `NOT_DONE` when the processor has no trace of it, None when it is unclear."""
        path = f"/v1/operations?idempotency_key={operation.operation_id}"
        answered = await self._call("GET", path, None, None)
        if answered is None:
            return None
        status, answer = answered
        if status == 404:
            return not_done(operation)
        if status != 200:
            return None
        found = answer["answer"]
        return await self._confirmed(operation, found) if found["status"] == _PENDING else _result(operation, found)

    async def _confirmed(self, operation: Operation, first: dict[str, Any]) -> Result | None:
        """What the renter made of an authorization that was pending at first; one that was withdrawn never was one."""
        path = f"/v1/authorizations/{first['id']}"
        answered = await self._call("GET", path, None, None)
        if answered is not None and answered[0] == 200 and answered[1]["status"] == _PENDING and operation.given_up:
            answered = await self._call("POST", f"{path}/void", {}, f"{operation.operation_id}-off")
        if answered is None or answered[0] != 200:
            return None
        if answered[1]["status"] == _VOIDED:
            return declined(operation, "withdrawn")
        return _result(operation, answered[1])

    async def inspect(self, hold: Hold) -> Seen | None:
        """The authorization as it stands at the processor."""
        answered = await self._call("GET", f"/v1/authorizations/{hold.reference}", None, None)
        if answered is None or answered[0] != 200:
            return None
        body = answered[1]
        return Seen(body["amount_minor"], *_parts(body), datetime.fromisoformat(body["expires_at"]))

    async def report(self, since: datetime, until: datetime) -> Sequence[ReportLine]:
        """Every payment made in a window; raises PROCESSOR_UNAVAILABLE."""
        lines: list[ReportLine] = []
        after: int | None = 0
        while after is not None:
            answered = await self._call("GET", f"/v1/report?after={after}&limit=1000", None, None)
            if answered is None or answered[0] != 200:
                raise unavailable("the processor gives no report; retry")
            page, after = answered[1]["payments"], answered[1]["next_after"]
            found = [line for payment in page for line in _lines(payment)]
            lines.extend(line for line in found if since <= line.created_at < until)
        return lines

    def read_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """A webhook after Standard Webhooks, at most five minutes old; raises NoticeRejected."""
        try:
            said = self._webhook.verify(body, dict(headers))
            return Notice(headers["webhook-id"], operation_id=str(said["idempotency_key"]))
        except (WebhookVerificationError, KeyError, TypeError, ValueError):
            raise NoticeRejected from None

    async def _call(
        self, method: str, path: str, body: dict[str, Any] | None, key: str | None
    ) -> tuple[int, dict[str, Any]] | None:
        headers = self._headers if key is None else {**self._headers, "Idempotency-Key": key}
        try:
            async with self._session.request(
                method, self._url + path, json=body, headers=headers, timeout=self._timeout
            ) as response:
                return response.status, await response.json()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            log.info("processor_unclear", error_type=type(error).__name__)
            return None


def _request(operation: Operation) -> tuple[str, dict[str, Any]]:
    amount = operation.amount
    if operation.kind is OperationKind.CAPTURE:
        body: dict[str, Any] = {"amount_minor": amount.amount_minor, "final": operation.final}
        return f"/v1/authorizations/{operation.reference}/captures", body
    if operation.kind is OperationKind.INCREMENT:
        return f"/v1/authorizations/{operation.reference}/increments", {"amount_minor": amount.amount_minor}
    if operation.kind is OperationKind.REFUND:
        return "/v1/refunds", {"payment": operation.reference, "amount_minor": amount.amount_minor}
    if operation.kind is OperationKind.VOID:
        return f"/v1/authorizations/{operation.reference}/void", {}
    path = "/v1/authorizations" if operation.kind is OperationKind.AUTHORIZE else "/v1/charges"
    return path, {
        "amount_minor": amount.amount_minor,
        "currency": amount.currency,
        "payment_method": operation.reference,
        "merchant_reference": operation.deposit_id,
    }


def _result(operation: Operation, answer: dict[str, Any]) -> Result:
    if answer["status"] == _DECLINED:
        return declined(operation, str(answer["decline_code"] or ""))
    if answer["status"] == _PENDING:
        return Result(operation.operation_id, OperationState.WANTED, renter_action=f"confirm:{answer['id']}")
    expires_at = answer.get("expires_at")
    return Result(
        operation.operation_id,
        OperationState.DONE,
        result_ref=str(answer["id"]),
        expires_at=datetime.fromisoformat(expires_at) if expires_at else None,
    )


def _lines(payment: dict[str, Any]) -> list[ReportLine]:
    """A payment and what was paid back of it."""
    kind = _KINDS[payment["object"]]
    moved = payment["amount_minor"] if payment["status"] not in (_DECLINED, _PENDING) else 0
    parts = _parts(payment) if kind is LineKind.AUTHORIZATION else (moved, 0, 0, 0)
    named = (payment["merchant_reference"], payment["currency"])
    at = datetime.fromisoformat(payment["created_at"])
    paid = ReportLine(payment["id"], kind, payment["idempotency_key"], *named, moved, *parts, at)
    return [paid, *(_refund_line(refund, *named) for refund in payment["refunds"])]


def _refund_line(refund: dict[str, Any], deposit_id: str, currency: str) -> ReportLine:
    amount, at = refund["amount_minor"], datetime.fromisoformat(refund["created_at"])
    return ReportLine(refund["id"], LineKind.REFUND, "", deposit_id, currency, amount, amount, 0, 0, 0, at)


def _parts(authorization: dict[str, Any]) -> tuple[int, int, int, int]:
    captured, released, expired, still_open = (
        int(authorization[f"{part}_minor"]) for part in ("captured", "released", "expired", "open")
    )
    return captured, released, expired, still_open
