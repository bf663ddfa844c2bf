"""Start the payment processor's stand-in: `python -m services.sandbox.processor --help`."""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
from contextlib import closing
from datetime import datetime
from importlib.resources import files
from pathlib import Path

from services.sandbox.hosting import arguments, host, tell
from services.sandbox.processor.clock import clock_of
from services.sandbox.processor.journal import Journal
from services.sandbox.processor.operations import Operations
from services.sandbox.processor.routes import Routes

_WEEK_SECONDS = 7 * 24 * 3600


def main() -> int:
    """Run until SIGTERM; 1 when it cannot start."""
    options = _options()
    try:
        journal = _open(options.home)
    except (OSError, sqlite3.Error) as error:
        tell(f"processor: cannot use {options.home}: {error}")
        return 1
    with closing(journal):
        clock = clock_of(options.clock_scale, options.clock_epoch_real, options.clock_epoch_virtual)
        operations = Operations(journal, clock, round(options.authorization_seconds * 1000))
        routes = Routes(operations, options.late_seconds).table()
        return host("processor", options, routes)


def _options() -> argparse.Namespace:
    parser = arguments("processor", "Stand-in for a payment processor with manual capture.")
    parser.add_argument("--late-seconds", type=float, default=3.0, help="how late a late card answers (3)")
    parser.add_argument(
        "--authorization-seconds", type=float, default=_WEEK_SECONDS, help="how long an authorization holds (7 days)"
    )
    parser.add_argument("--clock-scale", type=float, default=1.0, help="how fast business time runs (1)")
    parser.add_argument("--clock-epoch-real", type=_moment, help="with the next: where the clocks met")
    parser.add_argument("--clock-epoch-virtual", type=_moment, help="business time at that moment")
    options = parser.parse_args()
    if (options.clock_epoch_real is None) != (options.clock_epoch_virtual is None):
        parser.error("--clock-epoch-real and --clock-epoch-virtual come together")
    return options


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("without an offset from UTC")
    return moment


def _open(home: Path) -> Journal:
    os.umask(0o077)
    home.mkdir(parents=True, exist_ok=True)
    return Journal(home / "processor.sqlite3", files(__package__).joinpath("schema.sql").read_text("utf-8"))


if __name__ == "__main__":
    sys.exit(main())
