"""`freehold rotate-keys`: the next key-encryption key; personal data moves under it while everything runs."""

from __future__ import annotations

import typer

from services.cli.commands.options import HOME, HomeOption, told
from services.cli.home import Home


def rotate_keys(home: HomeOption = HOME) -> None:
    """Make the next key-encryption key in a home; running services take it up by themselves."""

    def work() -> int:
        from services.runtime.key_ring import create_next_key

        keys = Home(home).keys
        version = create_next_key(keys)
        typer.echo(f"key-encryption key {version} is in {keys}; keep the older ones until nothing is wrapped by them")
        return 0

    told(work)
