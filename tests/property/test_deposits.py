"""Money under everything at once: any order of policies, decisions, claims, bills, endings, processor moods, lapses,
clock jumps and crashes leaves the books right.

A hypothesis state machine drives the use cases over a real database, with two processors. After each step: every
transfer and currency sums to zero, balances are their entries, authorized = captured + released + expired + open,
captured ≤ held, exposures are what is waived, one outcome per request id, and no key acted twice; in the end the ledger
is what the processors have, and reconciliation finds nothing.
60 interleavings in `make test`, 10,000 in the soak, which writes docs/results/.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deposits_desk import DEPOSIT_MINOR, Desk, ScriptedProcessor
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from services.deposits.domain import Deposit, OperationKind, PolicyState
from services.deposits.domain.policies import Tier
from services.deposits.domain.reconciling import Run, RunState
from services.deposits.operations.ports import SecureItem
from services.deposits.operations.settling import CancelItem, SettleItem
from services.runtime.database import Database
from services.values.callers import Caller, Role
from services.values.errors import Refusal
from services.values.ids import new_id
from services.values.money import Money

MOODS = ("ok", "ok", "ok", "decline", "lost_before", "lost_after", "down", "slow")
AMOUNTS = [0, 1, 150, DEPOSIT_MINOR, DEPOSIT_MINOR + 1]
SOAK = bool(os.environ.get("FREEHOLD_SOAK"))
RUNS = 10_000 if SOAK else int(os.environ.get("FREEHOLD_INTERLEAVINGS", "60"))
SEED = int(os.environ.get("FREEHOLD_SEED", "20261123"))
RESULTS = Path(__file__).parents[2] / "docs" / "results"
STEPS = 30
DONE = st.sampled_from([True, True, True, False])
CLAIMS = st.sampled_from(["capture", "capture", "raise_hold", "refund"])
CLAIMED = st.sampled_from([1, 150, 5000, DEPOSIT_MINOR])
_TABLES = ("deposits", "holds", "processor_operations", "exposures", "outbox")
_RECONCILED = ("runs", "differences")
_LEDGER = ("transfers", "balances", "heads", "partner_days")
EMPTY = "TRUNCATE {} CASCADE".format(
    ", ".join([*_TABLES, *(f"ledger_{n}" for n in _LEDGER), *(f"reconciliation_{n}" for n in _RECONCILED)])
)
RECENT = st.sampled_from([-1, -1, -2, -3, 0])
"""Mostly the rental that came last."""


class Business(RuleBasedStateMachine):
    """Rentals secured, claimed on, settled and cancelled in any order while processors have moods and work is lost."""

    dsn = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.desk = self.run(self._open())
        self.renters = [self.run(self.desk.person(score)) for score in (500, 700, None)]
        self.items: list[SecureItem] = []
        self.deposit_ids: dict[str, set[str]] = {}
        self.asked: dict[str, tuple[str, str, int]] = {}

    async def _open(self) -> Desk:
        other = ScriptedProcessor("other", partial_captures=False, over_capture_percent=15)
        db = await Database.connect(self.dsn, pool_size=2)
        await db.execute(EMPTY)
        desk = Desk(db, other)
        await desk.open()
        return desk

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    @property
    def processors(self) -> tuple[ScriptedProcessor, ScriptedProcessor]:
        return self.desk.processor, self.desk.other

    def prompt(self, done: bool) -> None:
        """What was launched is mostly carried out at once; else it waits for a later step, or for a crash."""
        if done:
            self.run(self.desk.carry_out())

    @rule(renter=st.integers(0, 2), consent=st.booleans(), done=DONE)
    def secure(self, renter: int, consent: bool, done: bool) -> None:
        self.items.append(self.desk.item(self.renters[renter], consent=consent))
        self._secured(self.items[-1])
        self.prompt(done)

    @rule(
        renter=st.integers(0, 2),
        claimed=st.lists(st.tuples(CLAIMS, CLAIMED, DONE), max_size=3),
        fare=st.sampled_from(AMOUNTS),
        done=DONE,
        back=st.sampled_from([None, None, 1, 150, 5000]),
    )
    def whole_rental(
        self, renter: int, claimed: list[tuple[str, int, bool]], fare: int, done: bool, back: int | None
    ) -> None:
        """A rental from decision to refund, so that what follows meets all that a deposit can be."""
        self.secure(renter, True, True)
        for number, (what, amount, at_once) in enumerate(claimed):
            self.claim(-1, what, amount, 100 + number, at_once)
        self.settle(-1, fare, done)
        if back is not None:
            self.claim(-1, "refund", back, 200, True)

    @precondition(lambda self: self.items)
    @rule(which=RECENT)
    def secure_again(self, which: int) -> None:
        self._secured(self.items[which % len(self.items)])

    def _secured(self, item: SecureItem) -> None:
        outcome = self.run(self.desk.secure(item))
        if isinstance(outcome, Deposit):
            self.deposit_ids.setdefault(item.rental_id, set()).add(outcome.deposit_id)

    @precondition(lambda self: self.items)
    @rule(which=RECENT, fare=st.sampled_from(AMOUNTS), done=DONE)
    def settle(self, which: int, fare: int, done: bool) -> None:
        item = self.items[which % len(self.items)]
        self.run(self.desk.settling.settle([SettleItem(item.rental_id, Money("CNY", fare))]))
        self.prompt(done)

    @precondition(lambda self: self.items)
    @rule(which=RECENT, done=DONE)
    def cancel(self, which: int, done: bool) -> None:
        item = self.items[which % len(self.items)]
        self.run(self.desk.settling.cancel([CancelItem(item.rental_id, item.renter_id, item.partner_id)]))
        self.prompt(done)

    @precondition(lambda self: self.deposit_ids)
    @rule(
        which=RECENT,
        what=CLAIMS,
        amount=CLAIMED,
        request=st.integers(0, 20),
        done=DONE,
    )
    def claim(self, which: int, what: str, amount: int, request: int, done: bool) -> None:
        ids = [next(iter(found)) for found in self.deposit_ids.values()]
        if not ids:
            return
        deposit_id = ids[which % len(ids)]
        caller = Caller(Role.PARTNER, self.desk.partner_id, self.desk.partner_id)
        before = self.run(self.desk.deposit(deposit_id))
        key, content = f"{what}-{deposit_id}-{request}", (what, deposit_id, amount)
        known = self.asked.get(key)
        call, request_id = getattr(self.desk.claiming, what), key[-60:].replace("_", "-")
        after = self.run(_outcome(call(caller, request_id, deposit_id, Money("CNY", amount), "a test")))
        if isinstance(after, Refusal):
            assert known in (None, content) or after.reason == "REQUEST_ID_REUSED"
            return
        assert known in (None, content), "one outcome per request id"
        if known is not None:
            assert (after.charged_minor, after.compensated_minor) == (before.charged_minor, before.compensated_minor)
        self.asked[key] = content
        self.prompt(done)

    @rule(
        threshold=st.sampled_from([600, 640, 700]),
        tiers=st.sampled_from(
            [(), (Tier(580, percent=50),), (Tier(560, amount_minor=3000), Tier(590, amount_minor=1))]
        ),
        cap=st.sampled_from([0, 0, DEPOSIT_MINOR, 2 * DEPOSIT_MINOR]),
        ahead=st.sampled_from([None, None, 0.5]),
    )
    def policy_changes(self, threshold: int, tiers: tuple[Tier, ...], cap: int, ahead: float | None) -> None:
        """A version at once or ahead, approved by somebody where that is needed, or refused for its number."""
        since = self.desk.clock.now() + timedelta(days=ahead) if ahead else None
        drawn = self.desk.draw(threshold=threshold, tiers=tiers, max_waived_minor=cap, effective_at=since)
        with suppress(Refusal):
            policy = self.run(drawn)
            if policy.state is PolicyState.PROPOSED:
                ann = Caller(Role.STAFF, "ann", self.desk.partner_id)
                self.run(self.desk.policies.approve(ann, f"a-{policy.version}", policy.policy_id, "agreed"))

    @rule(renter=st.integers(0, 2), score=st.sampled_from([500, 585, 650, None]))
    def put_right(self, renter: int, score: int | None) -> None:
        who = self.renters[renter]
        self.desk.scoring.scores.pop(who, None)
        if score is not None:
            self.desk.scoring.scores[who] = score
        self.run(self.desk.put_right(who))

    @rule(mood=st.sampled_from(MOODS), which=st.integers(0, 1))
    def processor_mood(self, mood: str, which: int) -> None:
        self.processors[which].mood = mood

    @rule(kind=st.sampled_from([None, *OperationKind]), which=st.integers(0, 1))
    def processor_silence(self, kind: OperationKind | None, which: int) -> None:
        """What is asked of this kind happens, and is not answered: the rest goes on meanwhile."""
        self.processors[which].silent = kind

    @precondition(lambda self: self.deposit_ids)
    @rule(
        which=RECENT,
        what=st.sampled_from(
            [
                "pay",
                "pay",
                "agree_instalments",
                "stop",
                "resume",
                "dispute",
                "resolve",
                "propose_write_off",
                "approve_write_off",
            ]
        ),
        amount=st.sampled_from([1, 150, 5000]),
        done=DONE,
    )
    def bill(self, which: int, what: str, amount: int, done: bool) -> None:
        ids = [next(iter(found)) for found in self.deposit_ids.values()]
        deposit_id, money = ids[which % len(ids)], Money("CNY", amount)
        more: dict[str, tuple[Any, ...]] = {
            "pay": (money, ""),
            "agree_instalments": (3, 7),
            "dispute": ("NOT_MINE",),
            "resolve": (money, "agreed"),
            "propose_write_off": ("gone",),
        }
        renter_id = self.run(self.desk.deposit(deposit_id)).renter_id
        staff = Caller(Role.STAFF, f"staff {what}", self.desk.partner_id)
        caller = Caller(Role.RENTER, renter_id) if what == "dispute" else staff
        command = getattr(self.desk.billing, what)
        with suppress(Refusal):
            self.run(command(caller, new_id("req"), deposit_id, *more.get(what, ())))
        self.prompt(done)

    @rule(done=DONE)
    def bills_are_due(self, done: bool) -> None:
        self.run(self.desk.billing.sweep())
        self.prompt(done)

    @rule()
    def renters_confirm(self) -> None:
        for processor in self.processors:
            processor.confirm()

    @rule()
    def authorizations_lapse(self) -> None:
        self.processors[0].lapse()

    @rule(days=st.sampled_from([0.01, 1, 6.5, 6.5, 8, -0.5]))
    def clock_jumps(self, days: float) -> None:
        self.desk.clock.turn(days=days)

    @rule(done=DONE)
    def look_at_ends(self, done: bool) -> None:
        self.run(self.desk.lapsing.sweep())
        self.prompt(done)

    @rule()
    def carry_out(self) -> None:
        self.run(self.desk.carry_out())

    @rule()
    def crash(self) -> None:
        self.desk.crash()

    @rule()
    def sweep(self) -> None:
        self.run(self.desk.sweep())

    @rule(renter=st.integers(0, 2), processor=st.sampled_from(["sandbox", "other"]))
    def add_card(self, renter: int, processor: str) -> None:
        with suppress(Refusal):
            self.run(self.desk.add_card(self.renters[renter], "another", processor))

    @invariant()
    def the_books_are_right(self) -> None:
        assert self.run(self.desk.findings()) == ()

    @invariant()
    def one_rental_has_one_deposit_and_one_key_acts_once(self) -> None:
        assert all(len(ids) == 1 for ids in self.deposit_ids.values())
        assert all(times == 1 for processor in self.processors for times in processor.acts.values())

    def teardown(self) -> None:
        try:
            self.the_end()
        finally:
            self.run(self.desk.db.close())
            self.runner.close()

    def the_end(self) -> None:
        """The processors are well, everything is swept, and the ledger is what they have, to the cent."""
        for processor in self.processors:
            processor.mood, processor.silent = "ok", None
            processor.confirm()
        for _ in range(3):
            for item in self.items:
                self.run(self.desk.settling.settle([SettleItem(item.rental_id, Money("CNY", 0))]))
            for _ in range(4):
                self.run(self.desk.sweep())
            self.desk.clock.turn(days=8)
            for processor in self.processors:
                processor.lapse()
            self.run(self.desk.lapsing.sweep())
            self.run(self.desk.lapsing.sweep())
        self.run(self.desk.sweep())
        assert self.run(self.desk.findings()) == ()
        self.run(self._agrees())
        self.run(self._nothing_differs())

    async def _nothing_differs(self) -> None:
        self.desk.real.turn(hours=2)
        wall, now = datetime.now(UTC), self.desk.clock.now()
        window = (wall - timedelta(hours=1), wall + timedelta(hours=1))
        for processor in self.processors:
            run = Run(new_id("rcn"), processor.name, *window, False, "a test", RunState.RUNNING, window[0], now)
            await self.desk.store.plan_runs([run], self.desk.real.now())
            assert await self.desk.running.sweep() == 1
            counts = (await self.desk.deciding.get(run.run_id)).counts
            assert (counts.in_flight, counts.unsettled, counts.payments >= len(processor.authorizations)) == (
                0,
                0,
                True,
            )
        assert (await self.desk.deciding.list("", None, None, 50, ""))[0] == []

    async def _agrees(self) -> None:
        ours = await self.desk.db.fetchrow(
            "SELECT coalesce(sum(open_minor), 0)::bigint AS open, coalesce(sum(captured_minor), 0)::bigint AS captured,"
            " coalesce(sum(released_minor), 0)::bigint AS released, coalesce(sum(expired_minor), 0)::bigint AS expired,"
            " coalesce(sum(authorized_minor), 0)::bigint AS authorized,"
            " coalesce(sum(refunded_minor), 0)::bigint AS refunded,"
            " coalesce(sum(paid_minor - captured_minor), 0)::bigint AS charged,"
            " coalesce(max(captured_minor - authorized_minor), 0) AS above,"
            " coalesce(max(compensated_minor - compensation_limit_minor), 0) AS beyond"
            " FROM deposits WHERE partner_id = $1",
            self.desk.partner_id,
        )
        assert ours is not None
        books = [one for processor in self.processors for one in processor.authorizations.values()]
        theirs = {
            part: sum(getattr(one, f"{part}_minor") for one in books)
            for part in ("open", "captured", "released", "expired", "authorized")
        }
        theirs["charged"] = sum(processor.charged_minor for processor in self.processors)
        theirs["refunded"] = sum(processor.refunded_minor for processor in self.processors)
        assert {part: ours[part] for part in theirs} == theirs
        assert ours["open"] == 0
        assert ours["above"] <= 0
        assert ours["beyond"] <= 0


async def _outcome(call: Coroutine[Any, Any, Deposit]) -> Deposit | Refusal:
    try:
        return await call
    except Refusal as refusal:
        return refusal


@pytest.mark.slow
def test_the_books_are_right_whatever_happens(fresh_database: Callable[..., str]) -> None:
    Business.dsn = fresh_database("business", "deposits")
    limits = settings(
        max_examples=RUNS,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    began = time.monotonic()
    seed(SEED)(Business)
    run_state_machine_as_test(Business, settings=limits)
    if SOAK:
        _write(round(time.monotonic() - began))


def _write(seconds: int) -> None:
    result = {
        "what": "decisions, claims, endings, processor moods, lapses, clock jumps, crashes in any order; books checked",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], text=True).strip(),
        "seed": SEED,
        "machine": f"{os.cpu_count()} cores",
        "interleavings": RUNS,
        "most_steps_each": STEPS,
        "seconds": seconds,
        "findings": 0,
    }
    RESULTS.joinpath("interleavings.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
