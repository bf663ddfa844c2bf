"""Closed loops: so many callers, each of which asks again as soon as it is answered; and pgbench beside them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.houses import House
from benchmarks.yardstick import Measured, pgbench
from services.cli.ready import Ready

PGBENCH_CLIENTS = 16


@dataclass
class Load:
    """What a closed loop did: answers, and how long each call took (seconds)."""

    items: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    def figure(self) -> dict[str, float]:
        """Items per second and latencies of a call, in milliseconds."""
        ordered = sorted(self.latencies)
        p50, p99 = (ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 for share in (0.5, 0.99))
        return {"per_second": round(self.items / self.seconds, 1), "p50_ms": round(p50, 2), "p99_ms": round(p99, 2)}


async def closed_loop(call: Callable[[], Awaitable[int]], in_flight: int, seconds: float) -> Load:
    """`call` answers how many items it was about."""
    load, began = Load(), time.perf_counter()

    async def caller() -> None:
        while (asked := time.perf_counter()) < began + seconds:
            done = await call()
            load.items += done
            load.latencies.append(time.perf_counter() - asked)

    await asyncio.gather(*(caller() for _ in range(in_flight)))
    load.seconds = time.perf_counter() - began
    return load


async def raw_database(ready: Ready, house: House, script: Any, seconds: float) -> Measured:
    """The same rows by pgbench, one statement an item."""
    return await pgbench(
        ready.home.path,
        "yardstick",
        house.names.partner_id,
        clients=PGBENCH_CLIENTS,
        base=0,
        seconds=max(1, round(seconds)),
        script=script,
    )
