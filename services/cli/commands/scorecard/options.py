"""What the commands of the model room share: options, and how they end without its libraries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from services.cli.commands.options import told
from services.scoring.domain import Model, ModelError, load_scorecard
from services.scoring.fitting.errors import FittingError

_LIBRARIES = frozenset({"matplotlib", "numpy", "pandas", "scipy", "sklearn"})

DataArgument = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, metavar="DATA.csv", help="A CSV table with a header line.")
]
ScorecardArgument = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A scorecard's file.")]
TargetOption = Annotated[str, typer.Option(help="The column that says how it turned out.")]
BadOption = Annotated[str, typer.Option(help="Its value for those who turned out bad.")]
ThresholdOption = Annotated[int, typer.Option(min=350, max=950, help="Admitted is strictly above.")]
BAD = "1"


def in_model_room(work: Callable[[], int]) -> None:
    """Runs a command's work, which imports the model room; says how to install what that needs when it is not there."""

    def careful() -> int:
        try:
            return work()
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in _LIBRARIES:
                raise
            raise FittingError(
                f"this needs {error.name}; install the model room: pip install 'freehold[fit]'"
            ) from None

    told(careful)


def read_scorecard(path: Path) -> Model:
    """The scorecard in a file; raises ModelError that names the file."""
    try:
        return load_scorecard(path.read_text(encoding="utf-8"))
    except (ModelError, OSError, ValueError) as error:
        raise ModelError(f"{path}: {error}") from None


def percent(rate: float | None) -> str:
    """A rate as a percentage; a dash where there is nobody."""
    return "–" if rate is None else f"{rate:.1%}"


def warn_of_training_data(console: Console, models: Sequence[Model], data: Path) -> None:
    """Says of which scorecards these figures are too good to be true."""
    from services.scoring.fitting.reading import digest

    known = digest(data)
    for version in sorted({m.version for m in models if m.training.record.get("data_sha256") == known}):
        console.print(f"{version} was fitted on this very table: it looks better here than it is.", markup=False)
