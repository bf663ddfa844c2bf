"""Start Alipay's stand-in: `python -m services.sandbox.alipay --help`."""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from importlib.resources import files
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Middleware

from services.sandbox.alipay.freezing import Times
from services.sandbox.alipay.gateway import Gateway
from services.sandbox.alipay.notices import Notices
from services.sandbox.alipay.protocol import Signatures
from services.sandbox.alipay.routes import Routes
from services.sandbox.clock import clock_arguments, clock_from
from services.sandbox.hosting import ApiError, CannotStart, answer, arguments, bearer, guarded, host, tell
from services.sandbox.processor.journal import Journal

_OURS = "/_sandbox/"
_MONTH_SECONDS = 30 * 24 * 3600


def main() -> int:
    """Run until SIGTERM; 1 when it cannot start."""
    parser = arguments("alipay", "Stand-in for Alipay's fund authorization.")
    parser.add_argument("--app-id", required=True, help="the only app that may call")
    parser.add_argument("--app-public-key", type=Path, required=True, help="its public key, a PEM file")
    parser.add_argument("--late-seconds", type=float, default=3.0, help="how long late answers and payers take (3)")
    parser.add_argument(
        "--authorization-seconds", type=float, default=_MONTH_SECONDS, help="how long money stays frozen (30 days)"
    )
    parser.add_argument("--minute-seconds", type=float, default=60.0, help="a minute of the time to confirm (60)")
    parser.add_argument("--notice-copies", type=int, default=1, help="how often each notice is sent (1)")
    clock_arguments(parser)
    options = parser.parse_args()
    clock = clock_from(parser, options)
    try:
        journal = _open(options.home)
        with closing(journal):
            signatures = Signatures(options.home, options.app_public_key)
            seconds = (options.authorization_seconds, options.late_seconds, options.minute_seconds)
            times = Times(*(round(each * 1000) for each in seconds))
            return _host(options, Gateway(journal, clock, times), signatures)
    except (OSError, sqlite3.Error, CannotStart) as error:
        tell(f"alipay: cannot start with {options.home}: {error}")
        return 1


def _host(options: argparse.Namespace, gateway: Gateway, signatures: Signatures) -> int:
    routes = Routes(gateway, signatures, options.app_id, options.late_seconds).table()
    notices = Notices(gateway, signatures, options.app_id, options.notice_copies)
    return host("alipay", options, routes, beside=notices.run, guards=_guards)


def _guards(secret: bytes) -> Sequence[Middleware]:
    """A call of the gateway is let in by its signature, and a bill by its address; whoever directs, by the secret."""
    directs = bearer(secret)

    async def admit(request: web.Request) -> None:
        if request.path.startswith(_OURS):
            await directs(request)

    return [guarded("alipay", admit, _refusal)]


def _refusal(error: ApiError) -> web.Response:
    return answer({"error": {"code": error.code, "message": error.message}}, error.status)


def _open(home: Path) -> Journal:
    os.umask(0o077)
    home.mkdir(parents=True, exist_ok=True)
    return Journal(home / "alipay.sqlite3", files(__package__).joinpath("schema.sql").read_text("utf-8"))


if __name__ == "__main__":
    sys.exit(main())
