"""One stand-in as one process: its arguments, its bearer secret, its errors as JSON, its ready line and its end.

Nothing that a request carries reaches a log: access logs are off (a URL could leak), libraries' loggers are off (an
exception's text could leak), and an unforeseen error is told by its class and place only.
"""

from __future__ import annotations

import argparse
import asyncio
import hmac
import json
import logging
import signal
import stat
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from pathlib import Path

import uvloop
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

CLOSING = web.AppKey("closing", asyncio.Event)
_LARGEST_BODY = 16 * 1024
_KEEP_IDLE_CONNECTIONS_SECONDS = 3600
_OPEN_PATH = "/healthz"


class ApiError(Exception):
    """A refusal as the caller sees it: an HTTP status, a code to act on, a message that repeats no value sent."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


class CannotStart(Exception):
    """Why the process ends before it is ready, in words for whoever started it."""


def arguments(name: str, description: str) -> argparse.ArgumentParser:
    """The arguments that every stand-in has; one with more of its own adds them."""
    parser = argparse.ArgumentParser(prog=f"python -m services.sandbox.{name}", description=description)
    parser.add_argument("--port", type=int, required=True, help="on 127.0.0.1; 0 takes a free one, see the ready line")
    parser.add_argument("--home", type=Path, required=True, help="folder for what outlives the process")
    parser.add_argument("--secret-file", type=Path, required=True, help="holds the bearer secret; mode 0600")
    return parser


def host(
    name: str,
    options: argparse.Namespace,
    routes: Iterable[web.AbstractRouteDef],
    *,
    drain_seconds: float = 5.0,
    beside: Callable[[web.Application], AsyncIterator[None]] | None = None,
    guards: Callable[[bytes], Sequence[Middleware]] | None = None,
) -> int:
    """Serve until SIGTERM or SIGINT, finish what is under way within `drain_seconds`, and give the exit status.

    `beside` is what runs beside the server, as an aiohttp cleanup context. `guards` makes of the secret what stands in
    front of every call, where callers are not known by a bearer secret.
    """
    logging.disable(logging.CRITICAL)
    try:
        secret = _secret(options.secret_file)
        middlewares = guards(secret) if guards else [guarded(name, bearer(secret), _refusal)]
        app = web.Application(middlewares=middlewares, client_max_size=_LARGEST_BODY)
        if beside is not None:
            app.cleanup_ctx.append(beside)
        app.add_routes([web.get(_OPEN_PATH, _healthz), *routes])
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(name, app, options.port, drain_seconds))
    except CannotStart as reason:
        tell(f"{name}: {reason}")
        return 1
    return 0


def tell(line: str) -> None:
    """One line for whoever started the process."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def answer(body: object, status: int = 200) -> web.Response:
    """A JSON answer; a `str` is JSON already."""
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    return web.Response(body=text.encode(), status=status, content_type="application/json")


async def wait_until_closing(request: web.Request, seconds: float | None = None) -> None:
    """Wait for the process to drain, at most `seconds`; a client that goes away ends the wait too."""
    try:
        async with asyncio.timeout(seconds):
            await request.app[CLOSING].wait()
    except TimeoutError:
        return


async def never_answer(request: web.Request) -> web.Response:
    """Leave the client without an answer: silence while the process lives, a broken connection when it ends."""
    await wait_until_closing(request)
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=503)


async def _serve(name: str, app: web.Application, port: int, drain_seconds: float) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    app[CLOSING] = asyncio.Event()
    app.on_shutdown.append(_close)
    runner = web.AppRunner(
        app,
        access_log=None,
        handler_cancellation=True,
        keepalive_timeout=_KEEP_IDLE_CONNECTIONS_SECONDS,
        shutdown_timeout=drain_seconds,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
        tell(f"{name} ready on http://127.0.0.1:{runner.addresses[0][1]}")
        await stop.wait()
    except OSError as error:
        raise CannotStart(f"cannot listen on 127.0.0.1:{port}: {error.strerror}") from None
    finally:
        await runner.cleanup()


async def _close(app: web.Application) -> None:
    app[CLOSING].set()


async def _healthz(_: web.Request) -> web.Response:
    return answer({"status": "ok"})


def _secret(path: Path) -> bytes:
    try:
        secret, mode = path.read_bytes().strip(), path.stat().st_mode
    except OSError as error:
        raise CannotStart(f"cannot read the secret file: {error.strerror}") from None
    if not secret:
        raise CannotStart("the secret file is empty")
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise CannotStart("the secret file is open to others: chmod 600")
    return secret


def bearer(secret: bytes) -> Callable[[web.Request], Awaitable[None]]:
    """Admits who shows the bearer secret."""
    expected = b"Bearer " + secret

    async def admit(request: web.Request) -> None:
        shown = request.headers.get("Authorization", "").encode(errors="surrogateescape")
        if not hmac.compare_digest(shown, expected):
            raise ApiError(401, "unauthorized", "send Authorization: Bearer with the secret")

    return admit


def guarded(
    name: str, admit: Callable[[web.Request], Awaitable[None]], refusal: Callable[[ApiError], web.Response]
) -> Middleware:
    """Has every call but the health check admitted, and every failure answered as a refusal."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            if request.path != _OPEN_PATH:
                await admit(request)
            return await handler(request)
        except ApiError as refused:
            return refusal(refused)
        except web.HTTPException as refused:
            return refusal(ApiError(refused.status, refused.reason.lower().replace(" ", "_"), refused.reason))
        except Exception as error:
            tell(f"{name}: {type(error).__name__} at {_place(error)}")
            return refusal(ApiError(500, "internal_error", "nothing is known to have happened; ask, then repeat"))

    return guard


def _refusal(error: ApiError) -> web.Response:
    return answer({"error": {"code": error.code, "message": error.message}}, error.status)


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "unknown" if trace is None else f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
