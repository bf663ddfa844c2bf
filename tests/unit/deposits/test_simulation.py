"""Simulations agree with a replay one by one, and nobody's score can be read out of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.deposits.domain import PolicyDraft
from services.deposits.domain.policies import Tier
from services.deposits.domain.simulation import (
    Cell,
    History,
    check,
    rounded,
    simulate,
    two_digits,
    window,
)
from services.values.errors import Refusal
from services.values.money import Money

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
DEPOSIT = 9900


def draft(threshold: int, *tiers: Tier) -> PolicyDraft:
    return PolicyDraft("", "BIKE", threshold, Money("CNY", DEPOSIT), 3, "", tiers=tiers)


@dataclass(frozen=True)
class Past:
    """One decision: a score, what was taken, and what a waived one left unpaid."""

    score: int
    taken_minor: int
    lost_minor: int = 0


def history(past: Sequence[Past], unmoved: int = 0) -> History:
    cells: dict[int, list[Past]] = {}
    for one in past:
        cells.setdefault((one.score - 1) // 10 * 10, []).append(one)
    return History(
        MONDAY, MONDAY, "CNY", tuple(cell(low, ones) for low, ones in cells.items()), unmoved, unmoved * DEPOSIT
    )


def cell(low: int, ones: Sequence[Past]) -> Cell:
    waived = [one for one in ones if not one.taken_minor]
    losses = [one.lost_minor for one in waived]
    deposits = sum(one.taken_minor for one in ones)
    losers = sum(loss > 0 for loss in losses)
    return Cell(low, len(ones), len(waived), deposits, len(waived), sum(losses), sum(n**2 for n in losses), losers)


def crowd(seed: int, number: int = 5000, threshold: int = 600) -> list[Past]:
    made = random.Random(seed)
    scores = [min(950, max(350, round(made.gauss(620, 80)))) for _ in range(number)]
    return [
        Past(score, 0, 500 if made.random() < 0.04 else 0) if score > threshold else Past(score, DEPOSIT)
        for score in scores
    ]


@given(st.integers(0, 2**32), st.integers(35, 95), st.integers(0, 400))
def test_a_simulation_is_a_replay_one_by_one(seed: int, tens: int, unmoved: int) -> None:
    past, threshold = crowd(seed, 600), tens * 10
    said = simulate(history(past, unmoved), draft(threshold))
    freed = [one for one in past if one.score > threshold]
    assert said.after.waived == rounded(len(freed))
    assert said.after.deposits_minor == two_digits((rounded(len(past) - len(freed)) + unmoved) * DEPOSIT)
    assert said.to_waived == rounded(sum(one.taken_minor > 0 for one in freed))
    assert said.to_deposit == rounded(sum(not one.taken_minor for one in past if one.score <= threshold))
    assert said.before.waived == rounded(sum(not one.taken_minor for one in past))


def test_tiers_take_what_the_line_says() -> None:
    past = [Past(score, DEPOSIT) for score in range(560, 760)]
    said = simulate(history(past), draft(650, Tier(600, percent=50)))
    full, half = len(range(560, 601)), len(range(601, 651))
    assert said.after.deposits_minor == two_digits(rounded(full) * DEPOSIT + rounded(half) * DEPOSIT // 2)
    assert said.after.waived == rounded(len(range(651, 760)))


def test_the_draft_that_is_in_force_flips_nobody() -> None:
    said = simulate(history(crowd(1)), draft(600))
    assert (said.to_waived, said.to_deposit) == (0, 0)
    assert said.before == said.after
    assert said.loss_before == said.loss_after


def test_expected_loss_is_between_its_bounds_and_they_hold_what_was_planted() -> None:
    inside = 0
    for seed in range(60):
        said = simulate(history(crowd(seed)), draft(600))
        loss, planted = said.loss_after, 0.04 * 500 * said.after.waived
        assert loss.low_minor <= loss.expected_minor <= loss.high_minor
        inside += loss.low_minor <= planted <= loss.high_minor
    assert inside >= 54, "95 % bounds, with room for chance"


def test_what_nobody_was_ever_waived_for_is_unknown_and_says_so() -> None:
    said = simulate(history(crowd(2)), draft(550))
    newly = sum(550 < one.score <= 600 for one in crowd(2))
    assert said.loss_after.unknown == rounded(newly)
    assert said.loss_after.unknown_at_most_minor == two_digits(rounded(newly) * DEPOSIT)
    assert said.loss_before.unknown == 0


def test_no_loss_seen_is_not_no_loss() -> None:
    past = [Past(705, 0) for _ in range(300)]
    loss = simulate(history(past), draft(600)).loss_after
    assert loss.expected_minor == 0
    assert loss.high_minor == two_digits(3 * DEPOSIT), "three of three hundred, at worst the whole deposit each"


@given(st.integers(0, 2**32), st.integers(351, 950), st.integers(36, 94))
def test_one_person_more_moves_every_number_by_twenties_or_not_at_all(seed: int, score: int, tens: int) -> None:
    """Somebody who knows all decisions but one, and simulates with and without it, learns what twenties tell."""
    past, asked = crowd(seed, 400), draft(tens * 10)
    without, with_them = (simulate(history(p), asked) for p in (past, [*past, Past(score, DEPOSIT)]))
    for a, b in (
        (without.decisions, with_them.decisions),
        (without.after.waived, with_them.after.waived),
        (without.to_waived, with_them.to_waived),
        (without.to_deposit, with_them.to_deposit),
    ):
        assert (b - a) % 20 == 0
    assert all(band.decisions >= 20 and band.decisions % 20 == 0 for band in with_them.bands)


CELLS = range(450, 800, 10)


@pytest.mark.parametrize("someone", [Past(0, DEPOSIT), Past(0, 0), Past(0, 0, 25_000)], ids=["held", "paid", "owes"])
def test_no_number_of_simulations_tells_in_which_cell_somebody_is(someone: Past) -> None:
    """Whoever knows everybody else asks about every line, with deposits that make one of them count: nothing is told.

    Every cell holds forty and so many more that one person never fills up a twenty.
    """
    crowd = [Past(low + 5, 0 if low >= 600 else DEPOSIT) for low in CELLS for _ in range(40)]
    crowd += [Past(low + 5, 0 if low >= 600 else DEPOSIT) for low in (450, 590, 600, 790) for _ in range(5)]
    line, told, nothing = DEPOSIT if someone.taken_minor else 0, {}, History(MONDAY, MONDAY, "CNY", ())
    for low in (low for low in CELLS if (low < 600) is bool(line)):
        past = history([*crowd, replace(someone, score=low + 5)])
        told[low] = [
            replace(simulate(past, replace(draft(high), deposit=Money("CNY", deposit), tiers=tiers)), history=nothing)
            for high in CELLS[2:]
            for deposit, tiers in ((50_000, ()), (50_000, (Tier(high - 10, amount_minor=1),)))
        ]
        assert told[low] == next(iter(told.values()))


def test_bands_cover_the_scale_and_none_is_small() -> None:
    """Where the first and the last of them begin and end would be somebody's score."""
    past = [Past(351, DEPOSIT), *(Past(610 + n % 30, 0) for n in range(400)), Past(940, 0)]
    bands = simulate(history(past), draft(600)).bands
    assert (bands[0].low, bands[-1].high) == (350, 950)
    assert [band.low for band in bands[1:]] == [band.high for band in bands[:-1]]
    assert all(band.decisions >= 20 for band in bands)


def test_too_few_decisions_are_not_replayed() -> None:
    with pytest.raises(Refusal, match="fewer than 200"):
        simulate(history(crowd(3, 199)), draft(600))
    assert simulate(history(crowd(3, 199), 1), draft(600)).unmoved == 0


def test_lines_lie_on_the_grid() -> None:
    check(draft(610))
    with pytest.raises(Refusal, match="multiples of 10"):
        check(draft(605))
    with pytest.raises(Refusal, match="multiples of 10"):
        check(draft(610, Tier(599, percent=50)))


def test_windows_are_whole_weeks() -> None:
    for day in range(7):
        since, until = window(MONDAY.replace(day=23 + day, hour=13), 4)
        assert (since, until) == (MONDAY.replace(month=10, day=26), MONDAY)
    assert window(MONDAY.replace(month=12, day=1) - (MONDAY - MONDAY), 1)[1] == MONDAY.replace(day=30)


def test_the_order_of_cells_does_not_matter() -> None:
    one = history(crowd(4))
    other = replace(one, cells=tuple(reversed(one.cells)))
    assert simulate(one, draft(640)).bands == simulate(other, draft(640)).bands
