"""The door for processors' webhooks: POST /processors/{name}/notices, plain HTTP behind the ingress that ends TLS.

Whoever can post here can make us ask a processor once more, and nothing else: the notice's signature is checked, and
then it only hastens what is wanted anyway.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import structlog
from aiohttp import web
from opentelemetry import metrics

from services.deposits.domain import Notice, NoticeRejected
from services.deposits.operations.ports import Processor

log = structlog.get_logger(__name__)
_meter = metrics.get_meter("freehold")
_notices = _meter.create_counter("freehold.processor.notices", unit="{notice}", description="Webhooks of processors")
_LARGEST = 256 * 1024

Hasten = Callable[[str, Notice], Awaitable[None]]


class NoticeDoor:
    """Takes webhooks.

    Args:
        hasten: has what a notice of a processor is about looked at now.
    """

    def __init__(self, processors: Mapping[str, Processor], hasten: Hasten) -> None:
        self._processors = processors
        self._hasten = hasten
        self._runner: web.AppRunner | None = None

    async def open(self, host: str, port: int) -> None:
        """Listens; raises OSError when the port is taken."""
        app = web.Application(client_max_size=_LARGEST)
        app.add_routes([web.post("/processors/{name}/notices", self._take)])
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()

    async def close(self) -> None:
        """Finishes what is under way."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        processor = self._processors.get(name)
        if processor is None:
            return web.Response(status=404)
        headers = {key.lower(): value for key, value in request.headers.items()}
        try:
            notice = processor.read_notice(headers, await request.read())
        except NoticeRejected:
            _notices.add(1, {"processor": name, "outcome": "rejected"})
            log.warning("notice_rejected", processor=name)
            return web.Response(status=400)
        await self._hasten(name, notice)
        _notices.add(1, {"processor": name, "outcome": "taken"})
        return web.Response(body=notice.reply, content_type=notice.reply_type)
