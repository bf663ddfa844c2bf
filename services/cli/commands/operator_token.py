"""`freehold operator-token`: a token for whoever operates this copy; reading its keys is the proof."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.commands.options import HOME, HomeOption, told
from services.cli.home import Home


def operator_token(
    home: HomeOption = HOME,
    name: Annotated[str, typer.Option(help="Who operates; it stands in the records.")] = "operator",
    hours: Annotated[int, typer.Option(min=1, max=720, help="How long the token works.")] = 1,
) -> None:
    """Print an operator token, made with the keys in a home."""

    def work() -> int:
        from services.identity.keys import mint_operator_token
        from services.runtime.clock import SystemClock

        typer.echo(mint_operator_token(Home(home).keys, name, hours, SystemClock().now()))
        return 0

    told(work)
