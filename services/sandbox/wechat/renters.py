"""Renters, who do as the script says, and the notices that tell the merchant: signed and sealed.

Whatever a process leaves waiting when it dies is taken up by the next one. Notices that were lost are not sent again:
whoever misses one asks.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp import web

from services.sandbox.processor.journal import Journal
from services.sandbox.wechat.orders import Orders
from services.sandbox.wechat.refunds import Refunds
from services.sandbox.wechat.script import Script
from services.sandbox.wechat.signatures import Keys, seal
from services.sandbox.wechat.store import Order, Permission, Refund, Store
from services.sandbox.wechat.views import order_view, permission_view, refund_view

_ANSWER_SECONDS = aiohttp.ClientTimeout(total=2)
_REMEMBERED = 100


class Renters:
    """Everything that happens without a call of the merchant's."""

    def __init__(
        self,
        journal: Journal,
        books: tuple[Store, Orders, Refunds],
        script: Script,
        keys: Keys,
        api_v3_key: bytes,
        merchant: dict[str, str],
        late_seconds: float,
    ) -> None:
        self._run, self._script, self._keys = journal.run, script, keys
        self._store, self._orders, self._refunds = books
        self._api_v3_key, self._merchant, self._late = api_v3_key, merchant, late_seconds
        self._tasks: set[asyncio.Task[None]] = set()
        self._sent: deque[tuple[str, bytes]] = deque(maxlen=_REMEMBERED)
        self._session: aiohttp.ClientSession | None = None

    async def beside(self, _: web.Application) -> AsyncIterator[None]:
        """Beside the server, while it lives."""
        async with aiohttp.ClientSession(timeout=_ANSWER_SECONDS) as session:
            self._session = session
            for order in self._store.waiting_orders():
                self.heed(order)
            for permission in self._store.waiting_permissions():
                self.heed(permission)
            yield
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def heed(self, news: Order | Permission | Refund) -> None:
        """Something waits for a renter, or for a bank."""
        if isinstance(news, Refund):
            if news.status == "PROCESSING" and self._script.refunds != "never":
                self._begin(news.out_refund_no, f"refund_{self._script.refunds}", "at_once")
        elif isinstance(news, Permission):
            if news.state == "UNBINDUSER":
                self._begin(news.authorization_code, "permit", self._script.permits)
        elif news.state == "CREATED":
            self._begin(news.out_order_no, "confirm", self._script.confirms)
        elif news.state == "DOING" and news.completed:
            self._begin(news.out_order_no, "pay", self._script.pays)

    async def act(self, about: str, does: str) -> None:
        """A renter does something now, and the merchant is told if that changed anything."""
        deeds: dict[str, Callable[[], Order | Permission | Refund | None]] = {
            "confirm": lambda: self._orders.confirm(about),
            "pay": lambda: self._orders.pay(about),
            "expire": lambda: self._orders.expire(about),
            "permit": lambda: self._orders.permit(about, "AVAILABLE"),
            "withdraw": lambda: self._orders.permit(about, "UNAVAILABLE"),
        }
        deed = deeds.get(does, lambda: self._refunds.arrive(about, does.removeprefix("refund_")))
        changed = await self._run(deed)
        if changed is not None and changed.notify_url:
            await self._tell(changed)

    async def tell_again(self) -> None:
        """Every notice once more, the newest first."""
        for url, body in reversed(list(self._sent)):
            await self._post(url, body)

    def _begin(self, about: str, does: str, when: str) -> None:
        if when == "never":
            return

        async def later() -> None:
            await asyncio.sleep(self._late if when == "later" else 0)
            await self.act(about, does)

        task = asyncio.create_task(later())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self, changed: Order | Permission | Refund) -> None:
        event, kind, resource = self._news(changed)
        if not event:
            return
        notice = {
            "id": secrets.token_hex(16),
            "create_time": datetime.now(UTC).isoformat(timespec="seconds"),
            "event_type": event,
            "resource_type": "encrypt-resource",
            "summary": event,
            "resource": seal(self._api_v3_key, kind, resource),
        }
        body = json.dumps(notice).encode()
        self._sent.append((changed.notify_url, body))
        for _ in range(self._script.notices):
            await self._post(changed.notify_url, body)

    def _news(self, changed: Order | Permission | Refund) -> tuple[str, str, Any]:
        if isinstance(changed, Refund):
            order = self._store.order_paid_by(changed.transaction_id)
            view = refund_view(changed, order) if order else {}
            return f"REFUND.{changed.status}", "refund", {**view, "refund_status": changed.status}
        if isinstance(changed, Permission):
            opened = "OPEN" if changed.state == "AVAILABLE" else "CLOSE"
            return f"PAYSCORE.USER_{opened}_SERVICE", "payscore", permission_view(changed, self._merchant)
        events = {"DOING": "PAYSCORE.USER_CONFIRM", "DONE": "PAYSCORE.USER_PAID"}
        return events.get(changed.state, ""), "payscore", order_view(changed, self._merchant)

    async def _post(self, url: str, body: bytes) -> None:
        headers = {"Content-Type": "application/json", **self._keys.sign(body)}
        if self._session is None:
            return
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with self._session.post(url, data=body, headers=headers):
                return
