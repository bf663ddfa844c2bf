"""The database's promises, on a real server: what is retried, what is told, and how long it may take."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from services.runtime.database import CommitUnknown, Database
from services.values.errors import Category, Refusal


@asynccontextmanager
async def connected(dsn: str, pool_size: int = 2) -> AsyncIterator[Database]:
    database = await Database.connect(dsn, pool_size=pool_size)
    try:
        yield database
    finally:
        await database.close()


async def test_jsonb_goes_both_ways_alone_and_in_arrays(fresh_database: Callable[[str], str]) -> None:
    value = {"名": ["ö", None, 1]}
    async with connected(fresh_database("json")) as db:
        assert await db.fetchval("SELECT $1::jsonb", value) == value
        assert await db.fetchval("SELECT array_agg(x) FROM unnest($1::jsonb[]) x", [value, value]) == [value, value]


async def test_a_bad_value_is_told_at_once(fresh_database: Callable[[str], str]) -> None:
    """It belongs to one item: told as it is, a batch can be split; as UNAVAILABLE it would fail whole."""
    async with connected(fresh_database("mistake")) as db:
        began = time.monotonic()
        with pytest.raises(asyncpg.DataError):
            await db.fetchval("SELECT $1::int", "no number")
        assert time.monotonic() - began < 1.0


async def test_a_serialization_failure_repeats_the_whole_transaction(fresh_database: Callable[[str], str]) -> None:
    async with connected(fresh_database("serial")) as db:
        await db.execute("CREATE TABLE t (n int)")
        runs = 0

        async def work(connection: Any) -> int:
            nonlocal runs
            runs += 1
            await connection.execute("INSERT INTO t VALUES ($1)", runs)
            if runs < 3:
                raise asyncpg.SerializationError("again")
            return runs

        assert await db.transaction(work) == 3
        assert await db.fetchval("SELECT array_agg(n) FROM t") == [3]


async def test_a_failure_of_the_work_leaves_nothing_and_a_clean_connection(
    fresh_database: Callable[[str], str],
) -> None:
    async with connected(fresh_database("clean"), pool_size=1) as db:
        await db.execute("CREATE TABLE t (n int PRIMARY KEY)")

        async def work(connection: Any) -> None:
            await connection.execute("INSERT INTO t VALUES (1)")
            await connection.execute("INSERT INTO t VALUES (1)")

        with pytest.raises(asyncpg.UniqueViolationError):
            await db.transaction(work)
        assert await db.fetchval("SELECT count(*) FROM t") == 0
        await db.execute("VACUUM t")  # which a connection still inside a transaction would refuse


async def test_a_cancelled_transaction_leaves_nothing_and_a_clean_connection(
    fresh_database: Callable[[str], str],
) -> None:
    async with connected(fresh_database("cancel"), pool_size=1) as db:
        await db.execute("CREATE TABLE t (n int)")

        async def work(connection: Any) -> None:
            await connection.execute("INSERT INTO t VALUES (1)")
            await connection.execute("SELECT pg_sleep(20)")

        running = asyncio.create_task(db.transaction(work))
        await asyncio.sleep(0.2)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert await db.fetchval("SELECT count(*) FROM t") == 0


async def test_a_statement_prepared_before_a_column_changed_is_prepared_again(
    fresh_database: Callable[[str], str],
) -> None:
    async with connected(fresh_database("altered"), pool_size=1) as db:
        await db.execute("CREATE TABLE t (n int)")
        await db.execute("INSERT INTO t VALUES (1)")

        async def read(connection: Any) -> int:
            return int(await connection.fetchval("SELECT n FROM t"))

        assert await db.transaction(read) == 1
        await db.execute("ALTER TABLE t ALTER n TYPE bigint")
        assert await db.transaction(read) == 1


async def test_a_backend_ended_in_mid_statement_is_retried(fresh_database: Callable[[str], str]) -> None:
    async with connected(fresh_database("midway"), pool_size=1) as db:
        pid = await db.fetchval("SELECT pg_backend_pid()")
        slow = asyncio.create_task(db.fetchval("SELECT 7 FROM pg_sleep(0.5)"))
        await asyncio.sleep(0.1)
        os.kill(pid, signal.SIGTERM)
        assert await slow == 7


async def test_a_connection_lost_while_committing_is_told_and_the_work_is_not_repeated(
    fresh_database: Callable[[str], str],
) -> None:
    """A deferred check makes COMMIT slow enough to be killed in: it stands for any loss before the answer."""
    async with connected(fresh_database("commit"), pool_size=1) as db:
        await db.execute("CREATE TABLE t (n int)")
        await db.execute(
            "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(20); RETURN NULL; END'"
        )
        await db.execute(
            "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION wait()"
        )
        runs = []

        async def work(connection: Any) -> None:
            runs.append(await connection.fetchval("SELECT pg_backend_pid()"))
            await connection.execute("INSERT INTO t VALUES (1)")

        committing = asyncio.create_task(db.transaction(work))
        await asyncio.sleep(0.3)
        os.kill(runs[0], signal.SIGTERM)
        with pytest.raises(CommitUnknown) as told:
            await committing
        assert len(runs) == 1
        assert isinstance(told.value, Refusal)
        assert (told.value.category, told.value.reason) == (Category.UNAVAILABLE, "DATABASE_UNAVAILABLE")


async def test_a_refused_connection_is_unavailable_within_the_time_given() -> None:
    async with connected("postgresql://x:y@127.0.0.1:1/none") as db:
        began = time.monotonic()
        with pytest.raises(Refusal) as told:
            await db.fetchval("SELECT 1", timeout=0.5)
        assert (told.value.category, told.value.reason) == (Category.UNAVAILABLE, "DATABASE_UNAVAILABLE")
        assert time.monotonic() - began < 1.0


@pytest.mark.parametrize("how", ["statement", "transaction", "waiting for a connection"])
async def test_a_server_that_hangs_is_unavailable_within_the_time_given(
    fresh_database: Callable[[str], str], how: str
) -> None:
    async with connected(fresh_database("hangs"), pool_size=1) as db:
        pid = await db.fetchval("SELECT pg_backend_pid()")

        async def work(connection: Any) -> None:
            await connection.execute("SELECT 1")

        os.kill(pid, signal.SIGSTOP)
        holder = asyncio.create_task(db.fetchval("SELECT 1", timeout=2)) if how.startswith("waiting") else None
        await asyncio.sleep(0)
        call = db.transaction(work, timeout=0.5) if how == "transaction" else db.fetchval("SELECT 1", timeout=0.5)
        began = time.monotonic()
        try:
            with pytest.raises(Refusal, match="DATABASE_UNAVAILABLE"):
                await call
            assert time.monotonic() - began < 1.5
        finally:
            os.kill(pid, signal.SIGCONT)
            if holder is not None:
                await asyncio.gather(holder, return_exceptions=True)
