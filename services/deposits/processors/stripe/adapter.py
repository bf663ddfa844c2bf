"""The port over Stripe: what is asked, under which key, and what is asked again when an answer was lost.

The idempotency key is the operation's id. Stripe answers a repeated key as the first time for at least a day (a 500
too), and cannot be asked what became of one. So `query` looks at what the call would have made: the payments of the
customer since the operation was made, the refunds of the payment, or the hold itself. Whatever is declined is cancelled
at Stripe as well, so that it cannot come true later.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta

import aiohttp
import stripe
import structlog

from services.deposits.domain import (
    Capabilities,
    Hold,
    Notice,
    NoticeRejected,
    Operation,
    OperationKind,
    ReportLine,
    Result,
    Seen,
)
from services.deposits.operations.ports import Attached
from services.deposits.processors.answers import declined, not_done, rejected, unavailable
from services.deposits.processors.stripe import asking, reading
from services.deposits.processors.stripe.amounts import representable
from services.deposits.processors.stripe.gateway import Gateway, Json, Refused, Unclear
from services.deposits.processors.stripe.settings import Features
from services.values.clock import Clock
from services.values.ids import is_id, made_at

log = structlog.get_logger(__name__)
NOTICE_SECONDS = 300
"""How old a webhook may be."""
_TOKEN = re.compile(r"pm_[A-Za-z0-9_]{1,250}")
_SKEW = timedelta(hours=1)
"""How far Stripe's clock may be from ours when a payment is looked for by when it was asked for."""
_PAYMENTS = (OperationKind.AUTHORIZE, OperationKind.CHARGE)


class StripeProcessor:
    """Implements `Processor`. A payment method is kept with its customer, "cus_…:pm_…": a saved one needs both."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        secrets: tuple[str, str],
        features: Features,
        clock: Clock,
    ) -> None:
        """`secrets` are the secret key and the webhook endpoint's; `clock` is real time."""
        secret_key, self._webhook_secret = secrets
        self._gateway = Gateway(session, url, secret_key)
        self._features = features
        self._clock = clock

    @property
    def capabilities(self) -> Capabilities:
        """What the account's settings say."""
        return Capabilities(
            "stripe",
            timedelta(days=7),
            partial_captures=self._features.multicapture,
            increments=self._features.incremental,
            over_capture_percent=self._features.overcapture_percent,
            asynchronous=True,
        )

    async def attach(self, token: str, idempotency_key: str) -> Attached:
        """Makes a customer and gives it the payment method; raises PAYMENT_METHOD_REJECTED or PROCESSOR_UNAVAILABLE.

        One that belongs to a customer already is rejected: it may be another person's.
        """
        if not _TOKEN.fullmatch(token):
            raise rejected()
        named = {"metadata": {"payment_method_id": idempotency_key}}
        try:
            customer = (await self._gateway.customer(named, f"{idempotency_key}-customer"))["id"]
            method = await self._gateway.attach(token, customer, idempotency_key)
        except Unclear:
            raise unavailable() from None
        except Refused:
            raise rejected() from None
        if method["type"] != "card":
            raise rejected()
        card = method["card"]
        return Attached(f"{customer}:{method['id']}", str(card["brand"]), str(card["last4"]))

    async def perform(self, operation: Operation) -> Result | None:
        """Asks for the operation; None when it is unclear what became of it."""
        try:
            if operation.kind in _PAYMENTS:
                return await self._pay(operation)
            if operation.kind is OperationKind.REFUND:
                return await self._refund(operation)
            return await self._on_hold(operation)
        except (Unclear, Refused):
            return None

    async def query(self, operation: Operation) -> Result | None:
        """What became of the operation, by what there is of it; `NOT_DONE` when there is nothing, None when unclear."""
        try:
            if operation.kind in _PAYMENTS:
                found = await _first(self._payments_of(operation), operation)
                return not_done(operation) if found is None else await self._told(operation, found)
            if operation.kind is OperationKind.REFUND:
                refunds = self._gateway.refunds(payment_intent=operation.reference)
                found = await _first(refunds, operation)
                return not_done(operation) if found is None else reading.of_refund(operation, found)
            return reading.of_hold(operation, await self._gateway.intent(operation.reference))
        except Unclear:
            return None
        except Refused as refused:
            log.error("processor_refused_to_tell", operation_id=operation.operation_id, reason=refused.code)
            return None

    async def inspect(self, hold: Hold) -> Seen | None:
        """The authorization as it stands at Stripe."""
        try:
            return reading.seen(await self._gateway.intent(hold.reference))
        except (Unclear, Refused):
            return None

    async def report(self, since: datetime, until: datetime) -> Sequence[ReportLine]:
        """Every payment and refund made in a window, by Stripe's seconds; raises PROCESSOR_UNAVAILABLE."""
        window = {"created": {"gte": int(since.timestamp()), "lt": int(until.timestamp()) + 1}}
        try:
            lines = [reading.payment_line(intent) async for intent in self._gateway.intents(**window)]
            refunds = [reading.refund_line(refund) async for refund in self._gateway.refunds(**window)]
        except (Unclear, Refused):
            raise unavailable() from None
        lines += [line for line in refunds if line is not None]
        return [line for line in lines if since <= line.created_at < until]

    def read_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """An event, its `Stripe-Signature` checked by the SDK; raises NoticeRejected."""
        try:
            stripe.WebhookSignature.verify_header(
                body, headers.get("stripe-signature"), self._webhook_secret, NOTICE_SECONDS
            )
            said = json.loads(body)
            about = said["data"]["object"]
            reference = about["id"] if about["object"] == "payment_intent" else about.get("payment_intent")
            operation_id = str((about.get("metadata") or {}).get("operation_id", ""))
            ours = operation_id if is_id(operation_id, "opn", routed=True) else ""
            return Notice(str(said["id"]), ours, reference if isinstance(reference, str) else "")
        except (stripe.SignatureVerificationError, AttributeError, LookupError, TypeError, ValueError):
            raise NoticeRejected from None

    async def _pay(self, operation: Operation) -> Result | None:
        if not representable(operation.amount.currency):
            return declined(operation, "currency_not_supported")
        try:
            intent = await self._gateway.create(asking.payment(operation, self._features), operation.operation_id)
        except Refused as refused:
            _log(operation, refused)
            if refused.intent is None:
                return declined(operation, refused.code)
            intent = refused.intent
        return await self._told(operation, intent)

    async def _told(self, operation: Operation, intent: Json) -> Result:
        """What a PaymentIntent says of its operation; one that is not to come true any more is cancelled first."""
        said = reading.of_payment(operation, intent, self._features, self._clock.now())
        if isinstance(said, Result):
            return said
        try:
            await self._gateway.cancel(intent["id"], f"{operation.operation_id}-cancel")
        except Refused as refused:
            _log(operation, refused)
            raise Unclear from None
        return declined(operation, said.code)

    async def _refund(self, operation: Operation) -> Result:
        try:
            made = await self._gateway.refund(asking.refund(operation), operation.operation_id)
        except Refused as refused:
            _log(operation, refused)
            return declined(operation, refused.code)
        return reading.of_refund(operation, made)

    async def _on_hold(self, operation: Operation) -> Result | None:
        """A refusal is believed only with the hold in sight: a hold that is still open has not lapsed."""
        try:
            return await self._change(operation)
        except Refused as refused:
            _log(operation, refused)
            if operation.kind is OperationKind.INCREMENT:
                return declined(operation, refused.code)
        after = reading.of_hold(operation, await self._gateway.intent(operation.reference))
        return None if reading.is_not_done(after) else after

    async def _change(self, operation: Operation) -> Result | None:
        reference, key = operation.reference, operation.operation_id
        if operation.kind is OperationKind.VOID:
            return reading.of_hold(operation, await self._gateway.cancel(reference, key))
        if operation.kind is OperationKind.CAPTURE:
            params = asking.capture(operation, self._features)
            return reading.of_hold(operation, await self._gateway.capture(reference, params, key))
        before = await self._gateway.intent(reference)
        known = reading.of_hold(operation, before)
        if not reading.is_not_done(known):
            return known
        params = asking.increment(operation, before["amount"])
        return reading.of_hold(operation, await self._gateway.increment(reference, params, key))

    async def _payments_of(self, operation: Operation) -> AsyncIterator[Json]:
        customer, _ = asking.means(operation.reference)
        since = int((made_at(operation.operation_id) - _SKEW).timestamp())
        async for intent in self._gateway.intents(customer=customer, created={"gte": since}):
            yield intent


async def _first(things: AsyncIterator[Json], operation: Operation) -> Json | None:
    async for thing in things:
        if (thing.get("metadata") or {}).get("operation_id") == operation.operation_id:
            return thing
    return None


def _log(operation: Operation, refused: Refused) -> None:
    names = {"operation_id": operation.operation_id, "operation_kind": operation.kind}
    log.warning("processor_refused", reason=refused.code, **names)
