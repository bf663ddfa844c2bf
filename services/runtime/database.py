"""The one way to PostgreSQL: a small pool, single statements, and whole transactions that are retried.

What is retried is the list of errors that say "try the same again": serialization, deadlock, failover, a lost or
refused connection. A connection lost during COMMIT is ambiguous and is told as such: look before repeating.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import asyncpg

from services.values.errors import Category, Refusal

T = TypeVar("T")

TRANSIENT_STATES = frozenset({"40001", "40P01", "25006", "57P01", "57P02", "57P03", "53300"})
ACQUIRE_SECONDS = 5.0
DEFAULT_SECONDS = 8.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.5
_ROLL_BACK_SECONDS = 1.0
_DRIVER_ERRORS = (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError)

Connection = asyncpg.pool.PoolConnectionProxy


class CommitUnknown(Refusal):
    """The connection was lost while committing: the work may or may not be durable.

    Look before repeating. To a caller it is UNAVAILABLE, because repeating the call with its `request_id` looks.
    """

    def __init__(self) -> None:
        super().__init__(Category.UNAVAILABLE, "DATABASE_UNAVAILABLE", "the database did not answer; retry later")


def is_transient(error: BaseException) -> bool:
    """Whether the same work may succeed when tried again as a whole."""
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return (
            state in TRANSIENT_STATES
            or state.startswith("08")
            or isinstance(error, asyncpg.InvalidCachedStatementError)
        )
    return isinstance(error, _DRIVER_ERRORS)


async def _no_reset(_connection: Any) -> None:
    """No session state is used, so a connection goes back as it is: one round trip less."""


async def _set_codecs(connection: asyncpg.Connection[Any]) -> None:
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")


_SESSION = {"plan_cache_mode": "force_generic_plan", "random_page_cost": "1.1"}
"""One plan per statement, made once, which looks rows up by their keys: docs/decisions/0009."""


class Database:
    """A pool of connections to one database.

    Every `timeout` is in seconds and covers everything: waiting for a connection, the statements, all attempts.
    """

    def __init__(self, pool: asyncpg.Pool[Any], acquire_timeout: float = ACQUIRE_SECONDS) -> None:
        self._pool = pool
        self._acquire_timeout = acquire_timeout

    @classmethod
    async def connect(cls, dsn: str, *, pool_size: int, acquire_timeout: float = ACQUIRE_SECONDS) -> Database:
        """Opens a pool; the first connections are made when first used, so a service starts without its database."""
        pool = asyncpg.create_pool(
            dsn,
            min_size=0,
            max_size=pool_size,
            init=_set_codecs,
            reset=_no_reset,
            command_timeout=DEFAULT_SECONDS,
            server_settings=_SESSION,
        )
        await pool
        return cls(pool, acquire_timeout)

    async def close(self) -> None:
        """Closes the pool, at once when connections do not come back within five seconds."""
        try:
            await asyncio.wait_for(self._pool.close(), 5.0)
        except TimeoutError:
            self._pool.terminate()

    async def fetch(self, sql: str, *args: object, timeout: float = DEFAULT_SECONDS) -> list[asyncpg.Record]:
        """Rows of one statement, in a transaction of its own.

        A statement whose connection breaks is tried again although it may have been committed: one that writes has
        to be safe to repeat (a unique key, a compare-and-set whose caller looks again).
        """
        return await self._single(lambda c, left: c.fetch(sql, *args, timeout=left), timeout)

    async def fetchrow(self, sql: str, *args: object, timeout: float = DEFAULT_SECONDS) -> asyncpg.Record | None:
        """First row of one statement; see `fetch`."""
        return await self._single(lambda c, left: c.fetchrow(sql, *args, timeout=left), timeout)

    async def fetchval(self, sql: str, *args: object, timeout: float = DEFAULT_SECONDS) -> Any:
        """First column of the first row of one statement; see `fetch`."""
        return await self._single(lambda c, left: c.fetchval(sql, *args, timeout=left), timeout)

    async def execute(self, sql: str, *args: object, timeout: float = DEFAULT_SECONDS) -> str:
        """The command tag of one statement; see `fetch`."""
        return await self._single(lambda c, left: c.execute(sql, *args, timeout=left), timeout)

    async def transaction(self, work: Callable[[Any], Awaitable[T]], timeout: float = DEFAULT_SECONDS) -> T:
        """Runs `work(connection)` in a transaction and commits; the whole is retried on transient errors.

        Raises:
            CommitUnknown: the connection was lost during COMMIT.
            Refusal: DATABASE_UNAVAILABLE when `timeout` seconds of retries were not enough.
        """

        async def attempt(connection: Any, left: float) -> T:
            ends = time.monotonic() + left
            begun = connection.transaction()
            try:
                async with asyncio.timeout(left):
                    await begun.start()
                    result = await work(connection)
            except BaseException:
                await _roll_back(connection, begun)
                raise
            await _commit(begun, ends - time.monotonic())
            return result

        return await self._single(attempt, timeout)

    async def _single(self, attempt: Callable[[Any, float], Awaitable[T]], timeout: float) -> T:
        ends = time.monotonic() + timeout
        pause = _FIRST_PAUSE
        while True:
            try:
                return await self._attempt(attempt, ends)
            except Exception as error:
                if not is_transient(error):
                    raise
                wait = pause * random.uniform(0.5, 1.5)  # noqa: S311 (jitter, not a secret)
                if time.monotonic() + wait >= ends:
                    raise unavailable() from error
            await asyncio.sleep(wait)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _attempt(self, attempt: Callable[[Any, float], Awaitable[T]], ends: float) -> T:
        patience = min(self._acquire_timeout, max(ends - time.monotonic(), 0.001))
        connection = await self._pool.acquire(timeout=patience)
        try:
            return await attempt(connection, max(ends - time.monotonic(), 0.001))
        except (TimeoutError, asyncpg.InternalClientError):
            connection.terminate()
            raise
        finally:
            await self._pool.release(connection, timeout=_ROLL_BACK_SECONDS)


async def _roll_back(connection: Any, begun: Any) -> None:
    """Nothing of the transaction may stay: a connection that cannot roll back is closed."""
    try:
        async with asyncio.timeout(_ROLL_BACK_SECONDS):
            await begun.rollback()
    except (asyncpg.PostgresError, *_DRIVER_ERRORS):
        connection.terminate()


async def _commit(begun: Any, left: float) -> None:
    try:
        async with asyncio.timeout(max(left, 0.001)):
            await begun.commit()
    except asyncpg.PostgresError as error:
        if (error.sqlstate or "").startswith(("08", "57P")):
            raise CommitUnknown from error
        raise
    except _DRIVER_ERRORS as error:
        raise CommitUnknown from error


def unavailable() -> Refusal:
    """The refusal of a call whose database does not answer."""
    return Refusal(Category.UNAVAILABLE, "DATABASE_UNAVAILABLE", "the database did not answer; retry later")
