"""The data that the two demo bureaus are calibrated on. It is made up: nobody in it lives, no bureau said any of it.

`python -m tests.made_up_bureaus` writes `tests/data/made_up_bureau_north.csv` and `…_south.csv` again; the seed is
fixed, and a test compares.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SEED = 20261123
ROWS = 4000
FOLDER = Path(__file__).parent / "data"


@dataclass(frozen=True)
class MadeUp:
    """A scale whose numbers scatter around `middle`; `even` has odds of 1:1, and `doubles` points double them."""

    name: str
    lowest: int
    highest: int
    middle: float
    spread: float
    even: float
    doubles: float


NORTH = MadeUp("north", 300, 850, 660.0, 85.0, 520.0, 45.0)
SOUTH = MadeUp("south", 0, 1000, 610.0, 170.0, 330.0, 95.0)


def rows_of(bureau: MadeUp) -> Iterator[tuple[int, int]]:
    """(score, 1 for bad) of each row."""
    luck = random.Random(f"{SEED} {bureau.name}")
    for _ in range(ROWS):
        score = round(min(bureau.highest, max(bureau.lowest, luck.gauss(bureau.middle, bureau.spread))))
        odds = 2 ** ((score - bureau.even) / bureau.doubles)
        yield score, int(luck.random() < 1 / (1 + odds))


def text_of(bureau: MadeUp) -> str:
    """The CSV file."""
    return "score,bad\n" + "".join(f"{score},{bad}\n" for score, bad in rows_of(bureau))


def file_of(bureau: MadeUp) -> Path:
    """Where it is kept."""
    return FOLDER / f"made_up_bureau_{bureau.name}.csv"


def truth(bureau: MadeUp, score: int) -> float:
    """The score here of the odds that really were behind a number."""
    return 600 + 40 * ((score - bureau.even) / bureau.doubles - math.log2(5))


if __name__ == "__main__":
    for one in (NORTH, SOUTH):
        file_of(one).write_text(text_of(one), encoding="utf-8")
