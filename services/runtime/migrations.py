"""Migrations: numbered plain SQL files, each applied once, in order, and never changed afterwards.

One transaction a file with a lock timeout; a file whose first line is `-- no-transaction` runs outside one, a statement
at a time, and has to be safe to repeat from its beginning. The lock that keeps two runners apart is polled: a runner
that blocks on it would deadlock with CREATE INDEX CONCURRENTLY.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import asyncpg

from services.runtime.queries import statements_of

_FILE = re.compile(r"^(?P<version>\d{4})_(?P<name>\w+)\.sql$")
_LOCK = 0x66726565
_LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"
_CREATE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version int PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL
)"""


class MigrationError(Exception):
    """The database's schema and the code's migrations do not agree."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file."""

    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations_of(package: str) -> list[Migration]:
    """The files of `<package>/migrations`, in order; raises MigrationError on a gap or a bad name."""
    found = []
    for file in (resources.files(package) / "migrations").iterdir():
        if not file.name.endswith(".sql"):
            continue
        match = _FILE.match(file.name)
        if match is None:
            raise MigrationError(f"{package}: {file.name} is not named NNNN_name.sql")
        found.append(Migration(int(match["version"]), match["name"], file.read_text(encoding="utf-8")))
    found.sort(key=lambda m: m.version)
    if [m.version for m in found] != list(range(1, len(found) + 1)):
        raise MigrationError(f"{package}: migrations are not numbered 1, 2, 3 … without gaps")
    return found


async def migrate(dsn: str, package: str) -> int:
    """Applies what is missing; answers how many files. Raises MigrationError when an applied file has changed."""
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await _lock(connection)
        await connection.execute(_CREATE)
        missing = _compare(package, await _applied(connection))
        for migration in missing:
            await _apply(connection, migration)
        return len(missing)
    finally:
        await connection.close()


async def verify(dsn: str, package: str) -> None:
    """Raises MigrationError when the schema is behind, ahead of, or other than the code; services call it at start."""
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        if await connection.fetchval("SELECT to_regclass('schema_migrations')") is None:
            raise MigrationError(f"{package}: the database has no schema; run `freehold migrate`")
        missing = _compare(package, await _applied(connection))
        if missing:
            names = ", ".join(f"{m.version:04}_{m.name}" for m in missing)
            raise MigrationError(f"{package}: not applied: {names}; run `freehold migrate`")
    finally:
        await connection.close()


async def _lock(connection: asyncpg.Connection[Any]) -> None:
    for _ in range(600):
        if await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
            return
        await asyncio.sleep(0.1)
    raise MigrationError("another migration has been running for a minute")


async def _applied(connection: asyncpg.Connection[Any]) -> dict[int, tuple[str, str]]:
    rows = await connection.fetch("SELECT version, name, sha256 FROM schema_migrations")
    return {row["version"]: (row["name"], row["sha256"]) for row in rows}


def _compare(package: str, applied: dict[int, tuple[str, str]]) -> list[Migration]:
    known = migrations_of(package)
    ahead = sorted(set(applied) - {m.version for m in known})
    if ahead:
        raise MigrationError(f"{package}: the database is ahead of this code: version {ahead[0]:04}")
    for migration in known:
        if migration.version in applied and applied[migration.version][1] != migration.sha256:
            raise MigrationError(f"{package}: {migration.version:04}_{migration.name} was changed after it was applied")
    return [m for m in known if m.version not in applied]


async def _apply(connection: asyncpg.Connection[Any], migration: Migration) -> None:
    record = "INSERT INTO schema_migrations (version, name, sha256, applied_at) VALUES ($1, $2, $3, $4)"
    values = (migration.version, migration.name, migration.sha256, datetime.now(UTC))
    if migration.sql.startswith("-- no-transaction"):
        for statement in statements_of(migration.sql):
            await connection.execute(statement)
        await connection.execute(record, *values)
        return
    async with connection.transaction():
        await connection.execute(_LOCK_TIMEOUT)
        await connection.execute(migration.sql)
        await connection.execute(record, *values)
