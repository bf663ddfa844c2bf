"""`freehold scorecard compare`: whom two scorecards admit, together and alone, and how those turned out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from services.cli.commands.scorecard.options import (
    BAD,
    BadOption,
    DataArgument,
    ScorecardArgument,
    TargetOption,
    ThresholdOption,
    in_model_room,
    percent,
    read_scorecard,
    warn_of_training_data,
)


def compare(
    a: ScorecardArgument,
    b: ScorecardArgument,
    data: DataArgument,
    target: TargetOption,
    threshold: ThresholdOption,
    bad: BadOption = BAD,
    threshold_b: Annotated[int | None, typer.Option(min=350, max=950, help="The threshold of B, if another.")] = None,
) -> None:
    """Show the swap set of two scorecards on the same people: whom both admit, whom only one, and whom neither."""
    in_model_room(lambda: _compare(a, b, data, target, bad, (threshold, threshold_b or threshold)))


def _compare(a: Path, b: Path, data: Path, target: str, bad: str, thresholds: tuple[int, int]) -> int:
    from services.scoring.fitting.comparing import compare as swap_set
    from services.scoring.fitting.reading import outcome, read_frame, score_rows

    models, frame = [read_scorecard(a), read_scorecard(b)], read_frame(data)
    scores = [score_rows(model, frame) for model in models]
    found = swap_set(scores[0], scores[1], outcome(frame, target, bad), *thresholds)
    table = Table("admitted by", "rows", "share", "bad", "bad rate", title=escape(f"{data.name}: {len(frame)} rows"))
    for cell in found.cells:
        table.add_row(cell.name, str(cell.rows), percent(cell.rows / len(frame)), str(cell.bad), percent(cell.bad_rate))
    console = Console(highlight=False)
    console.print(table)
    for letter, model, threshold, auc in zip("AB", models, thresholds, (found.auc_a, found.auc_b), strict=True):
        console.print(f"{letter}: {model.version}, admitted above {threshold}, AUC {auc:.3f}", markup=False)
    warn_of_training_data(console, models, data)
    return 0
