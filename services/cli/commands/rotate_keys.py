"""`freehold rotate-keys`: the next key-encryption key; personal data moves under it while everything runs."""

from __future__ import annotations

import typer

from services.cli.commands.options import HOME, HomeOption, told
from services.cli.home import Home


def rotate_keys(home: HomeOption = HOME) -> None:
    """Make the next key-encryption keys in a home; running services take them up by themselves."""

    def work() -> int:
        from services.runtime.key_ring import create_next_key

        for keys in (Home(home).keys, Home(home).scoring_keys):
            typer.echo(f"key-encryption key {create_next_key(keys)} is in {keys}")
        typer.echo("keep the older ones until nothing is wrapped by them")
        return 0

    told(work)
