"""WeChat's HTTP calls: read the request, act once, let the answer travel as the script says."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from aiohttp import web

from services.sandbox.clock import ClockMs
from services.sandbox.hosting import ApiError, answer, never_answer, wait_until_closing
from services.sandbox.processor.journal import Journal
from services.sandbox.wechat.bill import bill_of, zipped
from services.sandbox.wechat.orders import Orders
from services.sandbox.wechat.refunds import Refunds
from services.sandbox.wechat.renters import Renters
from services.sandbox.wechat.script import STATUSES, Script
from services.sandbox.wechat.store import Order, Permission, Refund, Store
from services.sandbox.wechat.views import order_view, permission_view, refund_view

_ORDER = "/v3/payscore/serviceorder"
_REMEMBERED = 100


class Routes:
    """The calls, by path."""

    def __init__(
        self,
        journal: Journal,
        books: tuple[Store, Orders, Refunds],
        renters: Renters,
        script: Script,
        clock: ClockMs,
        merchant: dict[str, str],
        late_seconds: float,
    ) -> None:
        self._run, self._renters, self._script, self._clock = journal.run, renters, script, clock
        self._store, self._orders, self._refunds = books
        self._merchant, self._late = merchant, late_seconds
        self._bills: OrderedDict[str, bytes] = OrderedDict()

    def table(self) -> list[web.RouteDef]:
        """What is served; the calls under /_sandbox are for tests and demos, WeChat has none like them."""
        return [
            web.post(_ORDER, self._create),
            web.get(_ORDER, self._order),
            web.post(_ORDER + "/{number}/complete", self._complete),
            web.post(_ORDER + "/{number}/cancel", self._cancel),
            web.post("/v3/payscore/permissions", self._ask_permission),
            web.get("/v3/payscore/permissions/authorization-code/{code}", self._permission),
            web.post("/v3/refund/domestic/refunds", self._refund),
            web.get("/v3/refund/domestic/refunds/{number}", self._refund_found),
            web.get("/v3/bill/tradebill", self._bill),
            web.get("/v3/billdownload/file", self._download),
            web.post("/_sandbox/script", self._change_script),
            web.post("/_sandbox/renters", self._act),
            web.post("/_sandbox/notices", self._tell_again),
        ]

    async def _create(self, request: web.Request) -> web.StreamResponse:
        sent = await self._sent(request)
        return await self._change(request, lambda: self._orders.create(sent), self._created)

    def _created(self, order: Order) -> dict[str, Any]:
        view = order_view(order, self._merchant)
        return {**view, "package": order.package} if order.package else view

    async def _order(self, request: web.Request) -> web.StreamResponse:
        self._check(request.query, "service_id", "appid")
        number = request.query.get("out_order_no", "")
        return answer(self._order_view(await self._run(lambda: self._orders.order(number))))

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        sent, number = await self._sent(request), request.match_info["number"]
        return await self._change(request, lambda: self._orders.complete(number, sent), self._order_view)

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        await self._sent(request)
        number = request.match_info["number"]
        named = {**self._merchant, "out_order_no": number}
        return await self._change(request, lambda: self._orders.cancel(number), lambda _: named)

    async def _ask_permission(self, request: web.Request) -> web.StreamResponse:
        sent = await self._sent(request)

        def work() -> Permission:
            self._orders.ask_permission(sent["authorization_code"], sent["notify_url"])
            return self._orders.permission(sent["authorization_code"])

        token = {"apply_permissions_token": secrets.token_urlsafe(32)}
        return await self._change(request, work, lambda _: token)

    async def _permission(self, request: web.Request) -> web.StreamResponse:
        self._check(request.query, "service_id")
        code = request.match_info["code"]
        found = await self._run(lambda: self._orders.permission(code))
        return answer(permission_view(found, self._merchant))

    async def _refund(self, request: web.Request) -> web.StreamResponse:
        sent = _object(await request.read())
        return await self._change(request, lambda: self._refunds.refund(sent), self._refund_view)

    async def _refund_found(self, request: web.Request) -> web.StreamResponse:
        number = request.match_info["number"]
        return answer(self._refund_view(await self._run(lambda: self._refunds.found(number))))

    async def _bill(self, request: web.Request) -> web.StreamResponse:
        day = date.fromisoformat(request.query["bill_date"])
        bill = await self._run(lambda: bill_of(self._store, day, self._clock(), self._merchant))
        token = secrets.token_urlsafe(16)
        self._bills[token] = zipped(bill)
        if len(self._bills) > _REMEMBERED:
            self._bills.popitem(last=False)
        url = f"{request.scheme}://{request.host}/v3/billdownload/file?token={token}"
        hashed = hashlib.sha1(bill, usedforsecurity=False).hexdigest()
        return answer({"hash_type": "SHA1", "hash_value": hashed, "download_url": url})

    async def _download(self, request: web.Request) -> web.StreamResponse:
        bill = self._bills.get(request.query.get("token", ""))
        if bill is None:
            raise ApiError(400, "PARAM_ERROR", "no such token")
        return web.Response(body=bill, content_type="application/octet-stream")

    async def _change_script(self, request: web.Request) -> web.StreamResponse:
        self._script.change(_object(await request.read()))
        return answer({})

    async def _act(self, request: web.Request) -> web.StreamResponse:
        wanted = _object(await request.read())
        await self._renters.act(wanted["about"], wanted["does"])
        return answer({})

    async def _tell_again(self, _: web.Request) -> web.StreamResponse:
        await self._renters.tell_again()
        return answer({})

    async def _change(
        self,
        request: web.Request,
        work: Callable[[], Any],
        view: Callable[[Any], dict[str, Any]],
    ) -> web.StreamResponse:
        """A call that changes something, as the script has it: refused, lost before or after, late, or prompt."""
        answers, refuses = self._script.answers, self._script.refuses
        if refuses:
            raise ApiError(STATUSES[refuses], refuses, "as scripted")
        if answers == "lost_before":
            return await never_answer(request)
        done: Order | Permission | Refund = await self._run(lambda: _complete_or_refused(work))
        said = view(done)
        self._renters.heed(done)
        if answers == "lost_after":
            return await never_answer(request)
        if answers == "late":
            await wait_until_closing(request, self._late)
        return answer(said)

    async def _sent(self, request: web.Request) -> Mapping[str, Any]:
        sent = _object(await request.read())
        self._check(sent, "service_id", "appid")
        return sent

    def _check(self, sent: Mapping[str, Any], *names: str) -> None:
        if any(sent.get(name) != self._merchant[name] for name in names):
            raise ApiError(400, "PARAM_ERROR", f"{' and '.join(names)} of this merchant")

    def _order_view(self, order: Order) -> dict[str, Any]:
        return order_view(order, self._merchant)

    def _refund_view(self, refund: Refund) -> dict[str, Any]:
        order = self._store.order_paid_by(refund.transaction_id)
        return refund_view(refund, order) if order else {}


def _complete_or_refused(work: Callable[[], Any]) -> Any:
    """What is missing or of another type shows before anything is written."""
    try:
        return work()
    except (KeyError, TypeError):
        raise ApiError(400, "PARAM_ERROR", "a field is missing, or of another type") from None


def _object(body: bytes) -> dict[str, Any]:
    try:
        sent = json.loads(body)
    except ValueError:
        raise ApiError(400, "PARAM_ERROR", "the body is not JSON") from None
    if not isinstance(sent, dict):
        raise ApiError(400, "PARAM_ERROR", "the body is not an object")
    return sent
