"""Webhooks: each event is posted, signed as Stripe signs, until it is taken. What time brings happens beside that."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hmac
import json
import time
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import aiohttp
from aiohttp import web

from services.sandbox.processor.journal import Journal
from services.sandbox.stripe.book import Book

_LOOK_SECONDS = 0.1
_ANSWER_SECONDS = aiohttp.ClientTimeout(total=2)

Json = dict[str, Any]


class Events:
    """Sends what the book has to tell. `notify_url` is empty when nobody is to be told."""

    def __init__(self, book: Book, journal: Journal, notify_url: str, secret: bytes) -> None:
        self._book, self._journal, self._notify_url, self._secret = book, journal, notify_url, secret

    async def run(self, _: web.Application) -> AsyncIterator[None]:
        """Beside the server, while it lives."""
        task = asyncio.create_task(self._tell_all())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def _tell_all(self) -> None:
        async with aiohttp.ClientSession(timeout=_ANSWER_SECONDS) as session:
            while True:
                for event in await self._journal.run(self._book.happen):
                    if await self._send(session, event):
                        await self._journal.run(functools.partial(self._book.told, event))
                await asyncio.sleep(_LOOK_SECONDS)

    async def _send(self, session: aiohttp.ClientSession, event: Json) -> bool:
        body = json.dumps(event, indent=2)
        headers = {"Stripe-Signature": signature(body, self._secret), "Content-Type": "application/json; charset=utf-8"}
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with session.post(self._notify_url, data=body.encode(), headers=headers) as response:
                return response.status == 200
        return False


def signature(body: str, secret: bytes) -> str:
    """The header `Stripe-Signature`: HMAC-SHA-256 of the moment and the body."""
    moment = int(time.time())
    return f"t={moment},v1={hmac.new(secret, f'{moment}.{body}'.encode(), sha256).hexdigest()}"
