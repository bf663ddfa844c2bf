"""Processes of a running house, and how they are killed: at random moments, without warning, while people ride."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import psutil

from services.cli.home import SERVICES
from services.cli.ready import Ready

MORTALS = (*SERVICES, "postgres", "processor")
"""Each service, the database, the processor."""
COMES_BACK_SECONDS = 60.0


@dataclass
class Deaths:
    """Who was killed, at which second of the day."""

    times: list[tuple[float, str]] = field(default_factory=list)


def process_of(ready: Ready, name: str) -> psutil.Process | None:
    """The process that is `name` right now; None while it is being started again."""
    for child in psutil.Process(ready.pids["supervisor"]).children():
        try:
            line = child.cmdline()
        except psutil.Error:
            continue
        if any(word == name or word.endswith((f".{name}", f"/{name}")) for word in line):
            return child
    return None


async def kill(ready: Ready, name: str) -> None:
    """SIGKILL to the process, as soon as there is one."""
    async with asyncio.timeout(COMES_BACK_SECONDS):
        while True:
            found = process_of(ready, name)
            if found is not None:
                found.kill()
                return
            await asyncio.sleep(0.05)


async def kill_at_random(ready: Ready, victims: Sequence[str], seconds: float, seed: int, deaths: Deaths) -> None:
    """Kills each of `victims` once, in random order, at random moments of the next `seconds`."""
    luck = random.Random(seed)
    order = luck.sample(list(victims), len(victims))
    moments = sorted(luck.uniform(0.05, 0.95) * seconds for _ in order)
    began = asyncio.get_running_loop().time()
    for moment, name in zip(moments, order, strict=True):
        await asyncio.sleep(max(0.0, began + moment - asyncio.get_running_loop().time()))
        await kill(ready, name)
        deaths.times.append((round(asyncio.get_running_loop().time() - began, 2), name))
