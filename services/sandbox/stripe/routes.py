"""Stripe's calls over HTTP: forms in, objects out, each answer as the next fault says."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Awaitable, Callable
from enum import StrEnum
from hashlib import sha256
from typing import Any

from aiohttp import web

from services.sandbox.hosting import answer, never_answer, wait_until_closing
from services.sandbox.processor.journal import Journal
from services.sandbox.stripe import objects
from services.sandbox.stripe.book import Book
from services.sandbox.stripe.errors import StripeError, invalid, rate_limited, server_error
from services.sandbox.stripe.forms import Params, parse
from services.sandbox.stripe.objects import API_VERSION, page
from services.sandbox.stripe.store import Answered, Store

Json = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.Response]]
_CREATED = {"created[gte]": "created >= ?", "created[gt]": "created > ?"}
_CREATED |= {"created[lt]": "created < ?", "created[lte]": "created <= ?"}
_PAYMENT = (
    "amount", "currency", "customer", "payment_method", "payment_method_types", "payment_method_options",
    "capture_method", "confirm", "off_session", "metadata",
)  # fmt: skip


class Fault(StrEnum):
    """What goes wrong with the next calls that change something."""

    REQUEST_LOST = "request_lost"  # nothing happens, no answer comes
    ANSWER_LOST = "answer_lost"  # it happens, no answer comes
    ANSWER_LATE = "answer_late"  # it happens at once, its answer takes `--late-seconds`
    RATE_LIMITED = "rate_limited"  # 429; nothing happens and nothing is remembered
    SERVER_ERROR = "server_error"  # 500; nothing happens, and the key answers so from now on


class Routes:
    """The handlers."""

    def __init__(self, book: Book, store: Store, journal: Journal, late_seconds: float) -> None:
        self._book, self._store, self._journal, self._late_seconds = book, store, journal, late_seconds
        self._faults: deque[Fault] = deque()

    def table(self) -> list[web.RouteDef]:
        """Every call there is; the last two are the stand-in's own."""
        book, intent = self._book, "/v1/payment_intents/{id}"
        marks = ("metadata",)
        return [
            web.post("/v1/customers", self._post(lambda _, params: book.create_customer(params), *marks)),
            web.post("/v1/payment_methods/{id}/attach", self._post(book.attach, "customer")),
            web.post("/v1/payment_intents", self._post(lambda _, params: book.create_intent(params), *_PAYMENT)),
            web.get("/v1/payment_intents", self._list("payment_intent", "customer")),
            web.get(intent, self._intent),
            web.post(f"{intent}/capture", self._post(book.capture, "amount_to_capture", "final_capture", *marks)),
            web.post(f"{intent}/cancel", self._post(book.cancel, "cancellation_reason")),
            web.post(f"{intent}/increment_authorization", self._post(book.increment, "amount", *marks)),
            web.post(
                "/v1/refunds", self._post(lambda _, params: book.refund(params), "payment_intent", "amount", *marks)
            ),
            web.get("/v1/refunds", self._list("refund", "payment_intent")),
            web.post(
                "/_sandbox/payment_intents/{id}/authenticate",
                self._post(book.authenticate, "client_secret", "success"),
            ),
            web.post("/_sandbox/faults", self._order_faults),
        ]

    def _post(self, do: Callable[[str, Params], Json], *expected: str) -> Handler:
        async def handler(request: web.Request) -> web.Response:
            text, key = await request.text(), request.headers.get("Idempotency-Key")
            fault = self._faults.popleft() if self._faults and request.path.startswith("/v1/") else None
            if fault is Fault.REQUEST_LOST:
                return await never_answer(request)

            def work() -> Json:
                form = parse(text)
                expand = form.pop("expand", {}).values()
                if fault is Fault.SERVER_ERROR:
                    raise server_error()
                done = do(request.match_info.get("id", ""), Params(form, expected))
                return self._book.expanded(done) if "latest_charge" in expand else done

            if fault is Fault.RATE_LIMITED:
                return _answer(Answered(b"", 429, json.dumps(rate_limited().body)))
            print_of = sha256(f"{request.path}\n{text}".encode()).digest()
            answered, repeated = await self._journal.run(lambda: self._book.once(key, print_of, work))
            if fault is Fault.ANSWER_LOST:
                return await never_answer(request)
            if fault is Fault.ANSWER_LATE:
                await wait_until_closing(request, self._late_seconds)
            return _answer(answered, repeated)

        return handler

    async def _intent(self, request: web.Request) -> web.Response:
        query = parse(request.query_string)

        def work() -> Json:
            intent = self._book.intent(request.match_info["id"])
            return self._book.expanded(intent) if "latest_charge" in query.get("expand", {}).values() else intent

        return await self._get(work)

    def _list(self, kind: str, *names: str) -> Handler:
        async def handler(request: web.Request) -> web.Response:
            filters: Json = {f"{name} = ?": request.query[name] for name in names if name in request.query}
            filters |= {_CREATED[name]: int(request.query[name]) for name in _CREATED if name in request.query}
            limit, after = int(request.query.get("limit", "10")), request.query.get("starting_after")
            expand = parse(request.query_string).get("expand", {}).values()

            def work() -> Json:
                if not 1 <= limit <= 100:
                    raise invalid("limit: 1 to 100", param="limit")
                found, has_more = self._store.page(kind, filters, after, limit)
                if "data.latest_charge" in expand:
                    found = [self._book.expanded(one) for one in found]
                return page(request.path, found, has_more)

            return await self._get(work)

        return handler

    async def _get(self, work: Callable[[], Json]) -> web.Response:
        def safe() -> Answered:
            try:
                return Answered(b"", 200, json.dumps(work()))
            except StripeError as refused:
                return Answered(b"", refused.status, json.dumps(refused.body))

        return _answer(await self._journal.run(safe))

    async def _order_faults(self, request: web.Request) -> web.Response:
        form = parse(await request.text())
        try:
            self._faults.extend([Fault(form.get("fault", ""))] * int(form.get("calls", "1")))
        except ValueError:
            return _answer(Answered(b"", 400, json.dumps(invalid("fault: unknown", param="fault").body)))
        return answer({"waiting": len(self._faults)})


def _answer(answered: Answered, repeated: bool = False) -> web.Response:
    response = answer(answered.body, answered.status)
    response.headers["Request-Id"] = objects.new_id("req", 14)
    response.headers["Stripe-Version"] = API_VERSION
    if repeated:
        response.headers["Idempotent-Replayed"] = "true"
    return response
