"""`freehold scorecard fit`: a scorecard and its report from a table of outcomes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
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
    TargetOption,
    in_model_room,
    read_scorecard,
)
from services.scoring.domain import Model
from services.scoring.domain.scorecard import Direction
from services.scoring.domain.training import Scaling
from services.scoring.fitting.errors import FittingError

if TYPE_CHECKING:
    from services.scoring.fitting.study import Study, Task

_NONE: list[str] = []


def fit(
    data: DataArgument,
    target: TargetOption,
    bad: BadOption = BAD,
    out: Annotated[Path | None, typer.Option(help="The scorecard's file; DATA.json in this folder by default.")] = None,
    report: Annotated[Path | None, typer.Option(help="The report; like the scorecard's file, but .html.")] = None,
    record: Annotated[Path | None, typer.Option(help="Keep the figures here as JSON, with date and note.")] = None,
    note: Annotated[str, typer.Option(help="Stands in that record, such as a commit.")] = "",
    name: Annotated[str, typer.Option(help="The scorecard's version; the name of its file by default.")] = "",
    like: Annotated[
        Path | None, typer.Option(help="A scorecard whose factors, directions and reasons to take.")
    ] = None,
    later: Annotated[Path | None, typer.Option(help="A table of later people, for population stability.")] = None,
    drop: Annotated[list[str], typer.Option(help="A column not to look at; may be repeated.")] = _NONE,
    category: Annotated[list[str], typer.Option(help="A column whose numbers are only names.")] = _NONE,
    direction: Annotated[list[str], typer.Option(help="COLUMN=up or COLUMN=down: more is better, or worse.")] = _NONE,
    folds: Annotated[int, typer.Option(min=2, max=50, help="Folds of the cross-validation.")] = 10,
    repeats: Annotated[int, typer.Option(min=1, max=100, help="Repeats of it, each with the next seed.")] = 5,
    seed: Annotated[int, typer.Option(min=0, max=2**31, help="Its first seed.")] = 20261123,
    peers: Annotated[bool, typer.Option("--peers", help="Measure other kinds of models on the same folds.")] = False,
    maximum_bins: Annotated[int, typer.Option(min=2, max=20, help="Bins of one column, at most.")] = 6,
    minimum_share: Annotated[float, typer.Option(min=0, max=0.5, help="Share of all rows in a bin, at least.")] = 0.05,
    minimum_value: Annotated[float, typer.Option(min=0, help="Information value of a column, at least.")] = 0.01,
    base_score: Annotated[int, typer.Option(min=350, max=950, help="The score that stands for the base odds.")] = 600,
    base_odds: Annotated[int, typer.Option(min=1, help="Good to one bad.")] = 5,
    pdo: Annotated[int, typer.Option(min=1, max=600, help="Points that double the odds.")] = 40,
    minimum_facts: Annotated[int, typer.Option(min=0, help="Facts that a served model needs to assess somebody.")] = 0,
) -> None:
    """Fit a scorecard on a table of outcomes; write it with a report, and print its cross-validated AUC."""

    def work() -> int:
        from services.scoring.fitting.binning import Limits
        from services.scoring.fitting.study import Task
        from services.scoring.fitting.training import Plan
        from services.scoring.fitting.validation import Folds

        known = None if like is None else read_scorecard(like)
        ways = {**_directions_of(known), **_directions(direction)}
        plan = Plan(Limits(maximum_bins, minimum_share), minimum_value, Scaling(base_score, base_odds, pdo), ways)
        file = out or Path(f"{data.stem}.json")
        task = Task(
            *(data, target, bad, name or file.stem, plan, Folds(folds, repeats, seed)),
            unwanted=tuple(drop),
            categories=tuple(category),
            minimum_experience=minimum_facts,
            like=known,
            later=later,
            with_peers=peers,
        )
        return _fit(task, file, report or file.with_suffix(".html"), record, note)

    in_model_room(work)


def _fit(task: Task, file: Path, report: Path, record: Path | None, note: str) -> int:
    from services.scoring.fitting.report import html_report
    from services.scoring.fitting.study import figures, study

    done = study(task)
    _write(file, done.text())
    _write(report, html_report(done))
    if record is not None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        dated = {"what": f"freehold scorecard fit {task.data.name}", "date": now, "note": note, **figures(done)}
        _write(record, json.dumps(dated, ensure_ascii=False, indent=1) + "\n")
    _show(done, file, report)
    return 0


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FittingError(str(error)) from None


def _directions_of(known: Model | None) -> dict[str, Direction]:
    return {c.name: c.direction for c in known.characteristics if c.bins} if known else {}


def _directions(texts: list[str]) -> dict[str, Direction]:
    ways = {}
    for text in texts:
        column, _, way = text.rpartition("=")
        if way not in (Direction.UP, Direction.DOWN) or not column:
            raise FittingError(f"--direction {text}: COLUMN=up or COLUMN=down")
        ways[column] = Direction(way)
    return ways


def _show(done: Study, file: Path, report: Path) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for column, why in {**done.table.dropped, **done.fitted.left_out}.items():
        console.print(f"left out {column}: {why}", markup=False)
    console.print(_points(done))
    table = Table("model", "AUC", "95 %", "Gini", "KS", title=_head(done))
    for one in done.validated:
        reach = f"{one.auc.low:.3f} to {one.auc.high:.3f}"
        table.add_row(one.name, f"{one.auc.mean:.3f}", reach, f"{one.auc.gini().mean:.3f}", f"{one.ks:.3f}")
    console.print(table)
    console.print(f"cross-validated AUC {done.validated[0].auc.mean:.4f}")
    faults = done.why_not_served()
    console.print("the scoring service cannot serve it:" if faults else "the scoring service can serve it")
    for fault in faults.splitlines():
        console.print(f"  {fault}", markup=False)
    console.print(f"scorecard: {file}\nreport: {report}", markup=False)


def _head(done: Study) -> str:
    folds = done.task.folds
    return f"{len(done.table.bad)} rows; {folds.count} folds, {folds.repeats} times, seed {folds.seed}"


def _points(done: Study) -> Table:
    table = Table("characteristic", "information value", "points", title=escape(done.model.version))
    for binned, points in zip(done.fitted.binned, done.fitted.points, strict=True):
        table.add_row(escape(binned.name), f"{binned.value:.3f}", ", ".join(str(p) for p in points[:-1]))
    return table
