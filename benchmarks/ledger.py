"""The ledger under load: two-phase holds, batched as deposits batches them, beside pgbench calling one function a hold.

One hold is: decided, authorized (pending), settled, captured in part and released (posted). Both sides write the same
rows; the function also keeps the partner's balances, which we roll up: the roll-up's work lies inside our timed window.
Processors are left out on both sides. Afterwards the books are checked.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from benchmarks.loops import Load, closed_loop
from benchmarks.population import SCORED, renter_id
from benchmarks.yardstick import Measured, pgbench
from services.deposits.domain import (
    AdmittanceOutcome,
    Capabilities,
    Change,
    Deposit,
    DepositState,
    Moment,
    Operation,
    OperationKind,
    OperationState,
    Result,
    finish,
)
from services.deposits.operations import Changing, Settling
from services.deposits.operations.policy_ports import Cap
from services.deposits.operations.ports import Decision, Transition
from services.deposits.operations.settling import SettleItem
from services.deposits.store import Store
from services.runtime.batching import Batcher
from services.runtime.clock import SystemClock
from services.runtime.database import Database
from services.runtime.migrations import migrate
from services.runtime.postgres import EmbeddedPostgres
from services.values.errors import Refusal
from services.values.ids import new_id_of
from services.values.money import Money

IN_FLIGHT = 64
PARTNERS = 1000
ROUNDS = 3
PGBENCH_CLIENTS = 16
HELD_FOR = timedelta(days=7)
HELD, TAKEN = 9900, 350
FUNCTION = Path(__file__).with_name("ledger_function.sql")
SPREAD, HOT = (Path(__file__).with_name(f"ledger_{which}.pgbench") for which in ("spread", "hot"))


class Ledger:
    """Deposits' store and batchers, without doors and without processors."""

    def __init__(self, db: Database) -> None:
        self._clock = SystemClock()
        self._changing = Changing(
            Store(db, self._clock.now, lambda: None),
            {"sandbox": Capabilities("sandbox", HELD_FOR, partial_captures=True)},
            self._asked,
            self._clock,
            self._clock,
        )
        self._wanted: dict[str, Operation] = {}
        settling = Settling(self._changing)
        self._secures: Batcher[Decision, Deposit] = Batcher("secure", self._secure, key=lambda d: d.deposit.renter_id)
        self._settles: Batcher[SettleItem, Deposit] = Batcher("settle", settling.settle, key=lambda i: i.rental_id)
        self._results: Batcher[tuple[str, Result], Change] = Batcher("results", self._finish, key=lambda r: r[0])
        self._numbers = itertools.count()

    def _asked(self, operations: Sequence[Operation]) -> None:
        for operation in operations:
            self._wanted[operation.deposit_id] = operation

    async def _secure(self, decisions: list[Decision]) -> list[Deposit | Refusal]:
        written = await self._changing.store.secure(decisions, self._clock.now())
        return [deposit for deposit in written if deposit is not None]

    async def _finish(self, results: list[tuple[str, Result]]) -> list[Change | Refusal]:
        moment = self._changing.moment()
        return await self._changing.change([(i, _finishing(result, moment)) for i, result in results], moment)

    async def hold(self, partners: int) -> int:
        """One hold from its decision to its end."""
        number = next(self._numbers)
        decision = _decision(renter_id(number % SCORED), f"ptn_{number % partners:026}", self._clock.now())
        assert decision.authorize is not None
        deposit = await self._secures.submit(decision)
        key = decision.authorize.operation_id
        await self._results.submit((deposit.deposit_id, Result(key, OperationState.DONE, f"auth_{key}")))
        await self._settles.submit(SettleItem(deposit.rental_id, Money("CNY", TAKEN)))
        capture = self._wanted.pop(deposit.deposit_id)
        done = Result(capture.operation_id, OperationState.DONE, f"cap_{capture.operation_id}")
        change = await self._results.submit((deposit.deposit_id, done))
        if change.deposit.state is not DepositState.CLOSED:
            raise AssertionError(change.deposit.state)
        return 1

    async def findings(self) -> list[str]:
        """What is wrong with the books afterwards."""
        return list((await self._changing.store.trial_balance()).findings)


def _finishing(result: Result, moment: Moment) -> Transition:
    return lambda deposit, operations: finish(deposit, operations, result, moment)


def _decision(renter: str, partner: str, now: datetime) -> Decision:
    deposit = Deposit(
        new_id_of("dep", renter), new_id_of("rtl", renter), renter, partner, DepositState.PENDING,
        AdmittanceOutcome.NOT_ADMITTED, ("SHORT_HISTORY",), "pol_1", "general-1", 500, "CNY", HELD, "pm_1", now,
        compensation_limit_minor=HELD,
    )  # fmt: skip
    key = new_id_of("opn", renter)
    operation = Operation(key, deposit.deposit_id, OperationKind.AUTHORIZE, Money("CNY", HELD), "pm_1", hold_id=key)
    return Decision(deposit, False, Cap(3), operation)


async def ledger(home: Path, seconds: float) -> dict[str, Any]:
    """Partners spread, then one partner that takes all: ours and pgbench in turn, three rounds, medians."""
    server = EmbeddedPostgres(home)
    name = "ledger_bench"
    await _prepare(server, name)
    db = await Database.connect(server.dsn(name), pool_size=8)
    books = Ledger(db)
    try:
        await closed_loop(lambda: books.hold(PARTNERS), IN_FLIGHT, 1.0)
        spread = await _compare(books, home, name, PARTNERS, SPREAD, seconds)
        hot = await _compare(books, home, name, 1, HOT, seconds)
        findings = await books.findings()
    finally:
        await db.close()
    return {"in_flight": IN_FLIGHT, "partners_spread": spread, "one_partner": hot, "findings": findings}


async def _prepare(server: EmbeddedPostgres, name: str) -> None:
    connection = await asyncpg.connect(server.dsn("postgres"))
    await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
    await connection.close()
    await migrate(server.dsn(name), "services.deposits")
    connection = await asyncpg.connect(server.dsn(name))
    await connection.execute(FUNCTION.read_text(encoding="utf-8"))
    await connection.close()


async def _compare(books: Ledger, home: Path, name: str, partners: int, script: Path, seconds: float) -> dict[str, Any]:
    ours: list[Load] = []
    raw: list[Measured] = []
    for _ in range(ROUNDS):
        ours.append(await closed_loop(lambda: books.hold(partners), IN_FLIGHT, seconds))
        raw.append(
            await pgbench(
                home, name, "none", clients=PGBENCH_CLIENTS, base=0, seconds=max(1, round(seconds)), script=script
            )
        )
    rates = sorted(load.items / load.seconds for load in ours), sorted(measured.per_second for measured in raw)
    mine, theirs = (rate[len(rate) // 2] for rate in rates)
    return {
        "vs_pgbench_function": round(mine / theirs, 2),
        "freehold_per_second": [round(rate, 1) for rate in rates[0]],
        "pgbench_per_second": [round(rate, 1) for rate in rates[1]],
    }
