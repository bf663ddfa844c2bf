"""`freehold scorecard`: the model room. It needs the extra `freehold[fit]`; nothing else of the command does."""

from __future__ import annotations

import typer

from services.cli.commands.scorecard.compare import compare
from services.cli.commands.scorecard.fairness import fairness
from services.cli.commands.scorecard.fit import fit

scorecard = typer.Typer(
    help="Fit scorecards on outcomes, compare them, and see whom they treat how.", no_args_is_help=True
)
for command in (fit, compare, fairness):
    scorecard.command()(command)

__all__ = ["scorecard"]
