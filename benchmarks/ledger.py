"""The ledger under load: two-phase holds, batched as deposits batches them, beside pgbench calling one function a hold.

One hold is: decided, authorized (pending), settled, captured in part and released (posted). Both sides write the same
rows, links of the renters' chains among them. The function also keeps partners' days current; we roll them up, and the
roll-up's work lies inside our timed window. Processors are left out on both sides. Afterwards the books of both are
audited.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg

from benchmarks.ledger_books import Ledger
from benchmarks.machine import CpuMeter
from benchmarks.yardstick import pgbench
from services.runtime.database import Database
from services.runtime.migrations import migrate
from services.runtime.postgres import EmbeddedPostgres
from services.runtime.service import calm_collector

IN_FLIGHT = (64, 256)
PARTNERS = 1000
ROUNDS = 3
CLIENTS = (8, 16, 24)
POOL = 8
WARM_UP_SECONDS = 2.0
WANTED_SPREAD, WANTED_HOT = 2, 4
"""How many times pgbench's rate is wanted."""
FUNCTION = Path(__file__).with_name("ledger_function.sql")
SPREAD, HOT = (Path(__file__).with_name(f"ledger_{which}.pgbench") for which in ("spread", "hot"))
DATABASE = "ledger_bench"
COSTS = ("client_us", "postgres_us", "wal_bytes")


@dataclass(frozen=True, slots=True)
class Round:
    """Holds per second of one side, and what one costs: CPU µs of the client (our Python, pgbench) and of PostgreSQL,
    bytes of WAL."""

    per_second: float
    client_us: float
    postgres_us: float
    wal_bytes: float


async def ledger(home: Path, postgres_pid: int, seconds: float) -> dict[str, Any]:
    """Partners spread, then one partner that takes all: ours and pgbench in turn, three rounds, medians; of both with
    the number in flight that serves it best."""
    server = EmbeddedPostgres(home)
    dsn = await _prepare(server)
    db = await Database.connect(dsn, pool_size=POOL)
    contest = _Contest(home, db, postgres_pid, seconds)
    calm_collector()
    try:
        await contest.warm_up()
        spread = await contest.compare(PARTNERS, SPREAD, WANTED_SPREAD)
        hot = await contest.compare(1, HOT, WANTED_HOT)
        findings = await contest.books.findings(dsn)
    finally:
        await db.close()
    return {"partners_spread": spread, "one_partner": hot, "findings": findings}


async def _prepare(server: EmbeddedPostgres) -> str:
    connection = await asyncpg.connect(server.dsn("postgres"))
    await connection.execute(f'CREATE DATABASE "{DATABASE}" TEMPLATE template0')
    await connection.close()
    dsn = server.dsn(DATABASE)
    await migrate(dsn, "services.deposits")
    connection = await asyncpg.connect(dsn)
    await connection.execute(FUNCTION.read_text(encoding="utf-8"))
    await connection.close()
    return dsn


class _Contest:
    """Both sides, on one database."""

    def __init__(self, home: Path, db: Database, postgres_pid: int, seconds: float) -> None:
        self.books = Ledger(db)
        self._home = home
        self._db = db
        self._postgres_pid = postgres_pid
        self._seconds = seconds

    async def warm_up(self) -> None:
        """So much that the planner knows the tables, for both."""
        await self.books.load(PARTNERS, IN_FLIGHT[0], WARM_UP_SECONDS)
        await self._db.execute("ANALYZE", timeout=60)

    async def compare(self, partners: int, script: Path, wanted: int) -> dict[str, Any]:
        """Rounds of both in turn; medians, and the rates of every round."""
        tried = {clients: (await self._raw(script, clients, 1.0)).per_second for clients in CLIENTS}
        clients = max(tried, key=lambda number: tried[number])
        ours: dict[int, list[Round]] = {number: [] for number in IN_FLIGHT}
        raw: list[Round] = []
        for _ in range(ROUNDS):
            for number, rounds in ours.items():
                rounds.append(await self._ours(partners, number))
            raw.append(await self._raw(script, clients, self._seconds))
        best = max(ours, key=lambda number: _rate(ours[number]))
        return {
            "vs_pgbench_function": round(_rate(ours[best]) / _rate(raw), 2),
            "wanted": wanted,
            "freehold": [{"in_flight": number, **_figure(rounds)} for number, rounds in ours.items()],
            "best_in_flight": best,
            "pgbench": {"clients": clients, **_figure(raw)},
        }

    async def _ours(self, partners: int, in_flight: int) -> Round:
        meter = await self._meter()
        load = await self.books.load(partners, in_flight, self._seconds)
        return await meter.per_hold(load.items, load.items / load.seconds)

    async def _raw(self, script: Path, clients: int, seconds: float) -> Round:
        meter = await self._meter()
        measured = await pgbench(
            self._home, DATABASE, "none", clients=clients, base=0, seconds=max(1, round(seconds)), script=script
        )
        return await meter.per_hold(measured.rentals, measured.per_second)

    async def _meter(self) -> _Meter:
        return _Meter(self._db, self._postgres_pid, await _wal(self._db))


class _Meter:
    """What is used from now on."""

    def __init__(self, db: Database, postgres_pid: int, wal: int) -> None:
        self._db = db
        self._wal = wal
        self._postgres = CpuMeter({"postgres": postgres_pid})
        self._client = _client_seconds()

    async def per_hold(self, holds: int, per_second: float) -> Round:
        """What one of so many holds has cost."""
        client = _client_seconds() - self._client
        wal = await _wal(self._db) - self._wal
        return Round(per_second, client * 1e6 / holds, self._postgres.used()["postgres"] * 1e6 / holds, wal / holds)


def _client_seconds() -> float:
    """CPU seconds of this process and of the children that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


async def _wal(db: Database) -> int:
    return int(await db.fetchval("SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint"))


def _rate(rounds: list[Round]) -> float:
    return median(each.per_second for each in rounds)


def _figure(rounds: list[Round]) -> dict[str, Any]:
    costs = {name: round(median(getattr(each, name) for each in rounds)) for name in COSTS}
    return {"per_second": round(_rate(rounds), 1), "rounds": [round(each.per_second, 1) for each in rounds], **costs}
