"""The processor's HTTP calls: read the request, perform once, let the answer travel as the card says."""

from __future__ import annotations

import re

from aiohttp import web

from services.sandbox.hosting import answer, never_answer, wait_until_closing
from services.sandbox.processor.cards import Delivery
from services.sandbox.processor.commands import AddPaymentMethod, Capture, Command, Increment, Kind, Pay, Refund, Void
from services.sandbox.processor.confirmations import Confirmations
from services.sandbox.processor.operations import Operations
from services.sandbox.requests import Body, body_of, checked_key, idempotency_key, invalid

_CARD_NUMBER = re.compile(r"[0-9]{12,19}")
_NAME = re.compile(r"[A-Za-z0-9_]{1,100}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_REFERENCE = re.compile(r"[\x21-\x7e]{1,100}")
_PAGE, _LARGEST_PAGE = 500, 1000


class Routes:
    """The handlers; `late_seconds` is how long a late answer takes, and a renter who has to confirm."""

    def __init__(self, operations: Operations, late_seconds: float, confirmations: Confirmations) -> None:
        self._operations, self._late_seconds = operations, late_seconds
        self._confirmations = confirmations

    def table(self) -> list[web.RouteDef]:
        """Every call there is."""
        return [
            web.post("/v1/tokens", self._add_token),
            web.post("/v1/payment_methods", self._add_payment_method),
            web.post("/v1/authorizations", self._authorize),
            web.get("/v1/authorizations/{id}", self._authorization),
            web.post("/v1/authorizations/{id}/captures", self._capture),
            web.post("/v1/authorizations/{id}/increments", self._increment),
            web.post("/v1/authorizations/{id}/void", self._void),
            web.post("/v1/refunds", self._refund),
            web.post("/v1/charges", self._charge),
            web.get("/v1/operations", self._operation),
            web.get("/v1/report", self._report),
        ]

    async def _add_token(self, request: web.Request) -> web.Response:
        body = await body_of(request, "card_number")
        return answer(await self._operations.add_token(body.text("card_number", _CARD_NUMBER, "12 to 19 digits")))

    async def _add_payment_method(self, request: web.Request) -> web.Response:
        body = await body_of(request, "token")
        command = AddPaymentMethod(body.text("token", _NAME, "a token's name"))
        key = request.headers.get("Idempotency-Key")
        return await self._perform(request, command, None if key is None else checked_key(key))

    async def _authorize(self, request: web.Request) -> web.Response:
        return await self._pay(request, Kind.AUTHORIZATION)

    async def _charge(self, request: web.Request) -> web.Response:
        return await self._pay(request, Kind.CHARGE)

    async def _pay(self, request: web.Request, kind: Kind) -> web.Response:
        body = await body_of(request, "amount_minor", "currency", "payment_method", "merchant_reference")
        return await self._perform(request, _pay(kind, body), idempotency_key(request))

    async def _capture(self, request: web.Request) -> web.Response:
        body = await body_of(request, "amount_minor", "final")
        command = Capture(request.match_info["id"], body.amount("amount_minor"), body.flag("final"))
        return await self._perform(request, command, idempotency_key(request))

    async def _increment(self, request: web.Request) -> web.Response:
        body = await body_of(request, "amount_minor")
        command = Increment(request.match_info["id"], body.amount("amount_minor"))
        return await self._perform(request, command, idempotency_key(request))

    async def _refund(self, request: web.Request) -> web.Response:
        body = await body_of(request, "payment", "amount_minor")
        command = Refund(body.text("payment", _NAME, "a payment's id"), body.amount("amount_minor"))
        return await self._perform(request, command, idempotency_key(request))

    async def _void(self, request: web.Request) -> web.Response:
        await body_of(request)
        return await self._perform(request, Void(request.match_info["id"]), idempotency_key(request))

    async def _perform(self, request: web.Request, command: Command, key: str | None) -> web.Response:
        outcome = await self._operations.perform(key, command)
        self._confirmations.wake()
        if outcome.answer is None or outcome.delivery == Delivery.LOST:
            return await never_answer(request)
        if outcome.delivery == Delivery.LATE:
            await wait_until_closing(request, self._late_seconds)
        return answer(outcome.answer)

    async def _authorization(self, request: web.Request) -> web.Response:
        return answer(await self._operations.authorization(request.match_info["id"]))

    async def _operation(self, request: web.Request) -> web.Response:
        return answer(await self._operations.operation(checked_key(request.query.get("idempotency_key", ""))))

    async def _report(self, request: web.Request) -> web.Response:
        after = _whole(request, "after", default=0, least=0, most=2**62)
        limit = _whole(request, "limit", default=_PAGE, least=1, most=_LARGEST_PAGE)
        return answer(await self._operations.report(after, limit))


def _pay(kind: Kind, body: Body) -> Pay:
    return Pay(
        kind,
        body.amount("amount_minor"),
        body.text("currency", _CURRENCY, "an ISO 4217 code"),
        body.text("payment_method", _NAME, "a payment method's id"),
        body.text("merchant_reference", _REFERENCE, "1 to 100 printable ASCII characters without spaces"),
    )


def _whole(request: web.Request, name: str, *, default: int, least: int, most: int) -> int:
    text = request.query.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,19}", text) or not least <= int(text) <= most:
        raise invalid(f"{name}: a whole number, {least} to {most}")
    return int(text)
