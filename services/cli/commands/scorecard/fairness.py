"""`freehold scorecard fairness`: how a scorecard treats groups of people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from services.scoring.fitting.fairness import Treatment


def fairness(
    model: ScorecardArgument,
    data: DataArgument,
    target: TargetOption,
    group: Annotated[list[str], typer.Option(help="COLUMN, or COLUMN:26,41 where bands begin; may be repeated.")],
    threshold: ThresholdOption,
    bad: BadOption = BAD,
) -> None:
    """Show by group who is admitted, how those turn out, and whether a score means the same."""
    in_model_room(lambda: _fairness(model, data, target, bad, group, threshold))


def _fairness(path: Path, data: Path, target: str, bad: str, groups: list[str], threshold: int) -> int:
    from services.scoring.fitting.fairness import SMALL, parse_grouping, treat
    from services.scoring.fitting.reading import outcome, read_frame, score_rows

    groupings = [parse_grouping(text) for text in groups]
    model, frame = read_scorecard(path), read_frame(data)
    scores, turned_bad = score_rows(model, frame), outcome(frame, target, bad)
    console = Console(highlight=False)
    for grouping in groupings:
        found = treat(frame, scores, turned_bad, grouping, threshold, model.scaling)
        console.print(_admitted(f"{grouping.column}: admitted above {threshold} by {model.version}", found))
        console.print(_calibrated(f"{grouping.column}: what scores state and what came", found))
    console.print(f"Impact: the share admitted, beside that of the most admitted group of {SMALL} rows or more.")
    console.print("Below 0.80 is a sign to look closer, not a proof; above it is no proof either.")
    if model.scaling is None:
        console.print(f"The points of {model.version} were not fitted: its scores state no bad rate.", markup=False)
    warn_of_training_data(console, [model], data)
    return 0


def _admitted(title: str, found: tuple[Treatment, ...]) -> Table:
    table = Table("group", "rows", "admitted", "of the good", "bad of admitted", "impact", "", title=escape(title))
    for one in found:
        table.add_row(
            escape(one.group),
            str(one.rows),
            percent(one.approval_rate),
            percent(one.approval_rate_of_good),
            percent(one.bad_rate_of_admitted),
            "–" if one.impact is None else f"{one.impact:.2f}",
            _remark(one, "below four fifths" * one.below_four_fifths),
        )
    return table


def _calibrated(title: str, found: tuple[Treatment, ...]) -> Table:
    table = Table("group", "bad rate stated", "came", "95 %", "", title=escape(title))
    for one in found:
        low, high = one.bad_rate_interval
        remark = _remark(one, "outside the interval" * one.miscalibrated)
        reach = f"{percent(low)} to {percent(high)}"
        table.add_row(escape(one.group), percent(one.stated_bad_rate), percent(one.bad_rate), reach, remark)
    return table


def _remark(one: Treatment, finding: str) -> str:
    return "too few to tell" if one.small else finding
