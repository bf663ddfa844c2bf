"""What the tests of deposits share: a desk with a real store, and a processor that answers as it is told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from services.deposits.domain import (
    AdmittanceOutcome,
    AssuranceLevel,
    Capabilities,
    Deposit,
    Hold,
    LineKind,
    Notice,
    NoticeRejected,
    Operation,
    OperationKind,
    OperationState,
    Policy,
    PolicyDraft,
    ReportLine,
    Result,
    Seen,
)
from services.deposits.operations import (
    Billing,
    Changing,
    Claiming,
    Explaining,
    Lapsing,
    PaymentMethods,
    Policies,
    Processing,
    Reading,
    Remaking,
    Securing,
    Settling,
)
from services.deposits.operations.ports import (
    NOT_DONE,
    Answer,
    Attached,
    Leased,
    Processor,
    Question,
    RenterAtPartner,
    SecureItem,
)
from services.deposits.operations.ports.policies import Circumstances
from services.deposits.operations.reconciling import Deciding, Repairing, Running
from services.deposits.operations.remaking import PutRight
from services.deposits.store import Store
from services.runtime.database import Database
from services.runtime.statuses import upstream_unavailable
from services.values.callers import Caller, Role
from services.values.errors import Category, Refusal
from services.values.ids import new_id, new_id_of, new_renter_id
from services.values.money import Money

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DEPOSIT_MINOR = 9900


@dataclass
class Hands:
    """A clock that stands still until it is turned."""

    time: datetime = NOON

    def now(self) -> datetime:
        return self.time

    def turn(self, **duration: float) -> None:
        self.time += timedelta(**duration)


@dataclass
class ScriptedScoring:
    """Answers by score; a person without one cannot be assessed. `down` makes it silent."""

    scores: dict[str, int] = field(default_factory=dict)
    bad_records: set[str] = field(default_factory=set)
    down: bool = False
    frames: int = 0

    async def admit(self, questions: Sequence[Question]) -> list[Answer | Refusal]:
        self.frames += 1
        return [upstream_unavailable() if self.down else self._answer(question) for question in questions]

    def _answer(self, question: Question) -> Answer:
        score = self.scores.get(question.renter_id)
        if score is None:
            return Answer(AdmittanceOutcome.CANNOT_ASSESS, ("TOO_FEW_FACTS",), "test-1", None)
        if question.renter_id in self.bad_records and question.clean_record_years:
            return Answer(AdmittanceOutcome.NOT_ADMITTED, ("BAD_RECORD",), "test-1", score)
        lines = (question.threshold, *question.higher)
        tier = sum(score > line for line in lines)
        outcome = AdmittanceOutcome.ADMITTED if tier else AdmittanceOutcome.NOT_ADMITTED
        return Answer(outcome, () if tier == len(lines) else ("SHORT_HISTORY",), "test-1", score, 0, tier)


@dataclass
class ScriptedIdentity:
    """Everybody is linked and consents unless listed; `assurance` is everybody's."""

    strangers: set[str] = field(default_factory=set)
    assurance: AssuranceLevel = AssuranceLevel.DOCUMENT_CHECKED

    async def check(self, renter_id: str, partner_id: str) -> RenterAtPartner:
        return RenterAtPartner(renter_id not in self.strangers, scoring_consent=True, assurance=self.assurance)


@dataclass
class Switch:
    """A breaker that is shut and opened by hand; it counts silences."""

    open: bool = False
    silences: int = 0

    def allows(self) -> bool:
        return not self.open

    def heard(self, answered: bool) -> None:
        self.silences += not answered


@dataclass
class Authorization:
    """One authorization in the books of a scripted processor."""

    authorized_minor: int
    captured_minor: int = 0
    released_minor: int = 0
    expired_minor: int = 0
    open_minor: int = 0


@dataclass(frozen=True)
class Made:
    """A payment in the books of a scripted processor; only charges and refunds have their amount here."""

    kind: LineKind
    operation: Operation
    at: datetime
    amount_minor: int = 0


@dataclass
class ScriptedProcessor:
    """A processor in memory with its own books. Each key acts once, whatever is asked how often.

    `mood` says how it answers: ok, decline, lost_before (nothing happens, no answer), lost_after (it happens, no
    answer), mute (it happens, not even a query is answered), down (nothing happens, nothing is answered), slow (an
    authorization waits for the renter). Operations of the kind that it is `silent` about happen, and neither they nor
    questions about them are answered.
    """

    name: str = "sandbox"
    mood: str = "ok"
    silent: OperationKind | None = None
    partial_captures: bool = True
    over_capture_percent: int = 0
    charges: bool = True
    done: dict[str, Result] = field(default_factory=dict)
    acts: Counter[str] = field(default_factory=Counter)
    authorizations: dict[str, Authorization] = field(default_factory=dict)
    waiting: dict[str, Operation] = field(default_factory=dict)
    made: dict[str, Made] = field(default_factory=dict)
    charged_minor: int = 0
    refunded_minor: int = 0

    @property
    def capabilities(self) -> Capabilities:
        can = {"partial_captures": self.partial_captures, "over_capture_percent": self.over_capture_percent}
        return Capabilities(self.name, timedelta(days=7), increments=True, charges=self.charges, **can)

    @property
    def captured_minor(self) -> int:
        return sum(one.captured_minor for one in self.authorizations.values())

    @property
    def open_minor(self) -> int:
        return sum(one.open_minor for one in self.authorizations.values())

    async def attach(self, token: str, idempotency_key: str) -> Attached:
        return Attached(f"pm_{token}", "visa", "4242")

    async def perform(self, operation: Operation) -> Result | None:
        if self.mood in ("lost_before", "down"):
            return None
        if (
            self.mood == "slow"
            and operation.kind is OperationKind.AUTHORIZE
            and operation.operation_id not in self.done
        ):
            self.waiting[operation.operation_id] = operation
            return Result(operation.operation_id, OperationState.WANTED, renter_action="confirm")
        result = self._act(operation)
        unheard = self.mood in ("lost_after", "mute") or operation.kind is self.silent
        return None if unheard else result

    async def query(self, operation: Operation) -> Result | None:
        if self.mood in ("down", "mute") or operation.kind is self.silent:
            return None
        if operation.operation_id in self.waiting and operation.given_up:
            self.done[operation.operation_id] = _declined(self.waiting.pop(operation.operation_id), "given_up")
        if operation.operation_id in self.waiting:
            return Result(operation.operation_id, OperationState.WANTED, renter_action="confirm")
        nothing = Result(operation.operation_id, OperationState.CANCELLED, result_ref=NOT_DONE)
        return self.done.get(operation.operation_id, nothing)

    async def inspect(self, hold: Hold) -> Seen | None:
        if self.mood == "down":
            return None
        one = self.authorizations[hold.reference]
        return Seen(one.authorized_minor, one.captured_minor, one.released_minor, one.expired_minor, one.open_minor)

    async def report(self, since: datetime, until: datetime) -> Sequence[ReportLine]:
        if self.mood == "down":
            raise Refusal(Category.UNAVAILABLE, "PROCESSOR_UNAVAILABLE", "the processor gives no report; retry")
        return [self._line(reference, made) for reference, made in self.made.items() if since <= made.at < until]

    def _line(self, reference: str, made: Made) -> ReportLine:
        operation, amount = made.operation, made.amount_minor
        named = (operation.operation_id, operation.deposit_id, operation.amount.currency)
        one = self.authorizations.get(reference) or Authorization(amount, amount)
        parts = (one.captured_minor, one.released_minor, one.expired_minor, one.open_minor)
        return ReportLine(reference, made.kind, *named, one.authorized_minor, *parts, made.at)

    def read_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        raise NoticeRejected

    def confirm(self) -> None:
        """The renters confirm what waits for them."""
        for operation in self.waiting.values():
            self._act(operation)
        self.waiting.clear()

    def lapse(self) -> None:
        """Every authorization has come to its end."""
        for one in self.authorizations.values():
            one.expired_minor, one.open_minor = one.expired_minor + one.open_minor, 0

    def _act(self, operation: Operation) -> Result:
        key = operation.operation_id
        if key not in self.done:
            self.acts[key] += 1
            self.done[key] = self._effect(operation)
        return self.done[key]

    def _effect(self, operation: Operation) -> Result:
        on_means = operation.kind in (OperationKind.AUTHORIZE, OperationKind.CHARGE)
        if self.mood == "decline" and (on_means or operation.kind is OperationKind.INCREMENT):
            return _declined(operation, "generic_decline")
        amount = operation.amount.amount_minor
        assert self.charges or operation.kind is not OperationKind.CHARGE, "a charge, of one that makes none"
        if operation.kind is OperationKind.AUTHORIZE:
            reference = f"auth_{operation.operation_id}"
            self.authorizations[reference] = Authorization(amount, open_minor=amount)
            self.made[reference] = Made(LineKind.AUTHORIZATION, operation, datetime.now(UTC))
            return Result(operation.operation_id, OperationState.DONE, reference)
        if operation.kind is OperationKind.CHARGE:
            self.charged_minor += amount
            return self._paid(LineKind.CHARGE, f"ch_{operation.operation_id}", operation)
        if operation.kind is OperationKind.REFUND:
            self.refunded_minor += amount
            return self._paid(LineKind.REFUND, f"re_{operation.operation_id}", operation)
        return self._on_hold(operation, self.authorizations[operation.reference], amount)

    def _paid(self, kind: LineKind, reference: str, operation: Operation) -> Result:
        self.made[reference] = Made(kind, operation, datetime.now(UTC), operation.amount.amount_minor)
        return Result(operation.operation_id, OperationState.DONE, reference)

    def _on_hold(self, operation: Operation, one: Authorization, amount: int) -> Result:
        if not one.open_minor:
            return _declined(operation, "authorization_expired")
        if operation.kind is OperationKind.INCREMENT:
            one.authorized_minor, one.open_minor = one.authorized_minor + amount, one.open_minor + amount
        if operation.kind is OperationKind.CAPTURE:
            beyond = max(0, amount - one.open_minor)
            assert beyond <= one.open_minor * self.over_capture_percent // 100, "more than what is held"
            assert operation.final or self.partial_captures, "a part, of one that captures once"
            one.authorized_minor += beyond
            one.captured_minor += amount
            one.open_minor += beyond - amount
        if operation.kind is OperationKind.VOID or (operation.kind is OperationKind.CAPTURE and operation.final):
            one.released_minor, one.open_minor = one.released_minor + one.open_minor, 0
        return Result(operation.operation_id, OperationState.DONE, operation.reference)


def _declined(operation: Operation, code: str) -> Result:
    return Result(operation.operation_id, OperationState.DECLINED, decline_code=code)


class Desk:
    """Deposits without its doors: a real store, scripted neighbours, and operations that wait to be carried out."""

    def __init__(self, db: Database, other: ScriptedProcessor | None = None, sandbox: Processor | None = None) -> None:
        self.db = db
        self.clock, self.real = Hands(), Hands()
        self.scoring, self.identity = ScriptedScoring(), ScriptedIdentity()
        self.processor, self.other = ScriptedProcessor("sandbox"), other or ScriptedProcessor("other")
        self.launched: list[Leased] = []
        self.store = Store(db, self.real.now, lambda: None)
        processors: dict[str, Processor] = {"sandbox": sandbox or self.processor, "other": self.other}
        self.breakers = {name: Switch() for name in processors}
        capabilities = {name: processor.capabilities for name, processor in processors.items()}
        self.changing = changing = Changing(self.store, capabilities, self._launch, self.clock, self.real)
        self.securing = Securing(self.store, self.scoring, self.identity, self._launch, self.clock, self.real)
        self.settling = Settling(changing)
        self.claiming = Claiming(changing)
        self.billing = Billing(changing)
        self.lapsing = Lapsing(changing, processors, self.breakers)
        self.remaking = Remaking(changing, self.scoring, self.identity)
        self.processing = Processing(changing, processors, self.breakers)
        self.policies = Policies(self.store, self.clock)
        self.methods = PaymentMethods(changing, processors, self.identity)
        self.reading = Reading(self.store)
        self.explaining = Explaining(self.store, self.clock)
        self.running = Running(self.store, processors, self.clock, self.real, lambda moment: moment)
        self.repairing = Repairing(self.store, changing, processors)
        self.deciding = Deciding(self.store, processors, self.clock, self.real, lambda: None)
        self.partner_id = new_id("ptn")

    def _launch(self, operations: Sequence[Operation]) -> None:
        self.launched.extend(self.processing.fresh(operations))

    async def open(self, threshold: int = 600, max_open_waived: int = 3) -> Policy:
        """Sets a policy for bikes."""
        return await self.draw(threshold=threshold, max_open_waived=max_open_waived)

    async def draw(self, author: str = "", request_id: str = "", **terms: Any) -> Policy:
        """Sets a policy for bikes, that of `open` but for these terms."""
        draft = PolicyDraft(self.partner_id, "BIKE", 600, Money("CNY", DEPOSIT_MINOR), 3, "a test")
        return await self.policies.set(request_id or new_id("req"), replace(draft, **terms), author or self.partner_id)

    async def person(self, score: int | None = None, card: bool = True) -> str:
        """A renter with a score and a payment method."""
        renter_id = new_renter_id("rnt")
        if score is not None:
            self.scoring.scores[renter_id] = score
        if card:
            await self.add_card(renter_id)
        return renter_id

    async def add_card(self, renter_id: str, card: str = "visa", processor: str = "sandbox") -> None:
        await self.methods.add(Caller(Role.RENTER, renter_id), new_id("req"), renter_id, card, processor)

    def item(self, renter_id: str, rental_id: str = "", consent: bool = True, **circumstances: Any) -> SecureItem:
        rental_id = rental_id or new_id_of("rtl", renter_id)
        around = Circumstances(**circumstances)
        return SecureItem(rental_id, renter_id, self.partner_id, "BIKE", "", consent, circumstances=around)

    async def put_right(self, renter_id: str, event_id: str = "") -> Refusal | None:
        """Scoring tells that a person's facts were put right."""
        return await self.remaking.remake(PutRight(event_id or new_id("evt"), renter_id, NOON - timedelta(days=1)))

    async def secure(self, item: SecureItem) -> Deposit | Refusal:
        (outcome,) = await self.securing.secure([item])
        return outcome

    def crash(self) -> None:
        """The process dies: what it had launched is forgotten, the leases are not."""
        self.launched.clear()

    async def carry_out(self) -> int:
        """Carries out everything launched, and what follows from it; answers how many stayed unclear."""
        unclear = 0
        while self.launched:
            leased, self.launched = self.launched, []
            changes = await asyncio.gather(*(self._carry(one) for one in leased))
            unclear += sum(not clear for clear in changes)
        return unclear

    async def sweep(self) -> int:
        """Lets every lease run out, then carries out what is due."""
        self.real.turn(seconds=120)
        due = await self.processing.lease_due()
        for leased in due:
            await self._carry(leased)
        await self.carry_out()
        return len(due)

    async def _carry(self, leased: Leased) -> bool:
        async def apply(deposit_id: str, result: Result):  # type: ignore[no-untyped-def]
            (change,) = await self.processing.finish_all([(deposit_id, result)])
            return change

        return await self.processing.carry_out(leased, apply) is not None

    async def deposit(self, deposit_id: str) -> Deposit:
        found = await self.store.read_deposit(deposit_id)
        assert found is not None
        return found

    async def findings(self) -> tuple[str, ...]:
        return (await self.store.trial_balance()).findings
