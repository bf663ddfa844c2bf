"""What was there before policies had scopes goes on as it was: versions in force, open waivers, bad records."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import asyncpg
import pytest
import pytest_asyncio

from services.runtime.migrations import migrations_of

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest_asyncio.fixture
async def connection(fresh_database: Callable[..., str]) -> AsyncIterator[asyncpg.Connection]:
    """An empty database."""
    opened = await asyncpg.connect(fresh_database("before_scopes"))
    yield opened
    await opened.close()


async def before(connection: asyncpg.Connection, service: str, name: str) -> str:
    """The schema before a migration; gives its text."""
    for migration in migrations_of(f"services.{service}"):
        if name in migration.name:
            return migration.sql
        await connection.execute(migration.sql)
    raise AssertionError(f"no migration {name}")


async def test_a_version_stays_in_force_and_open_waivers_count_by_amount(connection: asyncpg.Connection) -> None:
    step = await before(connection, "deposits", "policies_by_scope")
    await connection.execute(
        "INSERT INTO policies (partner_id, asset_kind, version, policy_id, threshold, currency, deposit_minor,"
        " max_open_waived, reason, author, effective_at)"
        " VALUES ('ptn_1', 'BIKE', 1, 'pol_1', 600, 'CNY', 9900, 3, 'r', 'ptn_1', $1)",
        NOON,
    )
    await connection.execute("INSERT INTO exposures (bucket, renter_id, open_count) VALUES (1, 'a', 3), (1, 'b', 0)")
    for number, (state, currency) in enumerate(
        [("WAIVED", "CNY"), ("WAIVED", "CNY"), ("WAIVED", "EUR"), ("CLOSED", "CNY")]
    ):
        await connection.execute(
            "INSERT INTO deposits (bucket, deposit_id, rental_id, renter_id, partner_id, state, outcome, reason_codes,"
            " policy_id, model_version, currency, amount_minor, payment_ref, decided_at, compensation_limit_minor)"
            " VALUES (1, $1, $1, 'a', 'ptn_1', $2, 'ADMITTED', '{}', 'pol_1', 'm', $3, 9900, '', $4, 9900)",
            f"d{number}",
            state,
            currency,
            NOON,
        )
    await connection.execute(step)
    kept = await connection.fetch("SELECT renter_id, open_count, waived_minor::text FROM exposures ORDER BY renter_id")
    assert [tuple(row) for row in kept] == [("a", 3, '{"CNY": 19800, "EUR": 9900}'), ("b", 0, "{}")]
    (policy,) = await connection.fetch("SELECT state, created_at, city, tiers::text FROM policies")
    assert tuple(policy) == ("ACCEPTED", NOON, "", "[]")


@pytest.mark.parametrize(
    ("told", "bad"),
    [
        ([("RENTAL_LOST", "", "COUNTED")], True),
        ([("RENTAL_LOST", "", "DISPUTED")], False),
        ([("RENTAL_RETURNED_LATE", "", "COUNTED")], False),
        ([("PAYMENT_WRITTEN_OFF", "rtl_1", "COUNTED")], True),
        ([("PAYMENT_WRITTEN_OFF", "rtl_1", "COUNTED"), ("PAYMENT_CURED", "rtl_1", "COUNTED")], False),
    ],
)
async def test_bad_records_of_before_are_known(
    connection: asyncpg.Connection, told: list[tuple[str, str, str]], bad: bool
) -> None:
    step = await before(connection, "scoring", "bad_records")
    await connection.execute(
        "INSERT INTO scores (bucket, renter_id, facts_open, reason_codes, model_version, assessment, facts,"
        " computed_at) VALUES (1, 'a', true, '{}', 'm', '{}', 1, $1)",
        NOON,
    )
    for kind, about, state in told:
        await connection.execute(
            "INSERT INTO facts (bucket, fact_id, renter_id, kind, occurred_at, recorded_at, state, about)"
            " VALUES (1, $1, 'a', $1, $2, $2, $3, $4)",
            kind,
            NOON,
            state,
            about,
        )
    await connection.execute(step)
    assert await connection.fetchval("SELECT bad_record_at FROM scores") == (NOON if bad else None)
