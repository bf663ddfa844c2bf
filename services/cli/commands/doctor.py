"""`freehold doctor`: looks at what running needs and says, for each thing that is wrong, how to mend it."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.console import Console

from services.cli.commands.options import HOME, PORT_BASE, HomeOption, PortBaseOption, told
from services.cli.examination import Finding, examine
from services.cli.home import Home, Ports


def doctor(
    home: HomeOption = HOME,
    port_base: PortBaseOption = PORT_BASE,
    quiet: Annotated[bool, typer.Option(help="Show only what is wrong.")] = False,
) -> None:
    """Check Python, versions, ports, disk, clock, certificates and databases; exit 1 when something is wrong."""
    told(lambda: _doctor(Home(home), Ports(port_base), quiet))


def _doctor(home: Home, ports: Ports, quiet: bool) -> int:
    console = Console(highlight=False)
    findings = asyncio.run(examine(home, ports))
    for finding in findings:
        if not (quiet and finding.is_well):
            _show(console, finding)
    return 0 if all(finding.is_well for finding in findings) else 1


def _show(console: Console, finding: Finding) -> None:
    mark = "[green]✓[/]" if finding.is_well else "[red]✗[/]"
    console.print(mark, finding.what, soft_wrap=True)
    if not finding.is_well:
        console.print(f"  {finding.remedy}", style="yellow", markup=False, soft_wrap=True)
