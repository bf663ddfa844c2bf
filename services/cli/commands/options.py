"""Options that several commands share, and how a command ends when it cannot do what it should."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from services.cli.children import ChildError
from services.cli.home import DEFAULT_HOME, DEFAULT_PORT_BASE, PORTS_TAKEN, HomeError
from services.runtime.key_ring import KeysError
from services.runtime.migrations import MigrationError
from services.runtime.postgres import PostgresError
from services.scoring.domain import BureauError, ModelError
from services.scoring.fitting.errors import FittingError
from services.scoring.signing import ProofError
from services.values.errors import Refusal

HomeOption = Annotated[Path, typer.Option("--home", help="Folder of this copy: data, keys, certificates, logs.")]
PortBaseOption = Annotated[
    int, typer.Option("--port-base", min=1024, max=60_000, help=f"First of the {PORTS_TAKEN} ports it takes.")
]
HOME, PORT_BASE = DEFAULT_HOME, DEFAULT_PORT_BASE

_TOLD = (
    BureauError,
    ChildError,
    FittingError,
    HomeError,
    KeysError,
    MigrationError,
    ModelError,
    PostgresError,
    ProofError,
    Refusal,
    TimeoutError,
)


def told(work: Callable[[], int]) -> None:
    """Runs a command's work and ends with its exit code; what a person can mend is told in words, without a trace."""
    try:
        code = work()
    except _TOLD as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            f"freehold: {error or type(error).__name__}", markup=False
        )
        code = 1
    raise typer.Exit(code)
