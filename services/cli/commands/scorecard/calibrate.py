"""`freehold scorecard calibrate`: a bureau's scale on ours, from a table of its scores and of outcomes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from services.cli.commands.scorecard.options import BAD, BadOption, DataArgument, TargetOption, in_model_room
from services.scoring.domain.training import Scaling
from services.scoring.fitting.errors import FittingError

if TYPE_CHECKING:
    from services.scoring.fitting.bureaus import Calibrated


def calibrate(
    data: DataArgument,
    target: TargetOption,
    score: Annotated[str, typer.Option(help="The column with the bureau's scores.")],
    bureau: Annotated[str, typer.Option(help="The bureau's name: small letters, digits and -.")],
    bad: BadOption = BAD,
    out: Annotated[Path | None, typer.Option(help="The file; BUREAU.json in this folder by default.")] = None,
    name: Annotated[str, typer.Option(help="The calibration's version; BUREAU-1 by default.")] = "",
    raw_range: Annotated[
        str, typer.Option(help="LOWEST:HIGHEST of the bureau's scale; as in the data if not set.")
    ] = "",
    rationale: Annotated[str, typer.Option(help="What the data is; stands in the file.")] = "",
    folds: Annotated[int, typer.Option(min=2, max=50, help="Folds of the cross-validation.")] = 10,
    seed: Annotated[int, typer.Option(min=0, max=2**31, help="Its seed.")] = 20261123,
    base_score: Annotated[int, typer.Option(min=350, max=950, help="The score that stands for the base odds.")] = 600,
    base_odds: Annotated[int, typer.Option(min=1, help="Good to one bad.")] = 5,
    pdo: Annotated[int, typer.Option(min=1, max=600, help="Points that double the odds.")] = 40,
) -> None:
    """Calibrate a bureau's scores by equal odds; write the table, and print how well it keeps its promise."""

    def work() -> int:
        from services.scoring.fitting.bureaus import BureauTask, calibrate_bureau

        task = BureauTask(
            *(data, score, target, bad, bureau, name or f"{bureau}-1", _range(raw_range)),
            *(Scaling(base_score, base_odds, pdo), folds, seed, rationale or f"Calibrated on {data.name}."),
        )
        return _keep(calibrate_bureau(task), out or Path(f"{bureau}.json"))

    in_model_room(work)


def _range(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    try:
        lowest, highest = (int(part) for part in text.split(":"))
    except ValueError:
        raise FittingError(f"--raw-range {text}: LOWEST:HIGHEST") from None
    return lowest, highest


def _keep(done: Calibrated, file: Path) -> int:
    try:
        file.write_text(done.text, encoding="utf-8")
    except OSError as error:
        raise FittingError(str(error)) from None
    console = Console(highlight=False, soft_wrap=True)
    table = Table(f"raw score of {done.calibration.bureau}", "score here", title=done.calibration.version)
    for knot in done.calibration.knots:
        table.add_row(str(knot.raw), str(knot.common))
    console.print(table)
    console.print(f"cross-validated Brier score {done.brier:.4f}, calibration error {done.calibration_error:.4f}")
    console.print(f"AUC of the raw score {done.auc:.4f}")
    console.print(f"calibration: {file}", markup=False)
    return 0
