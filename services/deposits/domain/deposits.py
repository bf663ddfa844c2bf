"""Deposits and the processor operations that realise them.

PENDING → WAIVED | HELD | DECLINED | CANCELLED; HELD → CLOSED. Always authorized = captured + released + expired + open.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.deposits.domain.altering import Alterable
from services.deposits.domain.processors import Hold
from services.values.money import Money


class DepositState(StrEnum):
    """Where a deposit stands; names as in `freehold.deposits.v1.DepositState`."""

    PENDING = "PENDING"
    WAIVED = "WAIVED"
    HELD = "HELD"
    DECLINED = "DECLINED"
    CANCELLED = "CANCELLED"
    CLOSED = "CLOSED"


class AdmittanceOutcome(StrEnum):
    """What scoring answered; NONE for a rental that was cancelled before it was decided."""

    ADMITTED = "ADMITTED"
    NOT_ADMITTED = "NOT_ADMITTED"
    CANNOT_ASSESS = "CANNOT_ASSESS"
    NONE = "NONE"


class PaymentStatus(StrEnum):
    """How far a charge is paid; names as in `freehold.deposits.v1.PaymentStatus`."""

    NONE = "NONE"
    DUE = "DUE"
    IN_PROGRESS = "IN_PROGRESS"
    PAID = "PAID"
    FAILED = "FAILED"
    WRITTEN_OFF = "WRITTEN_OFF"


class OperationKind(StrEnum):
    """What is asked of the processor."""

    AUTHORIZE = "AUTHORIZE"
    CAPTURE = "CAPTURE"
    VOID = "VOID"
    CHARGE = "CHARGE"
    INCREMENT = "INCREMENT"
    REFUND = "REFUND"


class OperationState(StrEnum):
    """WANTED until its outcome is known; CANCELLED when it never reached the processor and is not wanted any more."""

    WANTED = "WANTED"
    DONE = "DONE"
    DECLINED = "DECLINED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True)
class Operation(Alterable):
    """One thing asked of the processor, under one idempotency key (its id) however often it is tried.

    `reference` is the payment method's for AUTHORIZE and CHARGE, the authorization's for CAPTURE, VOID and INCREMENT,
    the captured or charged payment's for REFUND. `hold_id` names the AUTHORIZE operation whose hold is meant. A capture
    that is `final` gives back the rest. `renter_action` is what the renter's app needs to have a pending one confirmed.
    `source_id` names the payment that a refund pays back. One that was `given_up` is asked about until its end is
    known, and undone if that was a success.
    """

    operation_id: str
    deposit_id: str
    kind: OperationKind
    amount: Money
    reference: str
    state: OperationState = OperationState.WANTED
    attempts: int = 0
    processor: str = "sandbox"
    hold_id: str = ""
    final: bool = True
    renter_action: str = ""
    result_ref: str = ""
    source_id: str = ""
    given_up: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """The processor's outcome of an operation: DONE, DECLINED or CANCELLED; WANTED while the renter has to confirm it.

    `result_ref` is the authorization's, charge's or refund's own reference. Of an authorization, `expires_at` says
    until when it holds and `credit_minor` what part of it is a credit line's; of one that waits, `renter_action` is
    what the renter's app needs.
    """

    operation_id: str
    state: OperationState
    result_ref: str = ""
    decline_code: str = ""
    expires_at: datetime | None = None
    credit_minor: int = 0
    renter_action: str = ""


@dataclass(frozen=True)
class Deposit(Alterable):
    """The decision for one rental and what became of it. `score` is for this record only and is told to nobody.

    `model_version` and `facts_version` say what scoring answered from. The parts authorized, captured, released,
    expired and open are the sums of the deposit's holds; only a deposit that is read for a change carries these, and
    whether its bill is `disputed`. `processor` and `payment_ref` are the means of payment that is asked next;
    `renter_action` waits for the renter. `purchase_minor` is what part of the compensation is the price of a thing that
    was lost. `version` is what a change was decided on: another change raises it.
    """

    deposit_id: str
    rental_id: str
    renter_id: str
    partner_id: str
    state: DepositState
    outcome: AdmittanceOutcome
    reason_codes: tuple[str, ...]
    policy_id: str
    model_version: str
    score: int | None
    currency: str
    amount_minor: int
    payment_ref: str
    decided_at: datetime
    decline_code: str = ""
    authorized_minor: int = 0
    captured_minor: int = 0
    released_minor: int = 0
    expired_minor: int = 0
    open_minor: int = 0
    charged_minor: int = 0
    paid_minor: int = 0
    payment_status: PaymentStatus = PaymentStatus.NONE
    settled_at: datetime | None = None
    closed_at: datetime | None = None
    facts_version: int = 0
    processor: str = "sandbox"
    compensation_limit_minor: int = 0
    compensated_minor: int = 0
    refunded_minor: int = 0
    written_off_minor: int = 0
    purchase_minor: int = 0
    holds: tuple[Hold, ...] = ()
    renter_action: str = ""
    version: int = 0
    disputed: bool = False

    def hold(self, hold_id: str) -> Hold:
        """One of its holds."""
        return next(hold for hold in self.holds if hold.hold_id == hold_id)

    def with_hold(self, hold: Hold) -> Deposit:
        """This deposit with one hold changed or added, and the sums that follow."""
        holds = tuple(sorted([*(h for h in self.holds if h.hold_id != hold.hold_id), hold], key=lambda h: h.hold_id))
        return self.but(
            holds=holds,
            authorized_minor=sum([h.authorized_minor for h in holds]),
            captured_minor=sum([h.captured_minor for h in holds]),
            released_minor=sum([h.released_minor for h in holds]),
            expired_minor=sum([h.expired_minor for h in holds]),
            open_minor=sum([h.open_minor for h in holds]),
        )

    def money(self, amount_minor: int) -> Money:
        """An amount in the deposit's currency."""
        return Money(self.currency, amount_minor)
