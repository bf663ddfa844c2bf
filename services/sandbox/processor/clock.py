"""The processor's clock: the wall's, or one that runs faster when the whole house runs on a virtual clock.

An authorization lapses by this clock, so it must be the one by which its holders read `expires_at`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

ClockMs = Callable[[], int]


def wall_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def clock_of(scale: float, epoch_real: datetime | None, epoch_virtual: datetime | None) -> ClockMs:
    """`epoch_virtual` plus `scale` times what has passed since `epoch_real`; without epochs, the wall's clock."""
    if epoch_real is None or epoch_virtual is None:
        return wall_ms
    real_ms, virtual_ms = _ms(epoch_real), _ms(epoch_virtual)
    return lambda: virtual_ms + round((wall_ms() - real_ms) * scale)


def written(ms: int) -> str:
    """RFC 3339 in UTC with milliseconds, for example 2026-11-23T12:00:00.000Z."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
