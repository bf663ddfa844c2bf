"""`freehold scorecard`: the model room. It needs the extra `freehold[fit]`; nothing else of the command does."""

from __future__ import annotations

import typer

from services.cli.commands.scorecard.calibrate import calibrate
from services.cli.commands.scorecard.compare import compare
from services.cli.commands.scorecard.fairness import fairness
from services.cli.commands.scorecard.fit import fit

scorecard = typer.Typer(
    help="Fit scorecards on outcomes, compare them, see whom they treat how, and calibrate bureaus.",
    no_args_is_help=True,
)
for command in (fit, compare, fairness, calibrate):
    scorecard.command()(command)

__all__ = ["scorecard"]
