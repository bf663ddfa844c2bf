"""Start the stand-in for WeChat Pay Score: `python -m services.sandbox.wechat --help`."""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from importlib.resources import files
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from services.sandbox.clock import clock_arguments, clock_from
from services.sandbox.hosting import ApiError, CannotStart, answer, arguments, bearer, guarded, host, tell
from services.sandbox.processor.journal import Journal
from services.sandbox.wechat.orders import Orders
from services.sandbox.wechat.refunds import Refunds
from services.sandbox.wechat.renters import Renters
from services.sandbox.wechat.routes import Routes
from services.sandbox.wechat.script import Script
from services.sandbox.wechat.signatures import Keys
from services.sandbox.wechat.store import Store

_OURS = "/_sandbox/"
_UNSIGNED = "/v3/billdownload/"


def main() -> int:
    """Run until SIGTERM; 1 when it cannot start."""
    parser = arguments("wechat", "Stand-in for WeChat Pay Score. The secret is the APIv3 key, 32 bytes.")
    parser.add_argument("--keys", type=Path, required=True, help="platform_key.pem, platform_key_id, merchant's key")
    parser.add_argument("--merchant", required=True, help="MERCHANT_ID:APP_ID:SERVICE_ID:CERTIFICATE_SERIAL")
    parser.add_argument("--risk-fund-limit", type=int, default=100_000, help="largest risk fund, in fen (100000)")
    parser.add_argument("--late-seconds", type=float, default=3.0, help="when what comes later or late comes (3)")
    clock_arguments(parser)
    options = parser.parse_args()
    merchant_id, app_id, service_id, serial = options.merchant.split(":")
    merchant = {"mchid": merchant_id, "appid": app_id, "service_id": service_id}
    clock = clock_from(parser, options)
    try:
        keys = Keys.read(options.keys, merchant_id, serial)
        api_v3_key = options.secret_file.read_bytes().strip()
        journal = _open(options.home)
    except (CannotStart, OSError, sqlite3.Error) as error:
        tell(f"wechat: {error}")
        return 1
    with closing(journal):
        store, script = Store(journal.connection), Script()
        books = (store, Orders(store, clock, options.risk_fund_limit), Refunds(store, clock))
        renters = Renters(journal, books, script, keys, api_v3_key, merchant, options.late_seconds)
        routes = Routes(journal, books, renters, script, clock, merchant, options.late_seconds).table()
        return _serve(options, routes, keys, renters)


def _serve(options: argparse.Namespace, routes: list[web.RouteDef], keys: Keys, renters: Renters) -> int:
    def guards(api_v3_key: bytes) -> Sequence[Middleware]:
        return [_signing(keys), guarded("wechat", _admitting(keys, api_v3_key), _refusal)]

    return host("wechat", options, routes, beside=renters.beside, guards=guards)


def _signing(keys: Keys) -> Middleware:
    @web.middleware
    async def sign(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        if isinstance(response, web.Response) and not request.path.startswith(_UNSIGNED):
            response.headers.update(keys.sign(response.body if isinstance(response.body, bytes) else b""))
        return response

    return sign


def _admitting(keys: Keys, api_v3_key: bytes) -> Callable[[web.Request], Awaitable[None]]:
    """The merchant by its signature; whoever directs the stand-in by the secret."""
    directs = bearer(api_v3_key)

    async def admit(request: web.Request) -> None:
        if request.path.startswith(_OURS):
            await directs(request)
        else:
            signed = request.headers.get("Authorization", "")
            keys.check(request.method, request.raw_path, signed, await request.read())

    return admit


def _open(home: Path) -> Journal:
    os.umask(0o077)
    home.mkdir(parents=True, exist_ok=True)
    return Journal(home / "wechat.sqlite3", files(__package__).joinpath("schema.sql").read_text("utf-8"))


def _refusal(error: ApiError) -> web.Response:
    code = "SYSTEM_ERROR" if error.code == "internal_error" else error.code
    return answer({"code": code, "message": error.message}, error.status)


if __name__ == "__main__":
    sys.exit(main())
