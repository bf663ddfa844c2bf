"""Start Stripe's stand-in: `python -m services.sandbox.stripe --help`."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from importlib.resources import files
from pathlib import Path

from services.sandbox.clock import clock_arguments, clock_from
from services.sandbox.hosting import arguments, host, tell
from services.sandbox.processor.journal import Journal
from services.sandbox.stripe.book import Book
from services.sandbox.stripe.events import Events
from services.sandbox.stripe.payments import HOLD_SECONDS
from services.sandbox.stripe.routes import Routes
from services.sandbox.stripe.store import Store


def main() -> int:
    """Run until SIGTERM; 1 when it cannot start."""
    parser = arguments("stripe", "Stand-in for Stripe's API. The secret is the API key.")
    parser.add_argument("--late-seconds", type=float, default=3.0, help="how late a late answer or refund is (3)")
    parser.add_argument("--hold-seconds", type=int, default=HOLD_SECONDS, help="how long a card is held (7 days)")
    parser.add_argument("--notify-url", default="", help="the webhook endpoint (none)")
    parser.add_argument("--notify-secret-file", type=Path, help="holds the endpoint's signing secret")
    clock_arguments(parser)
    options = parser.parse_args()
    clock = clock_from(parser, options)
    if options.notify_url and options.notify_secret_file is None:
        parser.error("--notify-url needs --notify-secret-file")
    try:
        journal = _open(options.home)
        secret = options.notify_secret_file.read_bytes().strip() if options.notify_secret_file else b""
    except (OSError, sqlite3.Error) as error:
        tell(f"stripe: cannot start: {error}")
        return 1
    with closing(journal):
        store = Store(journal.connection)
        book = Book(store, clock, options.hold_seconds, options.late_seconds, bool(options.notify_url))
        events = Events(book, journal, options.notify_url, secret)
        return host("stripe", options, Routes(book, store, journal, options.late_seconds).table(), beside=events.run)


def _open(home: Path) -> Journal:
    os.umask(0o077)
    home.mkdir(parents=True, exist_ok=True)
    return Journal(home / "stripe.sqlite3", files(__package__).joinpath("schema.sql").read_text("utf-8"))


if __name__ == "__main__":
    sys.exit(main())
