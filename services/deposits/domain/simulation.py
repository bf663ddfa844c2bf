"""Simulation: a draft replayed on a partner's own past decisions, told in numbers that betray nobody's score.

Scores enter as a histogram on a 10-point grid, each person with one decision: who rents daily would fill a cell alone.
What leaves is rounded down to multiples of twenty decisions; money is counted of these, and of sums that the partner
knows, never of a few people; bands are widened until each holds twenty decisions, losses until twenty have lost. Two
simulations may be compared as often as the partner likes: they differ by twenties, never by a person (PRODUCT:
"Simulations return aggregates only").
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from services.deposits.domain.policies.deciding import Terms, lines_passed
from services.deposits.domain.policies.deciding import terms as terms_of
from services.deposits.domain.policies.policy import PolicyDraft
from services.values.errors import Category, Refusal, invalid
from services.values.money import Money

T = TypeVar("T")

GRID = 10
"""Width of a cell in points: cell 600 holds the scores 601 to 610, so that "above 600" never cuts one."""
SMALLEST_CELL = 20
SMALLEST_REPLAY = 200
"""Fewer decisions than this are not replayed."""
LONGEST_WEEKS = 104
LOWEST, HIGHEST = 350, 950
"""The ends of the scale: where the first and the last band begin and end, whoever is in them."""
_SURE = 1.96
"""Standard deviations on either side that hold 95 % of a normal distribution."""
_RULE_OF_THREE = 3.0
"""Nothing seen in n cases: with 95 % confidence it happens in fewer than 3 of n."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Past decisions whose scores lie in one cell of the grid (`low` < score <= `low` + 10).

    `deposits_minor` was asked of those not waived; `rent_minor` is their assets' mean monthly rent, 0 where there is
    none. Of the waived ones that have ended (`ended`), `losers` left `lost_minor` unpaid; `lost_squared` is the sum of
    the squares.
    """

    low: int
    decisions: int
    waived: int
    deposits_minor: int
    ended: int
    lost_minor: int
    lost_squared: int
    losers: int = 0
    rent_minor: int = 0


@dataclass(frozen=True, slots=True)
class History:
    """A partner's decisions in whole weeks, of each person the latest.

    `unmoved` were not decided by the score (no consent, nobody could tell, a cap, a record) and took
    `unmoved_deposits_minor`: any draft leaves them as they were.
    """

    since: datetime
    until: datetime
    currency: str
    cells: tuple[Cell, ...]
    unmoved: int = 0
    unmoved_deposits_minor: int = 0

    @property
    def decisions(self) -> int:
        return self.unmoved + sum(cell.decisions for cell in self.cells)

    @property
    def rent(self) -> Money | None:
        """The mean rent of all: that of a cell would tell the cell of whoever rents what is dear."""
        moved = sum(cell.decisions for cell in self.cells)
        rents = sum(cell.decisions * cell.rent_minor for cell in self.cells)
        return Money(self.currency, rents // moved) if rents else None


@dataclass(frozen=True, slots=True)
class Side:
    """What a rule makes of the decisions, rounded. `waiver_rate_percent` is of all decisions."""

    waived: int
    waiver_rate_percent: int
    deposits: int
    deposits_minor: int


@dataclass(frozen=True, slots=True)
class Loss:
    """What waived renters leave unpaid, with 95 % bounds, rounded.

    It is told for decisions like those whose outcome is known. `unknown` decisions would be waived without anybody of
    such a score having been: their outcome is unknown, and costs `unknown_at_most_minor` at worst (each its deposit).
    """

    expected_minor: int
    low_minor: int
    high_minor: int
    unknown: int
    unknown_at_most_minor: int


@dataclass(frozen=True, slots=True)
class Band:
    """Scores in (low, high], at least twenty decisions; rates of these decisions in percent."""

    low: int
    high: int
    decisions: int
    waived_before_percent: int
    waived_after_percent: int


@dataclass(frozen=True, slots=True)
class Simulation:
    """A draft beside what was decided. `to_waived` and `to_deposit` are the decisions that flip."""

    history: History
    decisions: int
    unmoved: int
    before: Side
    after: Side
    to_waived: int
    to_deposit: int
    loss_before: Loss
    loss_after: Loss
    bands: tuple[Band, ...]


def window(now: datetime, weeks: int) -> tuple[datetime, datetime]:
    """The last whole weeks (UTC, Monday to Sunday): a window that moves by single days would single people out."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    until = today - timedelta(days=today.weekday())
    return until - timedelta(weeks=weeks), until


def check(draft: PolicyDraft) -> None:
    """Raises INVALID_FIELD for a line that is not on the grid."""
    for field, lines in (("threshold", [draft.threshold]), ("tiers", [tier.above for tier in draft.tiers])):
        if any(line % GRID for line in lines):
            raise invalid(field, f"simulations know lines on multiples of {GRID} only")


def simulate(history: History, draft: PolicyDraft) -> Simulation:
    """What the draft makes of the past. Raises TOO_FEW_DECISIONS."""
    if history.decisions < SMALLEST_REPLAY:
        raise too_few_decisions()
    replayed = [_replayed(cell, draft, history.rent) for cell in history.cells]
    freed = [cell for cell, terms in replayed if terms.waives]
    taken = [cell for cell, terms in replayed if not terms.waives]
    full = terms_of(draft, 0, history.rent).full_minor
    asked = sum(cell.deposits_minor for cell in history.cells)
    return Simulation(
        history,
        rounded(history.decisions),
        rounded(history.unmoved),
        _side(history, sum(cell.waived for cell in history.cells), asked),
        _side(history, sum(cell.decisions for cell in freed), _taken(replayed)),
        rounded(sum(cell.decisions - cell.waived for cell in freed)),
        rounded(sum(cell.waived for cell in taken)),
        _loss([(cell, cell.waived) for cell in history.cells], full),
        _loss([(cell, cell.decisions if terms.waives else 0) for cell, terms in replayed], full),
        _bands(replayed),
    )


Replayed = tuple[Cell, Terms]
"""A cell, and what the draft takes of each of its decisions."""


def _replayed(cell: Cell, draft: PolicyDraft, rent: Money | None) -> Replayed:
    return cell, terms_of(draft, lines_passed(draft, cell.low + GRID), rent)


def _side(history: History, waived: int, deposits_minor: int) -> Side:
    all_of_them, of_which = rounded(history.decisions), rounded(waived)
    asked = two_digits(history.unmoved_deposits_minor + deposits_minor)
    return Side(of_which, percent(of_which, all_of_them), all_of_them - of_which, asked)


def _taken(replayed: Sequence[Replayed]) -> int:
    """What is taken of those who are not waived: each amount so many twenties of times."""
    times: Counter[int] = Counter()
    for cell, terms in replayed:
        times[terms.amount_minor] += 0 if terms.waives else cell.decisions
    return sum(rounded(number) * amount for amount, number in times.items())


Waived = tuple[Cell, int]
"""A cell, and how many of its decisions are waived."""


def _loss(waived: Sequence[Waived], full_minor: int) -> Loss:
    """What so many waived decisions of each cell cost, by what those of about the same scores that have ended cost."""
    from_above = sorted(waived, key=lambda one: -one[0].low)
    known = sum(map(len, _together(from_above, lambda one: one[0].ended)))
    unknown = rounded(sum(number for _, number in from_above[known:]))
    expected = unseen = variance = 0.0
    for group in _alike([(cell, number if at < known else 0) for at, (cell, number) in enumerate(from_above)]):
        number, ended = rounded(sum(n for _, n in group)), sum(cell.ended for cell, _ in group)
        mean = sum(cell.lost_minor for cell, _ in group) / max(1, ended)
        spread = max(0.0, sum(cell.lost_squared for cell, _ in group) / max(1, ended) - mean * mean)
        expected += number * mean
        variance += number * number * spread / max(1, ended)
        if not mean:
            unseen += number * full_minor * min(1.0, _RULE_OF_THREE / max(1, ended))
    width = _SURE * math.sqrt(variance)
    return Loss(
        two_digits(round(expected)),
        two_digits(round(max(0.0, expected - width))),
        two_digits(round(expected + width + unseen)),
        unknown,
        two_digits(unknown * full_minor),
    )


def _alike(from_above: Sequence[Waived]) -> list[list[Waived]]:
    """Cells whose losses are taken together: twenty people who lost, or all cells. The rest joins the last group."""
    groups = _together(from_above, lambda one: one[0].losers)
    rest = list(from_above[sum(map(len, groups)) :])
    return [*groups[:-1], [*groups[-1], *rest]] if groups else [rest]


def _bands(replayed: Sequence[Replayed]) -> tuple[Band, ...]:
    """Bands of twenty decisions at least; what is left over joins the last one. None is left out between two."""
    in_order = sorted(replayed, key=lambda one: one[0].low)
    groups = _together(in_order, lambda one: one[0].decisions)
    if not groups:
        return ()
    groups[-1] = [*groups[-1], *in_order[sum(map(len, groups)) :]]
    ends = [*(group[-1][0].low + GRID for group in groups[:-1]), HIGHEST]
    return tuple(map(_band, groups, [LOWEST, *ends], ends))


def _together(items: Sequence[T], count: Callable[[T], int]) -> list[list[T]]:
    """Neighbours joined, in the order given, until each group counts twenty; a rest that does not is left out."""
    groups: list[list[T]] = []
    growing: list[T] = []
    for item in items:
        growing.append(item)
        if sum(map(count, growing)) >= SMALLEST_CELL:
            groups.append(growing)
            growing = []
    return groups


def _band(group: Sequence[Replayed], low: int, high: int) -> Band:
    number = rounded(sum(cell.decisions for cell, _ in group))
    before = rounded(sum(cell.waived for cell, _ in group))
    after = rounded(sum(cell.decisions for cell, terms in group if terms.waives))
    return Band(low, high, number, percent(before, number), percent(after, number))


def rounded(decisions: int) -> int:
    """Down to a multiple of twenty."""
    return decisions // SMALLEST_CELL * SMALLEST_CELL


def percent(part: int, whole: int) -> int:
    """Whole percent."""
    return round(100 * part / whole) if whole else 0


def two_digits(amount_minor: int) -> int:
    """An amount with two significant digits."""
    digits = max(0, len(str(abs(amount_minor))) - 2)
    return int(round(amount_minor, -digits))


def too_few_decisions() -> Refusal:
    """The refusal of a replay that would be about single people."""
    return Refusal(
        Category.FAILED_PRECONDITION,
        "TOO_FEW_DECISIONS",
        f"fewer than {SMALLEST_REPLAY} decisions in these weeks; ask for more weeks",
    )
