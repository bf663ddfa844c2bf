"""Group commit on one SQLite file: all that one turn of the event loop brings shares one transaction.

Work runs in the loop's own thread, so it needs no locks and sees all work before it. Nobody gets an answer before the
transaction that holds what they did, or what they saw, is committed. A commit hands its pages to the operating system
without waiting for the disk (`synchronous = OFF`): it survives `kill -9` of this process, not a loss of power.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from services.sandbox.hosting import ApiError

T = TypeVar("T")

_PRAGMAS = """
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -1024;
"""


class Journal:
    """One connection, one writer, one process: a second process on the same file is refused (sqlite3.Error)."""

    def __init__(self, path: Path, schema: str) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        self._waiting: list[asyncio.Future[None]] = []
        self.connection.executescript(_PRAGMAS + schema)

    async def run(self, work: Callable[[], T]) -> T:
        """Do `work`, which returns or refuses with ApiError before it writes; answer when it is durable.

        Any other failure undoes the whole group: each of its callers gets an error, and nothing of theirs happened.
        """
        if not self.connection.in_transaction:
            self.connection.execute("BEGIN")
            asyncio.get_running_loop().call_soon(self._commit)
        try:
            return work()
        except ApiError:
            raise
        except Exception as error:
            self._undo(error)
            raise
        finally:
            await self._durable()

    def close(self) -> None:
        """Commit what is open and close the file."""
        self._commit()
        self.connection.close()

    async def _durable(self) -> None:
        if self.connection.in_transaction:
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            await waiter

    def _commit(self) -> None:
        if not self.connection.in_transaction:
            return
        try:
            self.connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._undo(error)
        else:
            self._wake(None)

    def _undo(self, error: Exception) -> None:
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")
        self._wake(error)

    def _wake(self, error: Exception | None) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if waiter.done():
                continue
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(RuntimeError(f"undone with its group: {type(error).__name__}"))
