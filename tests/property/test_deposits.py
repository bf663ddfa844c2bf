"""Money under everything at once: any order of decisions, endings, processor moods and crashes leaves the books right.

A hypothesis state machine drives the use cases over a real database. After each step: every transfer and currency sums
to zero, balances are their entries, authorized = captured + released + expired + open, the ledger and the processor
agree, and no key acted twice. `SCALE` multiplies the number of runs.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from deposits_desk import DEPOSIT_MINOR, Desk
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from services.deposits.domain import Deposit
from services.deposits.operations.ports import SecureItem
from services.deposits.operations.settling import CancelItem, SettleItem
from services.runtime.database import Database
from services.values.money import Money

MOODS = ("ok", "decline", "lost_before", "lost_after", "down")
RUNS = 12 * int(os.environ.get("SCALE", "1"))


class Business(RuleBasedStateMachine):
    """Rentals secured, settled and cancelled in any order while the processor has moods and work is left behind."""

    dsn = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.desk = self.run(self._open())
        self.renters = [self.run(self.desk.person(score)) for score in (500, 700, None)]
        self.items: list[SecureItem] = []
        self.deposit_ids: dict[str, set[str]] = {}

    async def _open(self) -> Desk:
        desk = Desk(await Database.connect(self.dsn, pool_size=2))
        await desk.open()
        return desk

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    @rule(renter=st.integers(0, 2), consent=st.booleans())
    def secure(self, renter: int, consent: bool) -> None:
        self.items.append(self.desk.item(self.renters[renter], consent=consent))
        self._secured(self.items[-1])

    @precondition(lambda self: self.items)
    @rule(which=st.integers(0, 50))
    def secure_again(self, which: int) -> None:
        self._secured(self.items[which % len(self.items)])

    def _secured(self, item: SecureItem) -> None:
        outcome = self.run(self.desk.secure(item))
        if isinstance(outcome, Deposit):
            self.deposit_ids.setdefault(item.rental_id, set()).add(outcome.deposit_id)

    @precondition(lambda self: self.items)
    @rule(which=st.integers(0, 50), fare=st.sampled_from([0, 1, 150, DEPOSIT_MINOR, DEPOSIT_MINOR + 1]))
    def settle(self, which: int, fare: int) -> None:
        item = self.items[which % len(self.items)]
        self.run(self.desk.settling.settle([SettleItem(item.rental_id, Money("CNY", fare))]))

    @precondition(lambda self: self.items)
    @rule(which=st.integers(0, 50))
    def cancel(self, which: int) -> None:
        item = self.items[which % len(self.items)]
        self.run(self.desk.settling.cancel([CancelItem(item.rental_id, item.renter_id, item.partner_id)]))

    @rule(renter=st.integers(0, 2), score=st.sampled_from([500, 650, None]))
    def put_right(self, renter: int, score: int | None) -> None:
        who = self.renters[renter]
        self.desk.scoring.scores.pop(who, None)
        if score is not None:
            self.desk.scoring.scores[who] = score
        self.run(self.desk.put_right(who))

    @rule(mood=st.sampled_from(MOODS))
    def processor_mood(self, mood: str) -> None:
        self.desk.processor.mood = mood

    @rule()
    def carry_out(self) -> None:
        self.run(self.desk.carry_out())

    @rule()
    def crash(self) -> None:
        self.desk.crash()

    @rule()
    def sweep(self) -> None:
        self.run(self.desk.sweep())

    @rule(renter=st.integers(0, 2))
    def add_card(self, renter: int) -> None:
        self.run(self.desk.add_card(self.renters[renter], "another"))

    @invariant()
    def the_books_are_right(self) -> None:
        assert self.run(self.desk.findings()) == ()

    @invariant()
    def one_rental_has_one_deposit_and_one_key_acts_once(self) -> None:
        assert all(len(ids) == 1 for ids in self.deposit_ids.values())
        assert all(times == 1 for times in self.desk.processor.acts.values())

    def teardown(self) -> None:
        """In the end the processor is well, everything is swept, and ledger and processor agree to the cent."""
        self.desk.processor.mood = "ok"
        for item in self.items:
            self.run(self.desk.settling.settle([SettleItem(item.rental_id, Money("CNY", 0))]))
        for _ in range(4):
            self.run(self.desk.sweep())
        for item in self.items:
            self.run(self.desk.settling.settle([SettleItem(item.rental_id, Money("CNY", 0))]))
        self.run(self.desk.sweep())
        assert self.run(self.desk.findings()) == ()
        self.run(self._agrees())
        self.run(self.desk.db.close())
        self.runner.close()

    async def _agrees(self) -> None:
        ours = await self.desk.db.fetchrow(
            "SELECT coalesce(sum(open_minor), 0)::bigint AS open, coalesce(sum(captured_minor), 0)::bigint AS captured,"
            " coalesce(sum(paid_minor - captured_minor), 0)::bigint AS charged,"
            " coalesce(max(captured_minor - authorized_minor), 0) AS above FROM deposits WHERE partner_id = $1",
            self.desk.partner_id,
        )
        processor = self.desk.processor
        assert ours is not None
        assert ours["open"] == sum(processor.open_minor.values()) == 0
        assert (ours["captured"], ours["charged"]) == (processor.captured_minor, processor.charged_minor)
        assert ours["above"] <= 0


@pytest.mark.slow
def test_the_books_are_right_whatever_happens(fresh_database: Callable[..., str]) -> None:
    Business.dsn = fresh_database("business", "deposits")
    limits = settings(max_examples=RUNS, stateful_step_count=25, deadline=None)
    run_state_machine_as_test(Business, settings=limits)
