"""A running house whose deposits service dies where a test wants it to, and is started again like any child.

    python tests/mortal_house.py HOME PORT-BASE CLOCK-SCALE

is `freehold up` with the mortal service and a second processor; `a_mortal_town` runs it and drives it.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import mortal_deposits
import psutil
from town import Town

from services.cli import children
from services.cli.api import Api
from services.cli.children import Child, Spec, die_with
from services.cli.clocks import open_clock
from services.cli.home import HOST, Home, Ports, free_port_base
from services.cli.house import House
from services.cli.processes import stand_in_spec
from services.cli.readiness import listens, service_is_ready
from services.cli.ready import Ready, read_ready, write_ready
from services.cli.seeding import open_city
from services.cli.seeding.inbox import Inbox

POLL_SECONDS, LOOK_SECONDS = 0.02, 0.1
AFTERWARDS_SECONDS = 6.0
"""What is carried out detached comes so long after its call at the latest."""
START_SECONDS, BACK_SECONDS, STOP_SECONDS = 120.0, 30.0, 60.0
SECOND_HOLDS_SECONDS = 23 * 3600
"""Business time after which what the second processor holds lapses: less than a day, so its holds are made anew."""
SECOND_PORT = 48
ENDING = "deposits ended (signal SIGKILL); starting it again"


class MortalHouse(House):
    """`freehold up`, with a mortal deposits service and a second processor."""

    async def start(self) -> None:
        self._second = Child(_second_processor(self), self._tell)
        await self._second.start()
        await super().start()
        await self._second.wait_until_ready()

    async def stop(self) -> None:
        await super().stop()
        await self._second.stop()

    def _service(self, name: str, dsn: str) -> Child:
        child = super()._service(name, dsn)
        if name != "deposits":
            return child
        mortal = (str(Path(mortal_deposits.__file__)), str(arms_of(self.home)), second_url(self.ports.base))
        return Child(replace(child.spec, arguments=mortal), self._tell)


def arms_of(home: Home) -> Path:
    """Where the moments are armed."""
    return home.path / "arms"


def second_url(port_base: int) -> str:
    """Where the second processor answers."""
    return f"http://{HOST}:{port_base + SECOND_PORT}"


def _second_processor(house: House) -> Spec:
    first, port = stand_in_spec("processor", house.home, house.ports, house.clock), house.ports.base + SECOND_PORT
    options = dict(zip(first.arguments[2::2], first.arguments[3::2], strict=True))
    options |= {"--port": str(port), "--home": str(house.home.path / "second"), "--notify-url": ""}
    options |= {"--authorization-seconds": str(SECOND_HOLDS_SECONDS)}
    return replace(
        first,
        name="second processor",
        arguments=(*first.arguments[:2], *itertools.chain(*options.items())),
        log=house.home.log_of("second"),
        is_ready=functools.partial(listens, HOST, port),
    )


class Scythe:
    """Has the deposits process of a running house die, one moment after the other, and waits until it is back."""

    def __init__(self, ready: Ready, said: Path, port_base: int) -> None:
        self._ready, self._said = ready, said
        self._arms, self._second_url = arms_of(ready.home), second_url(port_base)
        self._numbers = itertools.count()
        self._turn = asyncio.Lock()
        self.kills = 0

    async def dies(
        self, moment: str, renter_id: str, begin: Callable[[], asyncio.Task[Any]], within: float, *, alone: bool
    ) -> bool:
        """Begins something in which the process is to die when this renter's work comes to `moment`: whether it did.

        Args:
            within: how many seconds it is waited for that; fewer when what was begun has ended.
            alone: whether nobody else's moment may come meanwhile.
        """
        async with self._turn if alone else asyncio.Semaphore():
            arm = self._arms / f"{next(self._numbers)}.armed"
            fresh = arm.with_suffix(".new")
            fresh.write_text(json.dumps({"moment": moment, "renter_id": renter_id}), encoding="utf-8")
            fresh.rename(arm)
            died = await self._reached(arm, begin(), within)
            if died:
                (dead,) = self._arms.glob(f"{arm.stem}.*")
                await self._back(int(dead.suffix[1:]))
        return died

    async def _reached(self, arm: Path, acting: asyncio.Task[Any], within: float) -> bool:
        loop = asyncio.get_running_loop()
        ends = loop.time() + within

        def done(_: object) -> None:
            nonlocal ends
            ends = min(ends, loop.time() + AFTERWARDS_SECONDS)

        acting.add_done_callback(done)
        while arm.exists() and loop.time() < ends:
            await asyncio.sleep(POLL_SECONDS)
        try:
            arm.unlink()
        except FileNotFoundError:
            return True
        return False

    async def _back(self, dead: int) -> None:
        """Waits until the process of that id is gone and the next one serves."""
        self.kills += 1
        health = self._ready.services["deposits"]["health"]
        async with asyncio.timeout(BACK_SECONDS):
            while psutil.pid_exists(dead) or not await service_is_ready(health):
                await asyncio.sleep(LOOK_SECONDS)

    def endings(self) -> Counter[str]:
        """Which processes have ended, and how, as the house told it."""
        lines = self._said.read_text(encoding="utf-8", errors="replace").splitlines()
        return Counter(line for line in lines if " ended " in line)

    async def payments(self) -> list[dict[str, Any]]:
        """Both processors' own books, which know nothing of ours."""
        secret = self._ready.home.sandbox_secret.read_text(encoding="utf-8").strip()
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {secret}"}) as session:
            first = await _report(session, self._ready.sandbox["processor"])
            return first + await _report(session, self._second_url)


async def _report(session: aiohttp.ClientSession, url: str) -> list[dict[str, Any]]:
    payments: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        async with session.get(f"{url}/v1/report", params={"after": after}) as response:
            page = await response.json()
        payments += page["payments"]
        after = page["next_after"]
    return payments


@asynccontextmanager
async def a_mortal_town(
    folder: Path, clock_scale: float, patience_seconds: float
) -> AsyncIterator[tuple[Scythe, Town]]:
    """A mortal house with the demo's business and nobody in it."""
    home, base = Home(folder), free_port_base()
    home.path.mkdir(parents=True)
    arms_of(home).mkdir()
    said, parent = home.path / "up.log", os.getpid()
    with said.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, __file__, str(folder), str(base), str(clock_scale)),
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=lambda: die_with(parent),
        )
    try:
        async with asyncio.timeout(START_SECONDS):
            while not home.ready_file.exists():
                assert process.returncode is None, said.read_text(encoding="utf-8")
                await asyncio.sleep(POLL_SECONDS)
        ready = read_ready(home.ready_file)
        inbox = Inbox(ready.sandbox["carrier"], home.sandbox_secret.read_text(encoding="utf-8").strip())
        try:
            async with Api(ready.public, patience_seconds) as api:
                city = await open_city(api, inbox, home, ready.clock, (), 0)
                yield Scythe(ready, said, base), Town(replace(ready, city=city), api, inbox)
        finally:
            await inbox.close()
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def _run(house: House) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    try:
        await house.start()
        write_ready(house.home.ready_file, house, None)
        await stopped.wait()
    finally:
        await house.stop()


def main() -> int:
    """Runs the house until SIGTERM. A child that died is started again at once."""
    home, ports, scale = Home(Path(sys.argv[1])), Ports(int(sys.argv[2])), float(sys.argv[3])
    children.FIRST_PAUSE_SECONDS = children.LONGEST_PAUSE_SECONDS = POLL_SECONDS
    home.prepare()
    clock = open_clock(home.clock_file, scale)
    asyncio.run(_run(MortalHouse(home, ports, clock, _tell)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
