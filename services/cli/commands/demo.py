"""`freehold demo`: a house of its own, a city, one day of rentals, and the books at the end."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from services.cli.api import Api
from services.cli.commands.options import told
from services.cli.commands.seed import seeded
from services.cli.databases import events_waiting, remove_home
from services.cli.home import Home, free_port_base
from services.cli.ready import Ready
from services.cli.replay import Closing, Day, Tally, close_day, rides_of_the_day
from services.cli.replay.display import follow
from services.cli.replay.report import as_json, findings, show
from services.cli.running import running_house
from services.cli.seeding import CAST, City, crowd

REGULARS, BIKES = 26, 60


def demo(
    show_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON on standard output.")] = False,
    one_in: Annotated[int, typer.Option(min=1, max=1000, help="Replay one in so many of the day's 4,576 rides.")] = 8,
    day_seconds: Annotated[float, typer.Option(min=5, max=3600, help="How long the day takes.")] = 40.0,
    keep: Annotated[bool, typer.Option(help="Keep the home afterwards.")] = False,
) -> None:
    """Replay one day of real bike-share demand through everything, in a throwaway home. Exits 0 if all is well."""
    told(lambda: _demo(show_json, one_in, 86_400 / day_seconds, keep))


def _demo(show_json: bool, one_in: int, scale: float, keep: bool) -> int:
    console = Console(stderr=show_json, highlight=False)
    home = Home(Path(tempfile.mkdtemp(prefix="freehold-demo-")))
    code = 1
    try:
        code = asyncio.run(_run(console, home, one_in, scale, show_json))
        return code
    finally:
        if keep or code != 0:
            console.print(f"kept: {home.path} (logs in {home.logs})", soft_wrap=True)
        else:
            remove_home(home)


async def _run(console: Console, home: Home, one_in: int, scale: float, show_json: bool) -> int:
    began = time.monotonic()
    console.print("starting PostgreSQL, four stand-ins and four services …")
    async with running_house(home, free_port_base(), clock_scale=scale, demo=False) as ready:
        console.print("signing up 40 people; some have a history, found by searching the scorecard …")
        city = await seeded(ready, CAST + crowd(REGULARS), BIKES)
        tally = Tally()
        async with Api(ready.public) as api:
            closing = await _live(console, api, ready, city, tally, one_in)
    seconds = time.monotonic() - began
    show(console, closing, tally, city, seconds)
    if show_json:
        typer.echo(as_json(closing, seconds))
    return 1 if findings(closing, tally, city) else 0


async def _live(console: Console, api: Api, ready: Ready, city: City, tally: Tally, one_in: int) -> Closing:
    rides = rides_of_the_day(one_in)
    console.print(f"Thursday, 4 August 2011: {len(rides)} rides, one in {one_in} of a real day (Capital Bikeshare) …")
    day = Day(api, city, rides, ready.clock.scale, tally)
    picture = asyncio.create_task(follow(console, day, tally))
    try:
        await day.run()
    finally:
        picture.cancel()
        await asyncio.gather(picture, return_exceptions=True)
    console.print("the last bike is back; two people who owe add a card, and the books are closed …")
    return await close_day(api, city, tally, lambda: events_waiting(ready.home))
