"""Renters who have to confirm: after a while they do, and whoever asked is told by a signed webhook.

A notice is signed after Standard Webhooks; it says which idempotency key has news and nothing else.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp
from aiohttp import web
from standardwebhooks import Webhook

from services.sandbox.processor.operations import Operations
from services.values.ids import new_id

_ANSWER_SECONDS = aiohttp.ClientTimeout(total=2)


class Confirmations:
    """Confirms what is pending, `late_seconds` after it was seen. `notify_url` is empty when nobody is to be told."""

    def __init__(self, operations: Operations, late_seconds: float, notify_url: str, secret: bytes) -> None:
        self._operations, self._late_seconds, self._notify_url = operations, late_seconds, notify_url
        self._webhook = Webhook(base64.b64encode(secret).decode())
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Something may be pending."""
        self._news.set()

    async def run(self, _: web.Application) -> AsyncIterator[None]:
        """Beside the server, while it lives."""
        self.wake()
        task = asyncio.create_task(self._confirm_all())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def _confirm_all(self) -> None:
        async with aiohttp.ClientSession(timeout=_ANSWER_SECONDS) as session:
            while True:
                await self._news.wait()
                self._news.clear()
                pending = await self._operations.pending()
                if pending:
                    await asyncio.sleep(self._late_seconds)
                    self.wake()
                for authorization in pending:
                    await self._tell(session, await self._operations.confirm(authorization))

    async def _tell(self, session: aiohttp.ClientSession, key: str) -> None:
        if not self._notify_url:
            return
        body, notice_id, now = json.dumps({"idempotency_key": key}), new_id("ntc"), datetime.now(UTC)
        headers = {
            "webhook-id": notice_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._webhook.sign(notice_id, now, body),
            "content-type": "application/json",
        }
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with session.post(self._notify_url, data=body, headers=headers):
                return
