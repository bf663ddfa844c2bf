"""Time passes: payers decide, amounts lapse, and whoever asked is told by signed notices until it says success."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp
from aiohttp import web

from services.sandbox.alipay.gateway import Gateway
from services.sandbox.alipay.numbers import Told
from services.sandbox.alipay.protocol import Signatures, joined, written
from services.values.ids import new_id

_TICK_SECONDS = 0.05
_ANSWER_SECONDS = aiohttp.ClientTimeout(total=2)
_TRIES, _PAUSE_SECONDS = 3, 0.2


class Notices:
    """Sends notices for one app, each `copies` times: Alipay repeats one whose answer it missed."""

    def __init__(self, gateway: Gateway, signatures: Signatures, app_id: str, copies: int) -> None:
        self._gateway, self._signatures, self._app_id, self._copies = gateway, signatures, app_id, copies

    async def run(self, _: web.Application) -> AsyncIterator[None]:
        """Beside the server, while it lives."""
        task = asyncio.create_task(self._tick())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def _tick(self) -> None:
        async with aiohttp.ClientSession(timeout=_ANSWER_SECONDS) as session, asyncio.TaskGroup() as sending:
            while True:
                for told in await self._gateway.pass_time():
                    sending.create_task(self._send(session, told))
                await asyncio.sleep(_TICK_SECONDS)

    async def _send(self, session: aiohttp.ClientSession, told: Told) -> None:
        url, _ = told
        form = self._form(told)
        for _ in range(self._copies):
            for _ in range(_TRIES):
                if await _post(session, url, form) == "success":
                    break
                await asyncio.sleep(_PAUSE_SECONDS)

    def _form(self, told: Told) -> dict[str, str]:
        form = {name: str(value) for name, value in told[1].items()} | {
            "notify_id": new_id("ntc"),
            "notify_time": written(round(datetime.now(UTC).timestamp() * 1000)),
            "app_id": self._app_id,
            "auth_app_id": self._app_id,
            "charset": "utf-8",
            "version": "1.0",
            "sign_type": "RSA2",
        }
        return form | {"sign": self._signatures.sign(joined(form, ("sign_type",)))}


async def _post(session: aiohttp.ClientSession, url: str, form: dict[str, str]) -> str:
    try:
        async with session.post(url, data=form) as response:
            return await response.text()
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return ""
