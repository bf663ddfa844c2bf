"""Reconciliation reads the hot tables by their keys, however much there is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from services.runtime.queries import load_queries
from services.values.ids import least_id_at, new_id_of, new_renter_id

INDEXES = {
    "asked_between": "processor_operations_pkey",
    "deposits_of_payments": "processor_operations_by_result",
    "asked_of": "processor_operations_of",
    "waiting_since": "processor_operations_due",
    "ledger_of": "ledger_transfers_chain",
    "accounted_references": "reconciliation_differences_by_repair",
    "forget_differences": "reconciliation_differences_of",
    "list_differences": "reconciliation_differences_listed",
    "lease_run": "reconciliation_runs_due",
    "lease_repairs": "reconciliation_differences_due",
}


@pytest.fixture
def dsn(fresh_database: Callable[..., str]) -> str:
    return fresh_database("plans", "deposits")


@pytest.mark.parametrize("name", INDEXES)
async def test_no_statement_reads_a_whole_table(name: str, dsn: str) -> None:
    """The plans of empty tables, with reading them whole made dear, as it is when they are not empty."""
    statement = load_queries("services.deposits").statements[name]
    connection = await asyncpg.connect(dsn)
    try:
        taken = len((await connection.prepare(statement)).get_parameters())
        await connection.execute("SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off")
        await connection.execute(f"PREPARE asked AS {statement}")
        rows = await connection.fetch(f"EXPLAIN EXECUTE asked({', '.join(['NULL'] * taken)})")
    finally:
        await connection.close()
    plan = "\n".join(row[0] for row in rows)
    assert INDEXES[name] in plan
    assert "Seq Scan" not in plan


def test_ids_sort_by_the_moment_they_were_made_at() -> None:
    made = new_id_of("opn", new_renter_id("rnt"))
    now = datetime.now(UTC)
    assert least_id_at("opn", now - timedelta(seconds=1)) < made < least_id_at("opn", now + timedelta(seconds=1))
