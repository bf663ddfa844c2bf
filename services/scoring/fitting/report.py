"""The report of a fit: one HTML file that opens anywhere, with every figure that a model owner signs for."""

from __future__ import annotations

from html import escape
from typing import Any

import pandas as pd

from services.scoring.domain.scorecard import Characteristic, Entry, Model
from services.scoring.fitting import plots
from services.scoring.fitting.study import Study

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1a202c; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .75rem; border-bottom: 1px solid #e2e8f0; text-align: left; vertical-align: top; }
th { border-bottom-color: #4a5568; }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(24rem, 1fr)); gap: 1rem; }
figure { margin: 0; } svg { max-width: 100%; height: auto; } figcaption { color: #4a5568; font-size: .9rem; }
"""


def html_report(study: Study) -> str:
    """The report; it holds no row of the data."""
    title = escape(f"Scorecard {study.model.version}")
    parts = [f"<h1>{title}</h1>", _summary(study), _pictures(study), *_sections(study)]
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def _summary(study: Study) -> str:
    table, task, auc = study.table, study.task, study.validated[0].auc
    folds = f"{task.folds.count} folds, {task.folds.repeats} times, seed {task.folds.seed}"
    told = [
        f"Fitted on {task.data.name}: {len(table.bad)} rows, {int(table.bad.sum())} bad ({task.target} = {task.bad}).",
        f"Cross-validated AUC {auc.mean:.3f} ({auc.low:.3f} to {auc.high:.3f} with 95 % confidence): {folds};",
        "bins, weights and points were made anew inside every fold.",
        f"On the rows that it was fitted on the AUC is {study.apparent_auc:.3f}, which flatters.",
    ]
    faults = "; ".join(study.why_not_served().splitlines())
    told.append(f"The scoring service cannot serve it: {faults}." if faults else "The scoring service can serve it.")
    return f"<p>{escape(' '.join(told))}</p>"


def _pictures(study: Study) -> str:
    shown = {
        "Score distribution (held out)": plots.distribution(study),
        "Calibration (held out)": plots.calibration(study),
        f"Good and bad up to each score; KS {study.validated[0].ks:.3f}": plots.separation(study),
        "Who is admitted first (held out)": plots.ranking(study),
    }
    figures = (f"<figure>{svg}<figcaption>{escape(name)}</figcaption></figure>" for name, svg in shown.items())
    return f'<div class="pictures">{"".join(figures)}</div>'


def _sections(study: Study) -> list[str]:
    later = study.task.later
    against = escape(later.name) if later else "the second half of the file against the first"
    dropped = {**study.table.dropped, **study.fitted.left_out}
    return [
        _section("Separation", _separation(study), "95 % intervals over all folds, widened because folds share rows."),
        _section("Points", _points(study.model), f"Every score is {study.model.base_points} plus these, 350 to 950."),
        _section("Calibration", _calibration(study), "Held-out scores; the interval is of the rate that came."),
        _section("Population stability", _drift(study), f"{against}. Under 0.1 stable, from 0.25 on moved."),
        _section("Left out", [{"column": name, "why": why} for name, why in dropped.items()], ""),
        _section("Training record", [{"": k, " ": str(v)} for k, v in study.model.training.record.items()], ""),
    ]


def _section(title: str, rows: list[dict[str, Any]], remark: str) -> str:
    table = pd.DataFrame(rows).to_html(index=False, border=0, na_rep="") if rows else "<p>None.</p>"
    return f"<h2>{title}</h2><p>{remark}</p>{table}"


def _separation(study: Study) -> list[dict[str, Any]]:
    return [
        {
            "model": one.name,
            "AUC": f"{one.auc.mean:.3f} ({one.auc.low:.3f} to {one.auc.high:.3f})",
            "Gini": f"{one.auc.gini().mean:.3f} ({one.auc.gini().low:.3f} to {one.auc.gini().high:.3f})",
            "KS": f"{one.ks:.3f}",
        }
        for one in study.validated
    ]


def _points(model: Model) -> list[dict[str, Any]]:
    return [
        {
            "factor": c.factor,
            "characteristic": c.name,
            "direction": str(c.direction),
            "bin": e.label,
            "points": e.points,
        }
        for c in model.characteristics
        for e in _entries(c)
    ]


def _entries(characteristic: Characteristic) -> tuple[Entry, ...]:
    missing = () if characteristic.missing is None else (characteristic.missing,)
    return (*characteristic.bins, *characteristic.groups, *missing)


def _calibration(study: Study) -> list[dict[str, Any]]:
    return [
        {
            "scores": f"{step.lowest} to {step.highest}",
            "rows": step.rows,
            "bad": step.bad,
            "bad rate stated": f"{step.stated:.3f}",
            "bad rate that came": f"{step.came:.3f} ({step.low:.3f} to {step.high:.3f})",
        }
        for step in study.calibration
    ]


def _drift(study: Study) -> list[dict[str, Any]]:
    return [{"of": one.name, "index": f"{one.index:.3f}", "": one.verdict} for one in study.drift]
