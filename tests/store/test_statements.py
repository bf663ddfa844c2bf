"""Every statement of every service fits the schema that its migrations make, and the schema can move."""

from __future__ import annotations

import re
from collections.abc import Callable

import asyncpg
import pytest

from services.cli.home import SERVICES
from services.runtime.migrations import migrations_of
from services.runtime.queries import load_queries

_NOT_PORTABLE = re.compile(
    r"\bCREATE\s+(?:OR\s+REPLACE\s+)?(?:TRIGGER|DOMAIN|EXTENSION)\b|\bDEFERRABLE\b|\bEXCLUDE\b", re.IGNORECASE
)
_EVERYTHING = re.compile(r"\bSELECT\s+(?:\w+\.)?\*", re.IGNORECASE)
_WALL_CLOCK = re.compile(r"\b(?:now|clock_timestamp|random|gen_random_uuid)\(\)|\bcurrent_timestamp\b", re.IGNORECASE)


@pytest.fixture
def dsn(service: str, fresh_database: Callable[..., str]) -> str:
    """A database with the service's schema."""
    return fresh_database(f"statements_{service}", service)


@pytest.mark.parametrize("service", SERVICES)
async def test_every_statement_prepares(service: str, dsn: str) -> None:
    statements = load_queries(f"services.{service}").statements
    assert statements
    connection = await asyncpg.connect(dsn)
    try:
        for name, statement in statements.items():
            try:
                await connection.prepare(statement)
            except asyncpg.PostgresError as error:
                pytest.fail(f"{service}: {name}: {error}")
    finally:
        await connection.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_what_is_said_and_forgotten_of_a_person_is_asked_by_bucket_and_id(service: str, dsn: str) -> None:
    statements = load_queries(f"services.{service}").statements
    asked = {name: statement for name, statement in statements.items() if name.startswith("privacy_")}
    assert asked
    connection = await asyncpg.connect(dsn)
    try:
        for name, statement in asked.items():
            taken = (await connection.prepare(statement)).get_parameters()
            assert [kind.name for kind in taken] == ["int4", "text"], f"{service}: {name}"
    finally:
        await connection.close()


@pytest.mark.parametrize("service", SERVICES)
def test_statements_name_their_columns_and_take_time_as_a_parameter(service: str) -> None:
    for name, statement in load_queries(f"services.{service}").statements.items():
        assert not _EVERYTHING.search(statement), f"{service}: {name} selects everything"
        assert not _WALL_CLOCK.search(statement), f"{service}: {name} reads a clock or makes an id"


@pytest.mark.parametrize("service", SERVICES)
def test_migrations_use_nothing_that_would_not_move(service: str) -> None:
    for migration in migrations_of(f"services.{service}"):
        found = _NOT_PORTABLE.search(migration.sql)
        assert found is None, f"{service}: {migration.name}: {found and found.group()}"


@pytest.mark.parametrize("service", SERVICES)
async def test_whatever_leads_with_a_bucket_has_it_in_every_key(service: str, dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            """
            SELECT t.relname AS on_table, i.relname AS name
            FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
            JOIN pg_attribute b ON b.attrelid = t.oid AND b.attname = 'bucket'
            WHERE x.indisunique AND NOT b.attnum = ANY(x.indkey) AND t.relnamespace = 'public'::regnamespace
            """
        )
        assert not rows, f"{service}: {[(row['on_table'], row['name']) for row in rows]}"
    finally:
        await connection.close()
