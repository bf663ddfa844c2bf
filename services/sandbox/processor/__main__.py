"""Start the payment processor's stand-in: `python -m services.sandbox.processor --help`."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from importlib.resources import files
from pathlib import Path

from services.sandbox.clock import clock_arguments, clock_from
from services.sandbox.hosting import arguments, host, tell
from services.sandbox.processor.confirmations import Confirmations
from services.sandbox.processor.journal import Journal
from services.sandbox.processor.operations import Operations
from services.sandbox.processor.routes import Routes

_WEEK_SECONDS = 7 * 24 * 3600


def main() -> int:
    """Run until SIGTERM; 1 when it cannot start."""
    parser = arguments("processor", "Stand-in for a payment processor with manual capture.")
    parser.add_argument("--late-seconds", type=float, default=3.0, help="how late a late card answers (3)")
    parser.add_argument(
        "--authorization-seconds", type=float, default=_WEEK_SECONDS, help="how long an authorization holds (7 days)"
    )
    parser.add_argument("--notify-url", default="", help="where webhooks go (nowhere)")
    clock_arguments(parser)
    options = parser.parse_args()
    clock = clock_from(parser, options)
    try:
        journal = _open(options.home)
    except (OSError, sqlite3.Error) as error:
        tell(f"processor: cannot use {options.home}: {error}")
        return 1
    with closing(journal):
        operations = Operations(journal, clock, round(options.authorization_seconds * 1000))
        secret = options.secret_file.read_bytes().strip() if options.secret_file.exists() else b""
        confirmations = Confirmations(operations, options.late_seconds, options.notify_url, secret)
        routes = Routes(operations, options.late_seconds, confirmations).table()
        return host("processor", options, routes, beside=confirmations.run)


def _open(home: Path) -> Journal:
    os.umask(0o077)
    home.mkdir(parents=True, exist_ok=True)
    return Journal(home / "processor.sqlite3", files(__package__).joinpath("schema.sql").read_text("utf-8"))


if __name__ == "__main__":
    sys.exit(main())
