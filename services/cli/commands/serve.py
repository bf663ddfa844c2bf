"""`freehold serve`: one service, for a process manager or a cluster."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.home import SERVICES
from services.cli.serve import serve as run_service


def serve(service: Annotated[str, typer.Argument(help="identity, scoring, deposits or rental.")]) -> None:
    """Run one service in this process, set up by FREEHOLD_<SERVICE>_… in the environment."""
    if service not in SERVICES:
        raise typer.BadParameter(f"one of {', '.join(SERVICES)}")
    raise typer.Exit(run_service(service))
