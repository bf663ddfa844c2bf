"""Migrations on a real server: once, in order, never changed, and never two runners at a time."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from services.runtime.migrations import MigrationError, migrate, verify

Package = Callable[..., str]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    """`package(first="CREATE …", second="…")` is a package whose migrations are 0001_first.sql, 0002_second.sql …"""
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = tmp_path / "service_under_test" / "migrations"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    importlib.invalidate_caches()

    def make(**files: str) -> str:
        for number, (name, sql) in enumerate(files.items(), start=1):
            (folder / f"{number:04}_{name}.sql").write_text(sql)
        return folder.parent.name

    yield make
    sys.modules.pop(folder.parent.name, None)


async def ask(dsn: str, sql: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return list(await connection.fetch(sql))
    finally:
        await connection.close()


async def test_what_is_missing_is_applied_once_and_in_order(
    fresh_database: Callable[[str], str], package: Package
) -> None:
    dsn, name = fresh_database("migrate"), package(table="CREATE TABLE t (n int)", row="INSERT INTO t VALUES (1)")
    with pytest.raises(MigrationError, match="run `freehold migrate`"):
        await verify(dsn, name)
    assert await migrate(dsn, name) == 2
    assert await migrate(dsn, name) == 0
    await verify(dsn, name)
    assert [row["n"] for row in await ask(dsn, "SELECT n FROM t")] == [1]


async def test_a_schema_that_is_behind_ahead_or_changed_is_refused(
    fresh_database: Callable[[str], str], package: Package, tmp_path: Path
) -> None:
    dsn, name = fresh_database("drift"), package(table="CREATE TABLE t (n int)")
    await migrate(dsn, name)
    package(table="CREATE TABLE t (n int)", column="ALTER TABLE t ADD m int")
    with pytest.raises(MigrationError, match="0002_column"):
        await verify(dsn, name)
    await migrate(dsn, name)
    package(table="CREATE TABLE t (n bigint)")
    for check in (verify, migrate):
        with pytest.raises(MigrationError, match="0001_table was changed"):
            await check(dsn, name)
    package(table="CREATE TABLE t (n int)")
    (tmp_path / name / "migrations" / "0002_column.sql").unlink()
    for check in (verify, migrate):
        with pytest.raises(MigrationError, match="ahead"):
            await check(dsn, name)


async def test_a_gap_and_a_bad_name_are_refused(
    fresh_database: Callable[[str], str], package: Package, tmp_path: Path
) -> None:
    dsn, name = fresh_database("names"), package(one="SELECT 1", two="SELECT 2", three="SELECT 3")
    folder = tmp_path / name / "migrations"
    (folder / "0002_two.sql").unlink()
    with pytest.raises(MigrationError, match="gaps"):
        await migrate(dsn, name)
    (folder / "2_two.sql").write_text("SELECT 2")
    with pytest.raises(MigrationError, match="2_two"):
        await migrate(dsn, name)


async def test_a_file_that_fails_leaves_nothing_of_itself(
    fresh_database: Callable[[str], str], package: Package
) -> None:
    dsn, name = (
        fresh_database("fails"),
        package(good="CREATE TABLE t (n int)", bad="ALTER TABLE t ADD m int; SELECT 1/0"),
    )
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(dsn, name)
    columns = await ask(dsn, "SELECT column_name FROM information_schema.columns WHERE table_name = 't'")
    assert [row["column_name"] for row in columns] == ["n"]
    with pytest.raises(MigrationError, match="0002_bad"):
        await verify(dsn, name)


async def test_two_runners_at_once_apply_everything_once_also_with_an_index_made_concurrently(
    fresh_database: Callable[[str], str], package: Package
) -> None:
    """A runner that blocked in pg_advisory_lock would hold a snapshot that CREATE INDEX CONCURRENTLY waits for."""
    dsn = fresh_database("runners")
    name = package(
        table="CREATE TABLE t (n int); INSERT INTO t SELECT generate_series(1, 10000)",
        index="-- no-transaction\n-- Again after a failure: an invalid index of the name may be left.\n"
        "DROP INDEX CONCURRENTLY IF EXISTS t_n;\nCREATE INDEX CONCURRENTLY t_n ON t (n);\n",
    )
    async with asyncio.timeout(20):
        applied = await asyncio.gather(*(migrate(dsn, name) for _ in range(3)))
    assert sorted(applied) == [0, 0, 2]
    assert [
        row["indisvalid"]
        for row in await ask(dsn, "SELECT indisvalid FROM pg_index WHERE indexrelid = 't_n'::regclass")
    ] == [True]


async def test_a_migration_does_not_queue_behind_a_lock_for_long(
    fresh_database: Callable[[str], str], package: Package
) -> None:
    """While an ALTER TABLE waits for its lock, every later reader of the table waits behind it."""
    dsn, name = fresh_database("locked"), package(table="CREATE TABLE t (n int)")
    await migrate(dsn, name)
    package(table="CREATE TABLE t (n int)", column="SET LOCAL lock_timeout = '100ms'; ALTER TABLE t ADD m int")
    reader = await asyncpg.connect(dsn)
    try:
        transaction = reader.transaction()
        await transaction.start()
        await reader.fetch("SELECT n FROM t")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await migrate(dsn, name)
        await transaction.rollback()
    finally:
        await reader.close()
    assert await migrate(dsn, name) == 1
