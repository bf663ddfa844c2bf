"""A house in processes of its own, for whoever needs one for a while: `freehold up`, until the block ends."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from services.cli.children import DRAIN_SECONDS, ChildError, die_with
from services.cli.home import Home
from services.cli.ready import Ready, read_ready

START_SECONDS = 150.0


@asynccontextmanager
async def running_house(
    home: Home, port_base: int, *, clock_scale: float, demo: bool, public_tls: bool = False
) -> AsyncIterator[Ready]:
    """Runs `freehold up` and gives its ready file; drains it at the end.

    Raises:
        ChildError: it did not start; the message shows what it said.
    """
    home.path.mkdir(parents=True, exist_ok=True)
    said = home.path / "up.log"
    home.ready_file.unlink(missing_ok=True)
    options = [
        "--clock-scale",
        repr(clock_scale),
        "--demo" if demo else "--no-demo",
        *(["--tls"] if public_tls else []),
    ]
    process = await _start(home, port_base, options, said)
    try:
        await _await_ready(process, home, said)
        yield read_ready(home.ready_file)
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 2 * DRAIN_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _start(home: Home, port_base: int, options: list[str], said: Path) -> asyncio.subprocess.Process:
    parent = os.getpid()
    arguments = ["up", "--home", str(home.path), "--port-base", str(port_base), *options]
    with said.open("wb") as output:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "services.cli", *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=lambda: die_with(parent),
        )


async def _await_ready(process: asyncio.subprocess.Process, home: Home, said: Path) -> None:
    ends = time.monotonic() + START_SECONDS
    while not home.ready_file.exists():
        if process.returncode is not None:
            raise ChildError(f"freehold up did not start:\n{_words(said)}")
        if time.monotonic() > ends:
            raise ChildError(f"freehold up was not ready after {START_SECONDS:.0f} s; see {said}")
        await asyncio.sleep(0.05)


def _words(said: Path) -> str:
    return said.read_text(errors="replace").strip()
