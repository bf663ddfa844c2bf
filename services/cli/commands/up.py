"""`freehold up`: everything on this machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from services.cli.api import Api
from services.cli.clocks import open_clock
from services.cli.commands.options import HOME, PORT_BASE, HomeOption, PortBaseOption, told
from services.cli.home import Home, Ports
from services.cli.house import House
from services.cli.ready import write_ready
from services.cli.seeding import CAST, City, open_city
from services.cli.seeding.inbox import Inbox

BIKES = 60


def up(
    home: HomeOption = HOME,
    port_base: PortBaseOption = PORT_BASE,
    ready_file: Annotated[Path | None, typer.Option(help="Write addresses and credentials here when ready.")] = None,
    clock_scale: Annotated[float, typer.Option(min=1, max=100_000, help="How fast business time runs.")] = 1.0,
    demo: Annotated[bool, typer.Option(help="Make a demo partner with bikes and test people.")] = True,
    tls: Annotated[bool, typer.Option("--tls", help="Let the public doors speak TLS.")] = False,
) -> None:
    """Start PostgreSQL, the stand-ins and the four services, and keep them running until Ctrl-C."""
    console, own = Console(highlight=False), Home(home)

    def work() -> int:
        own.prepare()
        Ports(port_base).require_free()
        clock = open_clock(own.clock_file, clock_scale)
        house = House(own, Ports(port_base), clock, lambda line: console.print(line, markup=False), public_tls=tls)
        ready_files = [file for file in (own.ready_file, ready_file) if file is not None]
        return asyncio.run(_up(console, house, demo, ready_files))

    told(work)


async def _up(console: Console, house: House, demo: bool, ready_files: list[Path]) -> int:
    stopped = _stop_signal()
    written: list[Path] = []
    try:
        if await _unless(stopped, _open(console, house, demo, ready_files, written)):
            await stopped.wait()
        console.print("draining …")
    finally:
        for file in written:
            file.unlink(missing_ok=True)
        await house.stop()
    console.print("stopped")
    return 0


async def _open(console: Console, house: House, demo: bool, ready_files: list[Path], written: list[Path]) -> None:
    """Starts everything and says so; what a copy did not write, it does not remove."""
    await house.start()
    city = await _city(house) if demo else None
    for file in ready_files:
        written.append(file)
        write_ready(file, house, city)
    _greet(console, house)


async def _city(house: House) -> City:
    secret = house.home.sandbox_secret.read_text(encoding="utf-8").strip()
    inbox = Inbox(house.ports.stand_in_url("carrier"), secret)
    try:
        addresses = {name: doors["public"] for name, doors in house.addresses().items()}
        async with Api(addresses, authority=house.public_authority) as api:
            return await open_city(api, inbox, house.home, house.clock, CAST, BIKES)
    finally:
        await inbox.close()


def _stop_signal() -> asyncio.Event:
    stopped = asyncio.Event()
    for sent in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sent, stopped.set)
    return stopped


async def _unless(stopped: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Does the work, and gives it up when the signal comes first; answers whether it was done."""
    working, waiting = asyncio.create_task(work), asyncio.create_task(stopped.wait())
    await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if working.done():
        await working
        return True
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    return False


def _greet(console: Console, house: House) -> None:
    table = Table("service", "public", "internal (mTLS)", "health", "metrics (HTTP)", box=None, pad_edge=False)
    for service, doors in house.addresses().items():
        table.add_row(service, *doors.values())
    console.print("freehold is up:")
    console.print(table)
    console.print(f"Credentials of the demo partner and its people: {house.home.ready_file}", soft_wrap=True)
    console.print(f"Logs: {house.home.logs}", soft_wrap=True)
    console.print("Ctrl-C drains everything.")
