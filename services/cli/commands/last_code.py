"""`freehold last-code`: the one-time code that a test person's phone received last; the carrier's stand-in has it."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from services.cli.commands.options import HOME, HomeOption, told
from services.cli.home import Home


def last_code(
    phone: Annotated[str, typer.Argument(help="The phone, in E.164, for example +8613800138000.")],
    home: HomeOption = HOME,
) -> None:
    """Print the last one-time code that a test phone received."""

    def work() -> int:
        from services.cli.ready import read_ready

        ready = read_ready(Home(home).ready_file)
        typer.echo(asyncio.run(_read(ready.sandbox["carrier"], ready.home.sandbox_secret.read_text().strip(), phone)))
        return 0

    told(work)


async def _read(carrier: str, secret: str, phone: str) -> str:
    from services.cli.seeding.inbox import Inbox

    inbox = Inbox(carrier, secret)
    try:
        return await inbox.last_code(phone)
    finally:
        await inbox.close()
