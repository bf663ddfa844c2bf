"""What a hold costs, without a clock: round trips and WAL of a batch, and plans that do not depend on what is there."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import asyncpg
import pytest
from deposits_desk import Desk

from benchmarks.ledger_books import Ledger
from services.deposits.domain import Deposit
from services.deposits.operations.settling import SettleItem
from services.runtime.database import Database
from services.runtime.queries import load_queries
from services.values.money import Money

T = TypeVar("T")
SQL = load_queries("services.deposits").statements
NAMES = {statement: name for name, statement in SQL.items()}
BATCH = 32
FARE = Money("CNY", 150)
A_BATCH = Counter(secure=1, find_by_rental=1, read_changing=3, write_changes=3)
MOST_WAL = 21_000
"""Bytes a hold; 16,900 were measured on fresh tables, whose index pages split often."""
HOT = ("secure", "find_by_rental", "lock_deposits", "read_changing", "write_changes", "roll_up")
LOOKED_UP = re.compile(r"Seq Scan on (deposits|holds|processor_operations|ledger_(heads|transfers|entries|balances)) ")


class Counted(Database):
    """A database that counts what it is asked, by the names of the statements; readers may wait for each other."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.asked: Counter[str] = Counter()
        self.readers: asyncio.Barrier | None = None

    async def _attempt(self, attempt: Callable[[Any, float], Awaitable[T]], ends: float) -> T:
        return await super()._attempt(lambda connection, left: attempt(_Connection(connection, self), left), ends)

    async def meet(self) -> None:
        if self.readers is not None:
            await self.readers.wait()
            self.readers = None


class _Connection:
    def __init__(self, connection: Any, db: Counted) -> None:
        self._connection = connection
        self._db = db
        self._asked = db.asked

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def transaction(self) -> Any:
        self._asked.update(["BEGIN", "COMMIT"])
        return self._connection.transaction()

    async def fetch(self, sql: str, *args: object, **options: Any) -> Any:
        self._asked[NAMES.get(sql, "other")] += 1
        rows = await self._connection.fetch(sql, *args, **options)
        if sql == SQL["read_changing"]:
            await self._db.meet()
        return rows

    async def execute(self, sql: str, *args: object, **options: Any) -> Any:
        self._asked[NAMES.get(sql, "other")] += 1
        return await self._connection.execute(sql, *args, **options)


@pytest.fixture
def dsn(fresh_database: Callable[..., str]) -> str:
    return fresh_database("costs", "deposits")


@pytest.fixture
async def db(dsn: str) -> AsyncIterator[Counted]:
    db = await Counted.connect(dsn, pool_size=4)
    assert isinstance(db, Counted)
    yield db
    await db.close()


async def holds(ledger: Ledger, count: int) -> None:
    await asyncio.gather(*(ledger.hold(partners=3) for _ in range(count)))


@pytest.mark.parametrize("count", [1, BATCH])
async def test_a_batch_costs_as_many_round_trips_as_a_lone_hold_and_no_transaction(
    db: Counted, dsn: str, count: int
) -> None:
    ledger = Ledger(db)
    await holds(ledger, count)
    assert db.asked == A_BATCH
    assert await ledger.findings(dsn) == []


async def test_a_hold_writes_so_much_wal_and_no_more(db: Counted, dsn: str) -> None:
    ledger, reader = Ledger(db), await asyncpg.connect(dsn)
    await holds(ledger, 4 * BATCH)
    before = await wal(reader)
    await holds(ledger, 4 * BATCH)
    each = (await wal(reader) - before) / (4 * BATCH)
    await reader.close()
    assert 2_000 < each < MOST_WAL, each


async def test_who_finds_a_deposit_moved_on_decides_again_on_what_is_there(db: Counted, dsn: str) -> None:
    desk = Desk(db)
    await desk.open()
    outcome = await desk.secure(desk.item(await desk.person(500)))
    assert isinstance(outcome, Deposit)
    await desk.carry_out()
    db.asked.clear()
    db.readers = asyncio.Barrier(4)
    settled = await asyncio.gather(*(desk.settling.settle([SettleItem(outcome.rental_id, FARE)]) for _ in range(4)))
    assert db.asked["lock_deposits"] == db.asked["BEGIN"] == 3
    assert [deposit.charged_minor for (deposit,) in settled if isinstance(deposit, Deposit)] == [FARE.amount_minor] * 4
    await desk.carry_out()
    assert (await desk.deposit(outcome.deposit_id)).paid_minor == FARE.amount_minor
    assert await desk.findings() == ()


async def wal(connection: Any) -> int:
    return int(await connection.fetchval("SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint"))


@pytest.mark.parametrize("rows", [0, 100])
async def test_what_a_batch_looks_up_is_looked_up_by_key_whatever_the_planner_knows(
    db: Counted, dsn: str, rows: int
) -> None:
    await holds(Ledger(db), rows)
    if rows:
        await db.execute("ANALYZE")
    for name in HOT:
        plan = await db.transaction(lambda connection, name=name: explained(connection, SQL[name]))  # type: ignore[misc]
        assert not LOOKED_UP.search(plan), f"{name}: {plan}"


async def explained(connection: Any, statement: str) -> str:
    takes = (await connection.prepare(statement)).get_parameters()
    await connection.execute(f"PREPARE explained AS {statement}")
    rows = await connection.fetch(f"EXPLAIN EXECUTE explained ({', '.join('NULL' for _ in takes)})")
    await connection.execute("DEALLOCATE explained")
    return "\n".join(row[0] for row in rows)


def test_whoever_changes_a_deposit_counts_it() -> None:
    """`write_changes` relies on it: a deposit that changed has another version."""
    changing = [name for name, statement in SQL.items() if re.search(r"UPDATE deposits\b", statement)]
    assert len(changing) >= 3
    for name in changing:
        assert re.search(r"version = (d\.)?version \+ 1", SQL[name]), name
