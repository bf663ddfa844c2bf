"""The official SDK, as the adapter needs it: plain dicts, two kinds of failure, nothing retried and nothing logged.

The SDK's own retries are off: `operations.processing` retries by its rules. Its telemetry is off: it would write a file
into the home folder and tell Stripe about the machine. Its exceptions carry bodies, with client secrets in them: they
end here, and what leaves is a code.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import stripe
import structlog

log = structlog.get_logger(__name__)
API_VERSION = "2026-10-28.endive"
"""The version whose objects this adapter reads; another is a change of this adapter."""
ANSWER_SECONDS = 5.0
PAGE = 100
_EXPAND: Any = {"expand": ["latest_charge"]}

Json = dict[str, Any]


class Unclear(Exception):
    """What became of the call is not known: silence, a 5xx, a conflict, a limit, or a key that is not accepted."""


class Refused(Exception):
    """Stripe has said no, and nothing was done.

    Attributes:
        code: the issuer's decline code if there is one, else Stripe's error code.
        intent: the PaymentIntent that was refused, when the error tells it.
    """

    def __init__(self, code: str, intent: Json | None) -> None:
        super().__init__(code)
        self.code, self.intent = code, intent


class Gateway:
    """Calls of one Stripe account."""

    def __init__(self, session: aiohttp.ClientSession, url: str, secret_key: str) -> None:
        stripe.enable_telemetry = False
        client = stripe.StripeClient(
            secret_key,
            stripe_version=API_VERSION,
            base_addresses={"api": url.rstrip("/")},
            max_network_retries=0,
            http_client=stripe.AIOHTTPClient(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS), session=session),
        )
        self._intents = client.v1.payment_intents
        self._refunds = client.v1.refunds
        self._customers = client.v1.customers
        self._methods = client.v1.payment_methods

    async def customer(self, params: Any, key: str) -> Json:
        """A new customer: whom a payment method that is used again belongs to."""
        return await _answer(self._customers.create_async(params, {"idempotency_key": key}))

    async def attach(self, method: str, customer: str, key: str) -> Json:
        """The payment method, the customer's from now on."""
        return await _answer(self._methods.attach_async(method, {"customer": customer}, {"idempotency_key": key}))

    async def create(self, params: Any, key: str) -> Json:
        """A new PaymentIntent, confirmed at once."""
        params = params | _EXPAND
        return await _answer(self._intents.create_async(params, {"idempotency_key": key}))

    async def intent(self, reference: str) -> Json:
        """A PaymentIntent as it stands now."""
        return await _answer(self._intents.retrieve_async(reference, _EXPAND))

    async def capture(self, reference: str, params: Any, key: str) -> Json:
        """The PaymentIntent after a capture."""
        params = params | _EXPAND
        return await _answer(self._intents.capture_async(reference, params, {"idempotency_key": key}))

    async def increment(self, reference: str, params: Any, key: str) -> Json:
        """The PaymentIntent, authorized for a new total."""
        params = params | _EXPAND
        return await _answer(self._intents.increment_authorization_async(reference, params, {"idempotency_key": key}))

    async def cancel(self, reference: str, key: str) -> Json:
        """The PaymentIntent, given up; what was open goes back."""
        return await _answer(self._intents.cancel_async(reference, _EXPAND, {"idempotency_key": key}))

    async def refund(self, params: Any, key: str) -> Json:
        """A new refund."""
        return await _answer(self._refunds.create_async(params, {"idempotency_key": key}))

    def intents(self, **filters: Any) -> AsyncIterator[Json]:
        """PaymentIntents, newest first. Lists are up to date, which the search API is not (up to a minute late)."""
        return _pages(self._intents.list_async, {**filters, "expand": ["data.latest_charge"]})

    def refunds(self, **filters: Any) -> AsyncIterator[Json]:
        """Refunds, newest first."""
        return _pages(self._refunds.list_async, filters)


async def _pages(page: Callable[[Any], Awaitable[Any]], filters: Json) -> AsyncIterator[Json]:
    after: Json = {}
    while True:
        found = await _answer(page({**filters, "limit": PAGE, **after}))
        for item in found["data"]:
            yield item
        if not found["has_more"]:
            return
        after = {"starting_after": found["data"][-1]["id"]}


async def _answer(call: Awaitable[Any]) -> Json:
    try:
        answered: Json = (await call).to_dict()
    except (stripe.CardError, stripe.InvalidRequestError) as error:
        raise _refused(error) from None
    except stripe.StripeError as error:
        level = log.error if error.http_status in (400, 401, 403) else log.info
        level("processor_unclear", error_type=type(error).__name__, status=error.http_status)
        raise Unclear from None
    except (aiohttp.ClientError, TimeoutError) as error:
        log.info("processor_unclear", error_type=type(error).__name__)
        raise Unclear from None
    return answered


def _refused(error: stripe.CardError | stripe.InvalidRequestError) -> Refused:
    said: Any = error.json_body
    told: Json = said["error"] if isinstance(said, dict) and isinstance(said.get("error"), dict) else {}
    code = told.get("decline_code") or told.get("code") or told.get("type") or "invalid_request"
    return Refused(str(code), told.get("payment_intent"))
