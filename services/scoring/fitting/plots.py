"""The pictures of a report, as SVG text that needs nothing from elsewhere."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from services.scoring.domain.scorecard import HIGHEST, LOWEST
from services.scoring.fitting.calibration import STEP
from services.scoring.fitting.study import Study

GOOD, BAD, QUIET = "#2b6cb0", "#c05621", "#718096"


def distribution(study: Study) -> str:
    """How good and bad rows are spread over the held-out scores."""

    def draw(axes: Axes) -> None:
        edges = np.arange(LOWEST, HIGHEST + 1, 20)
        for name, rows, colour in (("good", ~study.table.bad, GOOD), ("bad", study.table.bad, BAD)):
            weights = np.full(int(rows.sum()), 1 / int(rows.sum()))
            axes.hist(study.held_out[rows], edges.tolist(), weights=weights, alpha=0.6, color=colour, label=name)
        axes.set(xlabel="score", ylabel="share of good, of bad")
        axes.legend(frameon=False)

    return _svg("distribution", draw)


def calibration(study: Study) -> str:
    """The bad rate that scores stated and the one that came, per step of scores."""

    def draw(axes: Axes) -> None:
        middles = np.array([step.lowest + STEP / 2 for step in study.calibration])
        came = np.array([step.came for step in study.calibration])
        low = came - np.array([step.low for step in study.calibration])
        high = np.array([step.high for step in study.calibration]) - came
        axes.errorbar(middles, came, np.array([low, high]), fmt="o", color=BAD, capsize=3, label="came (95 %)")
        axes.plot(middles, [step.stated for step in study.calibration], color=QUIET, label="stated by the score")
        axes.set(xlabel="score", ylabel="bad rate", ylim=(0, 1))
        axes.legend(frameon=False)

    return _svg("calibration", draw)


def separation(study: Study) -> str:
    """The shares of good and of bad rows up to each score; KS is the widest gap."""

    def draw(axes: Axes) -> None:
        steps = np.arange(LOWEST, HIGHEST + 1)
        shares = [
            np.searchsorted(np.sort(study.held_out[rows]), steps, side="right") / rows.sum()
            for rows in (~study.table.bad, study.table.bad)
        ]
        for name, share, colour in zip(("good", "bad"), shares, (GOOD, BAD), strict=True):
            axes.plot(steps, share, color=colour, label=name)
        widest = int(np.argmax(shares[1] - shares[0]))
        axes.vlines(int(steps[widest]), shares[0][widest], shares[1][widest], color=QUIET, linestyle="--")
        axes.set(xlabel="score", ylabel="share up to this score", ylim=(0, 1))
        axes.legend(frameon=False)

    return _svg("separation", draw)


def ranking(study: Study) -> str:
    """The receiver operating curve of the held-out scores, of the scorecard and its peers."""

    def draw(axes: Axes) -> None:
        for one in study.validated:
            false_positives, true_positives, _ = roc_curve(~study.table.bad, one.held_out[0])
            axes.plot(false_positives, true_positives, label=f"{one.name} (AUC {one.auc.mean:.3f})")
        axes.plot([0, 1], [0, 1], color=QUIET, linestyle="--")
        axes.set(xlabel="bad rows admitted", ylabel="good rows admitted", xlim=(0, 1), ylim=(0, 1))
        axes.legend(frameon=False, loc="lower right")

    return _svg("ranking", draw)


def _svg(name: str, draw: Callable[[Axes], None]) -> str:
    """The picture that `draw` makes; the same figures give the same text."""
    with rc_context({"svg.hashsalt": name, "svg.fonttype": "none", "font.family": "sans-serif"}):
        figure = Figure(figsize=(5.6, 3.4), layout="constrained")
        axes = figure.subplots()
        axes.spines[["top", "right"]].set_visible(False)
        draw(axes)
        picture = io.StringIO()
        figure.savefig(picture, format="svg", metadata={"Date": None}, transparent=True)
    text = picture.getvalue()
    return text[text.index("<svg") :]
