"""A partner's business as a hypothesis state machine: policies, rentals, claims, bills, and processors that fail.

It drives the use cases over a real database, with two processors. `Business.tally` counts what was reached.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

from books import CLEAR, EMPTY, Books
from deposits_desk import DEPOSIT_MINOR, Desk, ScriptedProcessor
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.deposits.domain import (
    AdmittanceOutcome,
    Deposit,
    DepositState,
    Operation,
    OperationKind,
    Policy,
    PolicyDraft,
    PolicyState,
)
from services.deposits.domain.policies import Tier
from services.deposits.operations.ports import SecureItem
from services.deposits.operations.settling import CancelItem, SettleItem
from services.runtime.database import Database
from services.values.callers import Caller, Role, StaffRole
from services.values.errors import Refusal
from services.values.money import Money

MOODS = ("ok", "ok", "ok", "ok", "decline", "lost_before", "lost_after", "mute", "down", "slow")
AMOUNTS = [0, 1, 150, DEPOSIT_MINOR, DEPOSIT_MINOR + 1]
DONE = st.sampled_from([True, True, True, False])
CLAIMS = st.sampled_from(["capture", "capture", "raise_hold", "refund"])
CLAIMED = st.sampled_from([1, 150, 5000, DEPOSIT_MINOR])
STEPS = st.sampled_from(["capture", "capture", "renew", "raise_hold", "refund"])
COMMANDS = ("pay", "pay", "stop", "resume", "dispute", "resolve", "agree", "propose", "approve")
RECENT = st.sampled_from([-1, -1, -2, -3, 0])
"""Mostly the rental that came last."""
REQUESTS = st.integers(0, 20)
EMPTIED_EVERY = 100
RENEWAL_DAYS = 6.5


class Business(RuleBasedStateMachine):
    """Anything may happen in any order, also twice, late, unheard, or in the middle of a crash."""

    loop: asyncio.AbstractEventLoop
    db: Database
    tally: Counter[str]
    examples = 0

    def __init__(self) -> None:
        super().__init__()
        self.desk = self.run(self._open())
        self.books = Books(self.desk)
        self.renters = [self.run(self.desk.person(score)) for score in (500, 700, None)]
        self.policies: dict[str, Policy] = {}
        self._set(self.run(self.desk.open()))
        self.items: list[SecureItem] = []
        self.deposit_ids: dict[str, str] = {}
        self.asked: dict[str, object] = {}
        self.collected_before: set[str] = set()
        self.on_its_way: list[Operation] = []
        self.claimed: list[tuple[str, str, int, int]] = []

    async def _open(self) -> Desk:
        await self.db.execute(CLEAR if Business.examples % EMPTIED_EVERY else EMPTY)
        Business.examples += 1
        return Desk(self.db, ScriptedProcessor("other", partial_captures=False, over_capture_percent=15))

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    @property
    def processors(self) -> tuple[ScriptedProcessor, ScriptedProcessor]:
        return self.desk.processor, self.desk.other

    @property
    def partner(self) -> Caller:
        return Caller(Role.PARTNER, self.desk.partner_id, self.desk.partner_id)

    def manager(self, name: str) -> Caller:
        return Caller(Role.STAFF, f"stf_{name}", self.desk.partner_id, staff_role=StaffRole.MANAGER)

    def prompt(self, done: bool) -> None:
        """What was launched is mostly carried out at once; else it waits for a later step, or for a crash."""
        if done:
            self.run(self.desk.carry_out())

    def ask(self, key: str, content: object, call: Coroutine[Any, Any, Any]) -> Any:
        """One outcome per request id: a repeat has no effect, and other content under the same id is refused."""
        known = self.asked.get(key)
        before = self.run(self.books.snapshot()) if known is not None else None
        outcome = self.run(_outcome(call))
        name = key.split(" ")[0]
        self.tally[f"{name} refused: {outcome.reason}" if isinstance(outcome, Refusal) else name] += 1
        if known is None:
            if not isinstance(outcome, Refusal):
                self.asked[key] = content
        else:
            self.tally[f"{name} asked again"] += 1
            assert self.run(self.books.snapshot()) == before, f"{key} has a second effect"
            reused = isinstance(outcome, Refusal) and outcome.reason == "REQUEST_ID_REUSED"
            assert reused == (known != content), f"{key}: one outcome per request id"
        return outcome

    # Policies

    @rule(
        threshold=st.sampled_from([600, 640, 690]),
        tiers=st.sampled_from(
            [(), (Tier(580, percent=50),), (Tier(560, amount_minor=3000), Tier(590, amount_minor=1))]
        ),
        cap=st.sampled_from([1, 2, 3]),
        most=st.sampled_from([0, 0, DEPOSIT_MINOR, 2 * DEPOSIT_MINOR]),
        amount=st.sampled_from([5000, DEPOSIT_MINOR, 2 * DEPOSIT_MINOR]),
        ahead=st.sampled_from([None, None, 0.5]),
        request=REQUESTS,
    )
    def change_policy(
        self,
        threshold: int,
        tiers: tuple[Tier, ...],
        cap: int,
        most: int,
        amount: int,
        ahead: float | None,
        request: int,
    ) -> None:
        """A version at once or ahead, approved by somebody else where that is needed."""
        terms = {
            "threshold": threshold,
            "tiers": tiers,
            "max_open_waived": cap,
            "max_waived_minor": most,
            "deposit": Money("CNY", amount),
            "effective_at": self.desk.clock.now() + timedelta(days=ahead) if ahead else None,
        }
        drawn = self.desk.draw(request_id=f"policy-{request}", **terms)
        policy = self.ask(f"policy {request}", terms, drawn)
        if not isinstance(policy, Refusal) and policy.state is PolicyState.PROPOSED:
            approved = self.desk.policies.approve(self.manager("one"), policy.policy_id, policy.policy_id, "agreed")
            policy = self.ask(f"approve {policy.policy_id}", (), approved)
        if not isinstance(policy, Refusal):
            self._set(policy)

    def _set(self, policy: Policy) -> None:
        self.policies[policy.policy_id] = policy

    @property
    def in_force(self) -> Policy | None:
        """The version that decides now: of those that have come into force the latest."""
        now = self.desk.clock.now()
        begun = [one for one in self.policies.values() if one.effective_at <= now]
        return max(begun, key=lambda one: (one.effective_at, one.version), default=None)

    # Rentals

    @rule(renter=st.integers(0, 2), consent=st.booleans(), done=DONE)
    def secure(self, renter: int, consent: bool, done: bool) -> None:
        self._rents(renter, consent, done)

    def _rents(self, renter: int, consent: bool, done: bool) -> bool:
        item = self.desk.item(self.renters[renter], consent=consent)
        open_waived = self.run(self.books.open_waived(item.renter_id))
        deposit = self.ask(f"secure {item.rental_id}", (), self.desk.secure(item))
        if self.in_force is None:
            assert deposit.reason == "POLICY_NOT_FOUND", "the clock went back before the first policy"
            return False
        self.items.append(item)
        self.deposit_ids[item.rental_id] = deposit.deposit_id
        self._follows_the_policy(deposit, item, self.in_force, open_waived)
        self.prompt(done)
        return True

    def _follows_the_policy(
        self, deposit: Deposit, item: SecureItem, policy: Policy, open_waived: tuple[int, int]
    ) -> None:
        draft, score = policy.draft, self.desk.scoring.scores.get(item.renter_id)
        full = draft.deposit.amount_minor
        outcome = AdmittanceOutcome.CANNOT_ASSESS
        if item.scoring_consent and score is not None:
            above = score > draft.threshold
            outcome = AdmittanceOutcome.ADMITTED if above else AdmittanceOutcome.NOT_ADMITTED
        admitted = outcome is AdmittanceOutcome.ADMITTED
        rentals, minor = open_waived
        room = rentals < draft.max_open_waived and (
            not draft.max_waived_minor or minor + full <= draft.max_waived_minor
        )
        reduced = outcome is AdmittanceOutcome.NOT_ADMITTED and score is not None
        assert (deposit.policy_id, deposit.outcome) == (policy.policy_id, outcome)
        assert deposit.compensation_limit_minor == full
        assert deposit.amount_minor == (_reduced(draft, score) if reduced else full)
        assert (deposit.state is DepositState.WAIVED) == (admitted and room)
        assert ("EXPOSURE_CAP_REACHED" in deposit.reason_codes) == (admitted and not room)

    @precondition(lambda self: self.items)
    @rule(which=RECENT)
    def secure_again(self, which: int) -> None:
        item = self.items[which % len(self.items)]
        deposit = self.ask(f"secure {item.rental_id}", (), self.desk.secure(item))
        assert deposit.deposit_id == self.deposit_ids[item.rental_id]

    @precondition(lambda self: self.items)
    @rule(which=RECENT, fare=st.sampled_from(AMOUNTS), done=DONE)
    def settle(self, which: int, fare: int, done: bool) -> None:
        item = self.items[which % len(self.items)]
        self.ask(f"settle {item.rental_id}", (), self._settle(item, fare))
        self.prompt(done)

    async def _settle(self, item: SecureItem, fare: int) -> Deposit | Refusal:
        (outcome,) = await self.desk.settling.settle([SettleItem(item.rental_id, Money("CNY", fare))])
        return outcome

    @precondition(lambda self: self.items)
    @rule(which=RECENT, done=DONE)
    def cancel(self, which: int, done: bool) -> None:
        item = self.items[which % len(self.items)]
        self.ask(f"cancel {item.rental_id}", (), self._cancel(item))
        self.prompt(done)

    async def _cancel(self, item: SecureItem) -> Deposit | Refusal:
        (outcome,) = await self.desk.settling.cancel([CancelItem(item.rental_id, item.renter_id, item.partner_id)])
        if isinstance(outcome, Deposit) and outcome.state is not DepositState.CANCELLED:
            return Refusal("", "NOT_CANCELLABLE", "it stays as it is")  # type: ignore[arg-type]
        return outcome

    @rule(
        renter=st.integers(0, 2),
        steps=st.lists(st.tuples(STEPS, CLAIMED, DONE), max_size=4),
        fare=st.sampled_from(AMOUNTS),
        done=DONE,
        back=st.lists(st.sampled_from([1, 150, 5000]), max_size=3),
    )
    def whole_rental(
        self, renter: int, steps: list[tuple[str, int, bool]], fare: int, done: bool, back: list[int]
    ) -> None:
        """A rental from decision to refund, so that what follows meets all that a deposit can be."""
        if not self._rents(renter, True, True):
            return
        for number, (what, amount, at_once) in enumerate(steps):
            if what == "renew":
                self._made_anew(at_once)
            else:
                self.claim(-1, what, amount, 100 + number, at_once)
        self.settle(-1, fare, done)
        for number, amount in enumerate(back):
            self.claim(-1, "refund", amount, 200 + number, True)

    @rule(
        renter=st.sampled_from([0, 2]),
        claimed=st.sampled_from([150, 1000]),
        moods=st.tuples(st.sampled_from(MOODS), st.sampled_from(MOODS)),
        what=st.sampled_from(["raise_hold", "raise_hold", "capture", "refund"]),
        done=st.tuples(DONE, DONE, DONE),
    )
    def long_rental(
        self, renter: int, claimed: int, moods: tuple[str, str], what: str, done: tuple[bool, bool, bool]
    ) -> None:
        """A hold that was captured in part is made anew, and something is asked of it while that is done once more."""
        if not self._rents(renter, True, True):
            return
        self.claim(-1, "capture", claimed, 300, True)
        self._made_anew(done[0])
        self.processors[0].mood = moods[0]
        self.claim(-1, what, claimed // 2, 301, done[1])
        self.processors[0].mood = moods[1]
        self._made_anew(done[2])

    def _made_anew(self, done: bool) -> None:
        self.clock_jumps(RENEWAL_DAYS)
        self.look_at_ends(done)

    @precondition(lambda self: self.deposit_ids)
    @rule(which=RECENT, what=CLAIMS, amount=CLAIMED, request=REQUESTS, done=DONE)
    def claim(self, which: int, what: str, amount: int, request: int, done: bool) -> None:
        deposit_id = self._deposit(which)
        self.run(self.desk.store.close_bills())  # as the sweeper does every few seconds
        outcome = self._claim(what, deposit_id, request, amount)
        if isinstance(outcome, Deposit):
            self.claimed.append((what, deposit_id, request, amount))
        self.prompt(done)

    def _claim(self, what: str, deposit_id: str, request: int, amount: int) -> Deposit | Refusal:
        call, request_id = getattr(self.desk.claiming, what), f"{what}-{request}".replace("_", "-")
        claimed = call(self.partner, request_id, deposit_id, Money("CNY", amount), "a test")
        outcome: Deposit | Refusal = self.ask(f"{what} {deposit_id} {request}", amount, claimed)
        return outcome

    @precondition(lambda self: self.claimed)
    @rule(which=RECENT)
    def claim_again(self, which: int) -> None:
        what, deposit_id, request, amount = self.claimed[which % len(self.claimed)]
        self._claim(what, deposit_id, request, amount)

    def _deposit(self, which: int) -> str:
        ids = list(self.deposit_ids.values())
        return ids[which % len(ids)]

    # Bills

    @rule(
        renter=st.sampled_from([1, 1, 0]),
        commands=st.lists(st.tuples(st.sampled_from(COMMANDS), st.sampled_from([0, 1, 100]), DONE), max_size=4),
        fare=st.sampled_from(AMOUNTS[1:]),
        claimed=st.sampled_from([0, 0, 150]),
    )
    def owing(self, renter: int, commands: list[tuple[str, int, bool]], fare: int, claimed: int) -> None:
        """A rental whose fare is declined, what is done about its bill, and perhaps a claim more."""
        if not self._rents(renter, True, True):
            return
        self.processors[0].mood = self.processors[1].mood = "decline"
        self.settle(-1, fare, True)
        self.processors[0].mood = self.processors[1].mood = "ok"
        for number, (what, amount, done) in enumerate(commands):
            self.bill(-1, what, amount, number, done)
        if claimed:
            self.claim(-1, "capture", claimed, 400, True)

    @precondition(lambda self: self.deposit_ids)
    @rule(
        which=RECENT,
        what=st.sampled_from(COMMANDS),
        amount=st.sampled_from([0, 1, 100]),
        request=st.integers(0, 6),
        done=DONE,
    )
    def bill(self, which: int, what: str, amount: int, request: int, done: bool) -> None:
        billed = self.run(self.books.bills())
        deposit_id = billed[which % len(billed)] if billed else self._deposit(which)
        content = amount if what not in ("stop", "resume", "approve") else ()
        asked = self._bill(what, f"{what}-{request}", deposit_id, amount)
        outcome = self.ask(f"{what} {deposit_id} {request}", content, asked)
        if what == "dispute" and not isinstance(outcome, Refusal):
            self.collected_before |= self.run(self.books.findings())[1]
        self.prompt(done)

    def _bill(self, what: str, request_id: str, deposit_id: str, amount: int) -> Coroutine[Any, Any, Any]:
        billing, asked = self.desk.billing, (request_id, deposit_id)
        renter_id = next(i.renter_id for i in self.items if self.deposit_ids.get(i.rental_id) == deposit_id)
        renter, one, another = Caller(Role.RENTER, renter_id), self.manager("one"), self.manager("another")
        calls = {
            "pay": lambda: billing.pay(renter, *asked, Money("CNY", amount) if amount else None, ""),
            "stop": lambda: billing.stop(one, *asked),
            "resume": lambda: billing.resume(one, *asked),
            "dispute": lambda: billing.dispute(renter, *asked, f"reason {amount}"),
            "resolve": lambda: billing.resolve(one, *asked, Money("CNY", amount), "a test"),
            "agree": lambda: billing.agree_instalments(one, *asked, {0: 2, 1: 3, 100: 4}[amount], 7),
            "propose": lambda: billing.propose_write_off(one, *asked, f"reason {amount}"),
            "approve": lambda: billing.approve_write_off(another, *asked),
        }
        return calls[what]()

    @rule(days=st.sampled_from([0.5, 1.5, 8]), done=DONE)
    def bills_are_attempted(self, days: float, done: bool) -> None:
        self.clock_jumps(days)
        self.tally["attempts"] += self.run(self.desk.billing.sweep())
        self.prompt(done)

    # The world

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

    @rule(kind=st.sampled_from([None, None, *OperationKind]), which=st.integers(0, 1))
    def processor_silence(self, kind: OperationKind | None, which: int) -> None:
        """What is asked of this kind happens, and is not answered: the rest goes on meanwhile."""
        self.processors[which].silent = kind

    @rule()
    def renters_confirm(self) -> None:
        for processor in self.processors:
            processor.confirm()

    @rule()
    def authorizations_lapse(self) -> None:
        self.processors[0].lapse()

    @rule(days=st.sampled_from([0.01, 1, RENEWAL_DAYS, RENEWAL_DAYS, 8, -0.5]))
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

    @precondition(lambda self: self.desk.launched)
    @rule()
    def a_request_is_slow(self) -> None:
        """It reaches its processor when everybody has given it up, or has asked again."""
        self.on_its_way.append(self.desk.launched.pop().operation)

    @rule(renter=st.sampled_from([0, 2]), sweeps=st.integers(0, 2))
    def cancelled_while_it_is_asked(self, renter: int, sweeps: int) -> None:
        """A hold is given up before its request arrives."""
        if not self._rents(renter, True, False):
            return
        if self.desk.launched:
            self.a_request_is_slow()
        self.cancel(-1, False)
        for _ in range(sweeps):
            self.sweep()

    @rule(
        renter=st.sampled_from([0, 2]),
        first=st.sampled_from(["down", "mute", "lost_before"]),
        second=st.sampled_from(["ok", "decline"]),
    )
    def fallen_back(self, renter: int, first: str, second: str) -> None:
        """One processor is silent, the other one holds or declines; then the first is heard again."""
        self.add_card(renter, "other")
        self.processors[0].mood, self.processors[1].mood = first, second
        self.secure(renter, True, True)
        for _ in range(3):
            self.sweep()
        self.processors[0].mood = self.processors[1].mood = "ok"

    @precondition(lambda self: self.on_its_way)
    @rule()
    def the_request_arrives(self) -> None:
        """And is answered; one that comes so late and unheard is for reconciliation to find."""
        operation = self.on_its_way.pop(0)
        processor = next(one for one in self.processors if one.name == operation.processor)
        mood, silent = processor.mood, processor.silent
        processor.mood, processor.silent = "ok", None
        result = self.run(processor.perform(operation))
        processor.mood, processor.silent = mood, silent
        self.tally["came late"] += 1
        self.run(self.desk.processing.finish_all([(operation.deposit_id, result)]))
        self.prompt(True)

    @rule(renter=st.integers(0, 2), processor=st.sampled_from(["sandbox", "other"]))
    def add_card(self, renter: int, processor: str) -> None:
        self.run(_outcome(self.desk.add_card(self.renters[renter], "another", processor)))

    @rule()
    def sweep(self) -> None:
        """When nothing is under way after it, the books already agree; what has lapsed may not be noticed yet."""
        self.run(self.desk.sweep())
        if self.run(self.books.quiet()):
            self.tally["quiet after a sweep"] += 1
            forgotten = self.run(self.books.forgotten())
            assert not forgotten, forgotten
            ours, theirs = self.run(self.books.compare(self.processors))
            for part in ("authorized", "captured", "released", "charged", "refunded"):
                assert ours[part] == theirs[part], (part, ours, theirs)

    @invariant()
    def the_books_are_right(self) -> None:
        """Nor is anything collected while it is disputed, but for what was under way by then."""
        found, collected = self.run(self.books.findings())
        assert not found, found
        assert collected <= self.collected_before, collected - self.collected_before

    @invariant()
    def one_key_acts_once(self) -> None:
        assert all(times == 1 for processor in self.processors for times in processor.acts.values())

    def teardown(self) -> None:
        self.tally.update(self.run(self.books.reached()))
        self.the_end()

    def the_end(self) -> None:
        """The processors are well, everything is swept, and the ledger is what they have, to the cent."""
        for processor in self.processors:
            processor.mood, processor.silent = "ok", None
            processor.confirm()
        while self.on_its_way:
            self.the_request_arrives()
        self._settle_everything()
        ours, theirs = self.run(self.books.compare(self.processors))
        assert ours["open"] == theirs["open"] == 0, (ours, theirs)
        for _ in range(2):
            self.desk.clock.turn(days=8)
            for processor in self.processors:
                processor.lapse()
            self.run(self.desk.lapsing.sweep())
            self._settle_everything()
        self.run(self.desk.sweep())
        self.the_books_are_right()
        assert self.run(self.books.quiet()), "everything asked of a processor has an outcome"
        ours, theirs = self.run(self.books.compare(self.processors))
        assert ours == theirs, (ours, theirs)
        assert self.run(self.books.differences(self.processors)) == [], "reconciliation has nothing to say"
        for deposit_id in self.deposit_ids.values():
            self._ended_as_decided(self.run(self.desk.deposit(deposit_id)))

    def _settle_everything(self) -> None:
        for _ in range(2):
            for item in self.items:
                self.run(self._settle(item, 0))
            for _ in range(3):
                self.run(self.desk.sweep())

    def _ended_as_decided(self, deposit: Deposit) -> None:
        self.tally[f"in the end {deposit.state}"] += 1
        draft = self.policies[deposit.policy_id].draft
        assert deposit.compensation_limit_minor == draft.deposit.amount_minor
        assert deposit.amount_minor in [draft.deposit.amount_minor, *(_part(draft, tier) for tier in draft.tiers)]
        if deposit.outcome is AdmittanceOutcome.ADMITTED:
            assert deposit.score is not None
            assert deposit.score > draft.threshold
        assert deposit.state in (DepositState.CLOSED, DepositState.CANCELLED, DepositState.DECLINED)


def _reduced(draft: PolicyDraft, score: int) -> int:
    """What the highest tier that lies below the score takes, or all of it."""
    below = [tier for tier in draft.tiers if score > tier.above]
    return _part(draft, below[-1]) if below else draft.deposit.amount_minor


def _part(draft: PolicyDraft, tier: Tier) -> int:
    full = draft.deposit.amount_minor
    return tier.amount_minor or full * tier.percent // 100


async def _outcome(call: Coroutine[Any, Any, Any]) -> Any:
    try:
        return await call
    except Refusal as refusal:
        return refusal
