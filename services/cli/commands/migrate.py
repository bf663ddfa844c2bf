"""`freehold migrate`: bring databases to this version's schema; in a cluster, a job that runs before the services."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.console import Console

from services.cli.commands.options import told
from services.cli.home import SERVICES, HomeError
from services.cli.processes import external_dsn
from services.runtime.migrations import migrate as apply


def migrate(
    services: Annotated[list[str] | None, typer.Argument(help="Which services; all with a DSN by default.")] = None,
) -> None:
    """Apply what migrations are missing to the databases that FREEHOLD_<SERVICE>_DSN names."""
    told(lambda: asyncio.run(_migrate(services or [name for name in SERVICES if external_dsn(name)])))


async def _migrate(services: list[str]) -> int:
    console = Console(highlight=False)
    if not services:
        raise HomeError("no FREEHOLD_<SERVICE>_DSN is set; `freehold up` migrates its embedded databases by itself")
    for service in services:
        if service not in SERVICES:
            raise HomeError(f"no service is called {service}: {', '.join(SERVICES)}")
        if not external_dsn(service):
            raise HomeError(f"FREEHOLD_{service.upper()}_DSN is not set")
        applied = await apply(external_dsn(service), f"services.{service}")
        console.print(f"{service}: {applied} applied" if applied else f"{service}: up to date")
    return 0
