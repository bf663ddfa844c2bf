"""A stand-in's clock: the wall's, or one that runs faster when the whole house runs on a virtual clock.

An authorization lapses by this clock, and a report is dated by it, so it must be the one by which others read that.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime

ClockMs = Callable[[], int]


def wall_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def clock_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of a stand-in that has a clock; `clock_from` reads them."""
    parser.add_argument("--clock-scale", type=float, default=1.0, help="how fast business time runs (1)")
    parser.add_argument("--clock-epoch-real", type=_moment, help="with the next: where the clocks met")
    parser.add_argument("--clock-epoch-virtual", type=_moment, help="business time at that moment")


def clock_from(parser: argparse.ArgumentParser, options: argparse.Namespace) -> ClockMs:
    """The clock that was asked for; ends the process when half of it was."""
    if (options.clock_epoch_real is None) != (options.clock_epoch_virtual is None):
        parser.error("--clock-epoch-real and --clock-epoch-virtual come together")
    return clock_of(options.clock_scale, options.clock_epoch_real, options.clock_epoch_virtual)


def clock_of(scale: float, epoch_real: datetime | None, epoch_virtual: datetime | None) -> ClockMs:
    """`epoch_virtual` plus `scale` times what has passed since `epoch_real`; without epochs, the wall's clock."""
    if epoch_real is None or epoch_virtual is None:
        return wall_ms
    real_ms, virtual_ms = _ms(epoch_real), _ms(epoch_virtual)
    return lambda: virtual_ms + round((wall_ms() - real_ms) * scale)


def written(ms: int) -> str:
    """RFC 3339 in UTC with milliseconds, for example 2026-11-23T12:00:00.000Z."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("without an offset from UTC")
    return moment


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
