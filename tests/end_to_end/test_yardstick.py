"""The benchmark compares like with like: a rental leaves the same rows in Freehold, the plain build and pgbench."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks.books import Books
from benchmarks.houses import House, freehold, plain_build
from benchmarks.rounds import Contestant
from benchmarks.scratch import scratch
from benchmarks.yardstick import pgbench

ASSETS = 5_000
CLIENTS, RENTALS_EACH = 4, 25


async def test_a_rental_leaves_the_same_rows_in_every_build(tmp_path: Path) -> None:
    async with freehold(tmp_path / "freehold", ASSETS) as (house, ready):
        dsns = await scratch(ready.home.path, "yardstick", house.names, b"")
        ours = await _rows_per_rental(house)
        async with plain_build(tmp_path / "plain", ready, house.names) as peers:
            assert await _rows_per_rental(peers) == ours

        books = await Books.open(dsns)
        before = await books.rows()
        partner = house.names.partner_id
        await pgbench(ready.home.path, "yardstick", partner, clients=CLIENTS, base=0, rentals_each=RENTALS_EACH)
        assert _grown(before, await books.rows(), CLIENTS * RENTALS_EACH) == ours
        await books.close()
    assert ours["rental.rentals"] == ours["deposits.deposits"] == ours["scoring.facts"] == 1


async def _rows_per_rental(house: House) -> dict[str, float]:
    books = await Books.open(house.dsns)
    try:
        before = await books.rows()
        contestant = Contestant("any", house, books)
        await contestant.measure("rows", 8, 0.5)
        assert await books.findings(contestant.acknowledged) == []
        return _grown(before, await books.rows(), contestant.acknowledged)
    finally:
        await books.close()


def _grown(before: Mapping[str, int], after: Mapping[str, int], rentals: int) -> dict[str, float]:
    """Rows per rental that each table has grown by."""
    return {table: (count - before[table]) / rentals for table, count in after.items()}
