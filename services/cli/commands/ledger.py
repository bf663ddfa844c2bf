"""`freehold ledger`: proves that nobody has changed the ledger behind its back."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Annotated

import typer
from rich.console import Console

from services.cli.commands.options import HOME, HomeOption, told
from services.cli.home import Home, HomeError
from services.cli.processes import external_dsn
from services.runtime.postgres import EmbeddedPostgres

ledger = typer.Typer(help="The ledger of deposits.", no_args_is_help=True)


@ledger.command()
def verify(
    home: HomeOption = HOME,
    root: Annotated[
        list[str] | None, typer.Option("--root", help="DAY=HEX, a root that was kept elsewhere; may be repeated.")
    ] = None,
) -> None:
    """Recompute chains, balances, totals and roots of a running copy; name what was changed and exit 1."""
    told(lambda: asyncio.run(_verify(external_dsn("deposits") or _embedded(Home(home)), _kept(root or []))))


def _embedded(home: Home) -> str:
    if not home.ready_file.exists():
        raise HomeError(f"nothing runs in {home.path}; start it, or set FREEHOLD_DEPOSITS_DSN")
    return EmbeddedPostgres(home.path).dsn("deposits")


def _kept(roots: list[str]) -> dict[date, bytes]:
    try:
        return {date.fromisoformat(day): bytes.fromhex(root) for day, _, root in (one.partition("=") for one in roots)}
    except ValueError:
        raise HomeError("--root takes DAY=HEX, such as 2026-11-23=9f86…") from None


async def _verify(dsn: str, kept: dict[date, bytes]) -> int:
    from services.deposits.operations.ledger import Verifying
    from services.deposits.store.ledger.snapshot import Snapshot
    from services.runtime.migrations import verify as verify_schema

    console, wrong = Console(highlight=False, soft_wrap=True), 0
    await verify_schema(dsn, "services.deposits")
    async with Snapshot.open(dsn) as books:
        verifying = Verifying(books, kept)
        async for finding in verifying.findings():
            wrong += 1
            console.print(f"{finding.what}: {finding.text}", markup=False)
    audit = verifying.audit
    console.print(f"{audit.renters} renters, {audit.links} links, {audit.transfers} transfers: {wrong} findings")
    if verifying.newest:
        console.print(f"newest root: {verifying.newest[0]}={verifying.newest[1].hex()}")
    return 1 if wrong else 0
