"""The stand-in's HTTP calls: the gateway, the renter's phone, bills, and the books for tests."""

from __future__ import annotations

from aiohttp import web

from services.sandbox.alipay.gateway import Gateway, parameters_of
from services.sandbox.alipay.payers import Delivery
from services.sandbox.alipay.protocol import GatewayError, Node, Signatures, checked
from services.sandbox.hosting import answer, wait_until_closing


class Routes:
    """The handlers; `late_seconds` is how long a late answer takes."""

    def __init__(self, gateway: Gateway, signatures: Signatures, app_id: str, late_seconds: float) -> None:
        self._gateway, self._signatures, self._app_id = gateway, signatures, app_id
        self._late_seconds = late_seconds

    def table(self) -> list[web.RouteDef]:
        """Every call there is."""
        return [
            web.post("/gateway.do", self._call),
            web.post("/_sandbox/cashier", self._confirm),
            web.get("/bills", self._download),
            web.get("/_sandbox/books", self._show),
        ]

    async def _call(self, request: web.Request) -> web.Response:
        form = await request.post()
        parameters = {**request.query, **{name: str(value) for name, value in form.items()}}
        method = parameters.get("method", "error")
        try:
            content = checked(parameters, self._app_id, self._signatures)
            base_url = f"{request.scheme}://{request.host}"
            outcome = await self._gateway.call(method, content, parameters.get("notify_url", ""), base_url)
        except GatewayError as refused:
            return self._signed(method, {"code": refused.code, "msg": "Invalid", "sub_code": refused.sub_code})
        if outcome.delivery in (Delivery.LOST, Delivery.UNHEARD) and request.transport is not None:
            request.transport.abort()
        if outcome.delivery is Delivery.LATE:
            await wait_until_closing(request, self._late_seconds)
        return self._signed(method, outcome.node)

    async def _confirm(self, request: web.Request) -> web.Response:
        """The renter's app hands an order string to Alipay's, where a payer of the table is logged in."""
        form = await request.post()
        order = parameters_of(str(form.get("order_string", "")))
        try:
            content = checked(order, self._app_id, self._signatures)
            return answer({"resultStatus": await self._gateway.confirm(order, content, str(form.get("payer", "")))})
        except GatewayError as refused:
            return answer({"resultStatus": "4000", "memo": refused.sub_code})

    async def _download(self, request: web.Request) -> web.Response:
        content = self._gateway.download(request.query.get("token", ""))
        return web.Response(body=content, status=200 if content else 404, content_type="application/zip")

    async def _show(self, _: web.Request) -> web.Response:
        return answer(await self._gateway.everything())

    def _signed(self, method: str, node: Node) -> web.Response:
        body = self._signatures.answer(method, node)
        return web.Response(text=body, content_type="text/html", charset="utf-8")
