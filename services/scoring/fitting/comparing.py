"""Two scorecards on the same people: whom both admit, whom only one of them does, and how those turned out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.scoring.fitting.arrays import Bools, Ints
from services.scoring.fitting.metrics import auc


@dataclass(frozen=True, slots=True)
class Cell:
    """A part of the people."""

    name: str
    rows: int
    bad: int

    @property
    def bad_rate(self) -> float | None:
        return self.bad / self.rows if self.rows else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The four parts: admitted by both, by A alone, by B alone, by neither; and the AUC of A and of B."""

    cells: tuple[Cell, ...]
    auc_a: float
    auc_b: float


def compare(a: Ints, b: Ints, bad: Bools, threshold_a: int, threshold_b: int) -> Comparison:
    """The swap set of two scorecards. Admitted is strictly above a threshold (PRODUCT: Admittance)."""
    in_a, in_b = a > threshold_a, b > threshold_b
    parts: Mapping[str, Bools] = {
        "both": in_a & in_b,
        "only A": in_a & ~in_b,
        "only B": ~in_a & in_b,
        "neither": ~in_a & ~in_b,
    }
    cells = tuple(Cell(name, int(part.sum()), int(bad[part].sum())) for name, part in parts.items())
    return Comparison(cells, auc(a, bad), auc(b, bad))
