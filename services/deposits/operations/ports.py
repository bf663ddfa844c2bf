"""What the use cases need of the world: a store, scoring's answer, identity's answer, a payment processor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.deposits.domain import (
    AdmittanceOutcome,
    Again,
    AssuranceLevel,
    Bill,
    BillChange,
    BillState,
    Capabilities,
    Change,
    Deposit,
    DepositState,
    Hold,
    Means,
    Moment,
    Notice,
    Operation,
    PolicyDraft,
    ReportLine,
    Result,
    ScoreUse,
    Seen,
)
from services.deposits.operations.policy_ports import UNKNOWN, Cap, Circumstances, PreviewKey
from services.values.errors import Refusal
from services.values.requests import Request


@dataclass(frozen=True, slots=True)
class SecureItem:
    """One rental to be secured; `rental_id` makes it idempotent. `traceparent` is the trace it belongs to."""

    rental_id: str
    renter_id: str
    partner_id: str
    asset_kind: str
    payment_method_id: str
    scoring_consent: bool
    traceparent: str = ""
    circumstances: Circumstances = UNKNOWN


@dataclass(frozen=True, slots=True)
class Known:
    """What one read tells about an item: its deposit if there is one, else what the most specific policy in force says,
    and the payment method."""

    deposit: Deposit | None
    policy_id: str
    draft: PolicyDraft | None
    payment_ref: str
    processor: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What to write for an item: a waiver if the exposure allows it, else a hold if there is something to hold on.

    What a waiver would add to the exposure is the deposit's compensation limit. `use` tells scoring that its answer was
    used; `circumstances` are kept, so that the decision can be explained.
    """

    deposit: Deposit
    wants_waiver: bool
    cap: Cap
    authorize: Operation | None
    use: ScoreUse | None = None
    circumstances: Circumstances = UNKNOWN


@dataclass(frozen=True, slots=True)
class Question:
    """Is this person's score above this line, and how many of the higher ones, with no bad record in so many years?"""

    renter_id: str
    threshold: int
    traceparent: str = ""
    higher: tuple[int, ...] = ()
    clean_record_years: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """Scoring's answer. `score` stays in the decision row; `tier` is how many of the lines it lies above."""

    outcome: AdmittanceOutcome
    reason_codes: tuple[str, ...]
    model_version: str
    score: int | None
    facts_version: int = 0
    tier: int = 0


@dataclass(frozen=True, slots=True)
class Held:
    """A deposit that is held or about to be, with what the policy says that it was decided under."""

    deposit_id: str
    rental_id: str
    renter_id: str
    partner_id: str
    asset_kind: str
    pending: bool
    draft: PolicyDraft


@dataclass(frozen=True, slots=True)
class Remade:
    """A held deposit that is to be waived, if the exposure has room."""

    deposit_id: str
    again: Again
    cap: Cap


@dataclass(frozen=True, slots=True)
class Preview:
    """An answer that stands until `stands_until`."""

    outcome: AdmittanceOutcome
    waived: bool
    reason_codes: tuple[str, ...]
    policy_id: str
    currency: str
    amount_minor: int
    stands_until: datetime


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    """A processor's reference, described for people."""

    payment_method_id: str
    renter_id: str
    processor: str
    processor_ref: str
    brand: str
    last4: str
    is_default: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Attached:
    """What the processor says of a token."""

    processor_ref: str
    brand: str
    last4: str


@dataclass(frozen=True, slots=True)
class AccountTotal:
    """The sum of one account over all renters, in one currency."""

    account: str
    currency: str
    balance_minor: int
    debits_minor: int
    credits_minor: int


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """The ledger's health."""

    accounts: tuple[AccountTotal, ...]
    findings: tuple[str, ...]
    open_holds: int
    pending_deposits: int
    unpaid_bills: int
    outbox_waiting: int


@dataclass(frozen=True, slots=True)
class RefundQueue:
    """Money that is to go back and has not, and since when (real time) the oldest waits."""

    waiting: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Leased:
    """An operation that is ours until `until` (real time), wanted since `since`; `abandoned` when its deposit was
    cancelled meanwhile, or another processor was asked instead."""

    operation: Operation
    abandoned: bool
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class RenterAtPartner:
    """Identity's word: whether the person is linked to the partner, consents to scoring there, and on what grounds they
    are believed."""

    linked: bool
    scoring_consent: bool
    assurance: AssuranceLevel = AssuranceLevel.UNSPECIFIED


Transition = Callable[[Deposit, Sequence[Operation]], "Change | Refusal"]


BillTransition = Callable[[Bill, Deposit, Sequence[Operation]], "BillChange | Refusal"]


class Store(Protocol):
    """What deposits keeps."""

    async def known(self, items: Sequence[SecureItem], now: datetime) -> list[Known]: ...
    async def secure(self, decisions: Sequence[Decision], lease_until: datetime) -> list[Deposit | None]: ...
    async def change(
        self, transitions: Sequence[tuple[str, Transition]], now: datetime, lease_until: datetime
    ) -> list[Change | Refusal]:
        """One transition per deposit and call."""
        ...

    async def change_once(
        self, request: Request, deposit_id: str, transition: Transition, now: datetime, lease_until: datetime
    ) -> Change | Refusal: ...
    async def hasten(self, processor: str, notice: Notice, real_now: datetime, now: datetime) -> None: ...
    async def other_means(self, deposit_id: str) -> Means | None: ...
    async def save_processor_order(
        self, request: Request, partner_id: str, processors: Sequence[str], author: str, now: datetime
    ) -> None: ...
    async def read_processor_order(self, partner_id: str) -> tuple[str, ...]: ...
    async def close_bills(self) -> None: ...
    async def due_bills(self, now: datetime, limit: int) -> list[tuple[str, Means]]: ...
    async def means_of(self, renter_id: str, payment_method_id: str) -> Means | None: ...
    async def change_bill(
        self,
        request: Request | None,
        deposit_id: str,
        transition: BillTransition,
        now: datetime,
        lease_until: datetime,
    ) -> tuple[BillChange, Deposit] | Refusal: ...
    async def read_bill(self, deposit_id: str) -> tuple[Bill, Deposit] | None: ...
    async def list_bills(
        self, partner_id: str, renter_id: str, state: BillState | None, before: str, limit: int
    ) -> list[tuple[Bill, Deposit]]: ...
    async def lapsing_holds(self, soon: datetime, now: datetime, limit: int) -> list[Hold]: ...
    async def looked_at(self, hold_id: str, again: datetime | None) -> None: ...
    async def refund_queue(self) -> RefundQueue: ...
    async def find_by_rental(self, rental_ids: Sequence[str]) -> dict[str, str]: ...
    async def bury(self, deposit: Deposit) -> bool: ...
    async def lease_operations(self, now: datetime, until: datetime, limit: int) -> list[Leased]: ...
    async def postpone_operation(self, operation_id: str, until: datetime) -> None: ...
    async def read_preview(self, key: PreviewKey, now: datetime) -> Preview | None: ...
    async def save_preview(self, key: PreviewKey, preview: Preview, use: ScoreUse | None, now: datetime) -> Preview: ...
    async def find_held(self, renter_id: str, since: datetime) -> list[Held]: ...
    async def remake(
        self,
        request: Request,
        renter_id: str,
        remade: Sequence[Remade],
        uses: Sequence[ScoreUse],
        moment: Moment,
        lease_until: datetime,
    ) -> list[Change]: ...
    async def find_payment_method(self, request: Request) -> PaymentMethod | None: ...
    async def add_payment_method(self, request: Request, method: PaymentMethod) -> PaymentMethod: ...
    async def list_payment_methods(self, renter_id: str, before: str, limit: int) -> list[PaymentMethod]: ...
    async def unpaid_deposits(self, renter_id: str) -> list[str]: ...
    async def read_deposit(self, deposit_id: str) -> Deposit | None: ...
    async def list_deposits(
        self, partner_id: str, renter_id: str, state: DepositState | None, before: str, limit: int
    ) -> list[Deposit]: ...
    async def trial_balance(self) -> TrialBalance: ...


class Scoring(Protocol):
    """Admittance, in one frame; a Refusal when scoring does not answer."""

    async def admit(self, questions: Sequence[Question]) -> list[Answer | Refusal]: ...


class Identity(Protocol):
    """Standing of one person at one partner ("" for any), read fresh. Raises RENTER_NOT_FOUND."""

    async def check(self, renter_id: str, partner_id: str) -> RenterAtPartner: ...


class Processor(Protocol):
    """A payment processor: the one port of every adapter. None is an unclear answer: `query` before anything else."""

    @property
    def capabilities(self) -> Capabilities: ...

    async def attach(self, token: str, idempotency_key: str) -> Attached:
        """A lasting reference for a token; raises PAYMENT_METHOD_REJECTED or PROCESSOR_UNAVAILABLE."""
        ...

    async def perform(self, operation: Operation) -> Result | None:
        """Asks for the operation under its id as idempotency key; None when it is unclear what became of it."""
        ...

    async def query(self, operation: Operation) -> Result | None:
        """What became of the operation; `NOT_DONE` when there is no trace of it, None when it is unclear."""
        ...

    async def inspect(self, hold: Hold) -> Seen | None:
        """The authorization as the processor has it now; None when it does not answer."""
        ...

    async def report(self, since: datetime, until: datetime) -> Sequence[ReportLine]:
        """Every payment made from `since` to before `until`; raises PROCESSOR_UNAVAILABLE."""
        ...

    def read_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """What a webhook says, its signature checked; header names in lower case. Raises NoticeRejected."""
        ...


class Breaker(Protocol):
    """Whether a processor may be asked at all, by how it answered of late."""

    def allows(self) -> bool: ...
    def heard(self, answered: bool) -> None: ...


NOT_DONE = "not_done"
"""`Result.result_ref` of a query that found nothing under the key (state CANCELLED): nothing has happened so far."""
