"""`freehold seed`: the demo's partner, bikes and people for a house that was started without them."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from services.cli.api import Api
from services.cli.commands.options import HOME, HomeOption, told
from services.cli.home import Home
from services.cli.ready import Ready, read_ready
from services.cli.seeding import CAST, City, open_city
from services.cli.seeding.cast import Part
from services.cli.seeding.inbox import Inbox


def seed(
    home: HomeOption = HOME,
    bikes: Annotated[int, typer.Option(min=1, max=10_000, help="How many bikes the partner has.")] = 60,
    show_json: Annotated[bool, typer.Option("--json", help="Print credentials and ids as JSON.")] = False,
) -> None:
    """Make the demo partner, its policy, plan and bikes, and test people; again gives the same with fresh tokens."""
    told(lambda: asyncio.run(_seed(Home(home), bikes, show_json)))


async def _seed(home: Home, bikes: int, show_json: bool) -> int:
    city = await seeded(read_ready(home.ready_file), CAST, bikes)
    if show_json:
        typer.echo(json.dumps(city.credentials(), indent=2))
        return 0
    table = Table("case", "renter", "the first rental is", title=f"people of {city.partner_id}")
    for renter in city.renters:
        table.add_row(renter.case, renter.renter_id, renter.expected)
    console = Console(highlight=False)
    console.print(table)
    console.print(f"Credentials: {home.demo_file}", soft_wrap=True)
    return 0


async def seeded(ready: Ready, cast: tuple[Part, ...], bikes: int) -> City:
    """The city of a running house, made or refreshed."""
    inbox = Inbox(ready.sandbox["carrier"], ready.home.sandbox_secret.read_text(encoding="utf-8").strip())
    try:
        async with Api(ready.public, authority=ready.public_authority) as api:
            return await open_city(api, inbox, ready.home, ready.clock, cast, bikes)
    finally:
        await inbox.close()
