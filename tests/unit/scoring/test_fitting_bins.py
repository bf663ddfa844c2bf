"""Binning is optimal, by comparison with every possible binning, and keeps to its limits and its direction."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from credit import people, table_of
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.domain.scorecard import Direction
from services.scoring.fitting.binning import Limits, best_binning
from services.scoring.fitting.bins import Binned, bin_column
from services.scoring.fitting.evidence import Totals
from services.scoring.fitting.table import Categories, Numbers

counts = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=8)
limits = st.builds(Limits, st.integers(1, 5), st.sampled_from([0.0, 0.05, 0.2, 0.5]))
ways = st.sampled_from([Direction.UP, Direction.DOWN])


def weight(goods: int, bads: int, good: int, bad: int) -> tuple[float, float]:
    """Evidence and information of a bin, written out: one more row of average outcome in every bin."""
    share = bad / (good + bad)
    g, b = goods + 1 - share, bads + share
    evidence = math.log(g / b) - math.log(good / bad)
    return evidence, (g / good - b / bad) * evidence


def every_binning(fine: list[tuple[int, int]], limit: Limits, way: Direction) -> dict[tuple[int, ...], float]:
    """All binnings that are allowed, with their information."""
    good, bad = (sum(column) for column in zip(*fine, strict=True))
    found = {}
    for more in range(min(limit.maximum_bins, len(fine))):
        for cuts in itertools.combinations(range(1, len(fine)), more):
            edges = (0, *cuts, len(fine))
            bins = [fine[i:j] for i, j in itertools.pairwise(edges)]
            sums = [(sum(g for g, _ in part), sum(b for _, b in part)) for part in bins]
            weights = [weight(g, b, good, bad) for g, b in sums]
            rises = [two[0] > one[0] for one, two in itertools.pairwise(weights)]
            falls = [two[0] < one[0] for one, two in itertools.pairwise(weights)]
            large = all(g + b >= limit.minimum_share * (good + bad) for g, b in sums)
            if not more or (large and all(rises if way is Direction.UP else falls)):
                found[(0, *cuts)] = sum(value for _, value in weights)
    return found


@given(counts, limits, ways)
def test_no_other_binning_is_better(fine: list[tuple[int, int]], limit: Limits, way: Direction) -> None:
    good, bad = (sum(column) for column in zip(*fine, strict=True))
    if not good or not bad:
        return
    goods, bads = (np.array(column) for column in zip(*fine, strict=True))
    best = best_binning(goods, bads, Totals(good, bad), limit, way)
    possible = every_binning(fine, limit, way)
    assert best.value == pytest.approx(max(possible.values()))
    assert best.value == pytest.approx(possible[best.starts])


def binned(name: str, limit: Limits, way: Direction = Direction.NONE, seed: int = 7) -> Binned:
    """A column of made-up people in its best bins."""
    table = table_of(people(800, seed))
    return bin_column(table.column(name), table.bad, limit, way)


@pytest.mark.parametrize("seed", range(5))
def test_evidence_is_monotone_and_no_bin_is_too_small(seed: int) -> None:
    found = binned("income", Limits(5, 0.08), seed=seed)
    assert found.direction is Direction.UP
    assert 2 <= len(found.starts) <= 5
    assert list(found.weights[:-1]) == sorted(found.weights[:-1])
    assert all(found.goods[:-1] + found.bads[:-1] >= 0.08 * 800)
    assert found.goods.sum() + found.bads.sum() == 800


def test_a_direction_against_the_data_leaves_one_bin() -> None:
    found = binned("income", Limits(), Direction.DOWN)
    assert found.starts == (0,)


def test_numbers_are_read_to_the_cent_and_what_is_absent_has_a_slot() -> None:
    table = table_of(people(800, 7))
    column = table.column("income")
    assert isinstance(column, Numbers)
    assert column.decimals == 2
    found = bin_column(column, table.bad, Limits())
    assert set(found.places(column)[column.absent]) == {len(found.starts)}
    assert found.goods[-1] + found.bads[-1] == column.absent.sum()


def test_categories_are_joined_in_the_order_of_their_evidence() -> None:
    table = table_of(people(2000, 7))
    column = table.column("home")
    assert isinstance(column, Categories)
    found = bin_column(column, table.bad, Limits())
    assert (found.groups[-1], found.direction) == (("own",), Direction.NONE)
    assert sorted(value for group in found.groups for value in group) == ["none", "own", "rent"]
    assert list(found.weights[:-1]) == sorted(found.weights[:-1])


def test_a_category_never_seen_has_the_slot_of_what_is_absent_and_no_evidence() -> None:
    seen, unseen = table_of(people(500, 7)), table_of(pd.DataFrame({"home": ["own", "tent"], "late": ["yes", "no"]}))
    found = bin_column(seen.column("home"), seen.bad, Limits())
    places = found.places(unseen.column("home"))
    assert places[1] == len(found.groups)
    assert found.weights[-1] == pytest.approx(0, abs=1e-12)
