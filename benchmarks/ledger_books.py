"""Our side of the ledger's comparison: deposits' store, use cases and batchers; no doors, no processors."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from benchmarks.loops import Load, closed_loop
from benchmarks.population import SCORED, renter_id
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
from services.deposits.operations.ledger import RollingUp, Verifying
from services.deposits.operations.ledger.keeping import ROLL_UP_BATCH
from services.deposits.operations.ports import Decision, Transition
from services.deposits.operations.ports.policies import Cap
from services.deposits.operations.settling import SettleItem
from services.deposits.store import Store
from services.deposits.store.ledger.snapshot import Snapshot
from services.deposits.sweeper import ROLL_UP_SECONDS, SHARE
from services.runtime.batching import Batcher
from services.runtime.clock import SystemClock
from services.runtime.database import Database
from services.runtime.sweeper import Sweeper
from services.values.errors import Refusal
from services.values.ids import new_id_of
from services.values.money import Money

HELD_FOR = timedelta(days=7)
HELD, TAKEN = 9900, 350
FINDINGS = 10
"""So many are told."""


class Ledger:
    """Holds, from their decision to their end; partners' days are rolled up meanwhile, as deposits' sweeper does it."""

    def __init__(self, db: Database) -> None:
        self._clock = SystemClock()
        self._store = Store(db, self._clock.now, lambda: None)
        capabilities = {"sandbox": Capabilities("sandbox", HELD_FOR, partial_captures=True)}
        self._changing = Changing(self._store, capabilities, self._asked, self._clock, self._clock)
        self._rolling = RollingUp(self._store)
        self._wanted: dict[str, Operation] = {}
        settling = Settling(self._changing)
        self._secures: Batcher[Decision, Deposit] = Batcher("secure", self._secure, key=lambda d: d.deposit.renter_id)
        self._settles: Batcher[SettleItem, Deposit] = Batcher(
            "settle", settling.settle, key=lambda i: i.rental_id, share=SHARE
        )
        self._results: Batcher[tuple[str, Result], Change] = Batcher(
            "results", self._finish, key=lambda r: r[0], share=SHARE
        )
        self._numbers = itertools.count()

    def _asked(self, operations: Sequence[Operation]) -> None:
        for operation in operations:
            self._wanted[operation.deposit_id] = operation

    async def _secure(self, decisions: list[Decision]) -> list[Deposit | Refusal]:
        written = await self._store.secure(decisions, self._clock.now())
        return [deposit for deposit in written if deposit is not None]

    async def _finish(self, results: list[tuple[str, Result]]) -> list[Change | Refusal]:
        moment = self._changing.moment()
        return await self._changing.change([(i, _finishing(result, moment)) for i, result in results], moment)

    async def load(self, partners: int, in_flight: int, seconds: float) -> Load:
        """A closed loop of holds; its time ends when everything is rolled up."""
        began = time.perf_counter()
        sweeping = asyncio.create_task(Sweeper("roll_up", self._rolling.sweep, ROLL_UP_SECONDS).run())
        load = await closed_loop(lambda: self.hold(partners), in_flight, seconds)
        sweeping.cancel()
        await asyncio.wait([sweeping])
        while await self._rolling.roll_up(ROLL_UP_BATCH):
            pass
        load.seconds = time.perf_counter() - began
        return load

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

    async def findings(self, dsn: str) -> list[str]:
        """What is wrong with the books afterwards: balances, deposits, chains, partners' days; whoever wrote them."""
        found = list((await self._store.trial_balance()).findings)
        async with Snapshot.open(dsn) as books:
            async for finding in Verifying(books, {}).findings():
                found.append(finding.text)
                if len(found) >= FINDINGS:
                    break
        return found


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
