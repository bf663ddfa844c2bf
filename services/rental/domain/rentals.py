"""The rental itself, and a change of it: what it was, what it becomes, what scoring is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from services.rental.domain.assets import AssetKind, AssetState
from services.rental.domain.events import Event, EventKind, state_event
from services.rental.domain.facts import Fact, FactKind
from services.rental.domain.fleet.states import STEPS, AssetStep
from services.rental.domain.ids import (
    AssetId,
    DepositId,
    PartnerId,
    PaymentMethodId,
    PricePlanId,
    RentalId,
    RenterId,
)
from services.rental.domain.kinds import KINDS, Kind
from services.rental.domain.pricing import NO_USAGE, RidePass, Usage
from services.rental.domain.states import (
    HAS_ASSET,
    AdmittanceOutcome,
    DepositState,
    DisputeState,
    FollowUp,
    PaymentStatus,
    RentalState,
    Step,
)
from services.values.money import Money
from services.values.requests import Request


@dataclass(frozen=True, slots=True)
class Security:
    """How deposits secured the rental. `reason_codes` say why no waiver; `decline_code` is the processor's own."""

    deposit_id: DepositId
    state: DepositState
    outcome: AdmittanceOutcome | None
    reason_codes: tuple[str, ...]
    amount: Money
    decline_code: str = ""


class Closing(StrEnum):
    """The two commands that take a rental from the renter's hands; a rental meets at most one of them."""

    END = "END"
    CANCEL = "CANCEL"


@dataclass(frozen=True, slots=True)
class ClosedBy:
    """Which command of the rental's partner closed it, so that its repetition is recognised."""

    closing: Closing
    request_id: str


@dataclass(frozen=True, slots=True)
class Dispute:
    """A renter's word that it was back at `claimed_end_at`; once per rental. The clock stands at `reported_at`."""

    state: DisputeState
    reported_at: datetime
    claimed_end_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Rental:
    """One rental.

    `currency` is the pinned plan's; city, class and monthly rent are the asset's. `usage` and `pass_used` are, beside
    the plan and the times, what the charge follows from: its lines are computed anew from them. `activate_by` and
    `follow_up_at` are real time, the other times are business time. `fingerprint` is that of the StartRental which made
    it. `version` counts the changes: a change is written only over the version that it was decided on.

    `charge` is the fare; `purchase` is what a lost thing costs beside it. The thing is due back at `due_at`, was
    announced to be overdue at `overdue_at`, and `wake_at` is when time makes something happen next. What it costs
    became known at `charged_at`. `credit` is what deposits has still to take off the charge, `credit_purchase_minor`
    what of it is of the purchase; `corrections` counts them.
    """

    rental_id: RentalId
    partner_id: PartnerId
    renter_id: RenterId
    asset_id: AssetId
    asset_code: str
    asset_kind: AssetKind
    price_plan_id: PricePlanId
    currency: str
    payment_method_id: PaymentMethodId | None
    fingerprint: bytes
    requested_at: datetime
    activate_by: datetime
    state: RentalState = RentalState.REQUESTED
    payment_status: PaymentStatus = PaymentStatus.NONE
    security: Security | None = None
    charge: Money | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    closed_by: ClosedBy | None = None
    cancelled_at: datetime | None = None
    cancel_reason: str = ""
    follow_up: FollowUp = FollowUp.SECURE
    follow_up_at: datetime | None = None
    payment_failed_at: datetime | None = None
    deposit_event_at: datetime | None = None
    version: int = 1
    city: str = ""
    asset_class: str = ""
    monthly_rent_minor: int = 0
    usage: Usage = NO_USAGE
    pass_used: RidePass | None = None
    due_at: datetime | None = None
    wake_at: datetime | None = None
    overdue_at: datetime | None = None
    charged_at: datetime | None = None
    purchase: Money | None = None
    credit: Money | None = None
    credit_purchase_minor: int = 0
    corrections: int = 0
    dispute: Dispute | None = None

    @property
    def kind(self) -> Kind:
        """What its kind says."""
        return KINDS[self.asset_kind]

    def can(self, step: Step) -> bool:
        """Whether the kind has this step from the present state."""
        return (self.state, step) in self.kind.machine

    def after(self, step: Step) -> RentalState:
        """The state that the step leads to; a step that the kind does not have is a defect (KeyError)."""
        return self.kind.machine[self.state, step]

    def fact(self, kind: FactKind, occurred_at: datetime, ended_at: datetime | None = None) -> Fact:
        """A fact about this rental, that has ended by now or ends at `ended_at`."""
        ended, started = ended_at or self.ended_at, self.started_at
        seconds = int((ended - started).total_seconds()) if ended is not None and started is not None else None
        return Fact(kind, self.rental_id, self.renter_id, self.partner_id, occurred_at, seconds)


@dataclass(frozen=True, slots=True)
class Change:
    """A decided change; the store writes all of it or, when somebody was faster, nothing.

    `told` is for its events what the states alone do not say; `request` is the command that it carries out, if that is
    remembered by its request_id.
    """

    before: Rental
    after: Rental
    facts: tuple[Fact, ...] = ()
    told: Mapping[str, Any] = field(default_factory=dict)
    request: Request | None = None

    @property
    def asset_becomes(self) -> AssetState | None:
        """How the asset stands from here on; None when nothing changes about that."""
        before, after = self.before.state, self.after.state
        if before in HAS_ASSET and after not in HAS_ASSET:
            step = AssetStep.LOSE if after is RentalState.LOST else AssetStep.GIVE_BACK
            return STEPS[step][AssetState.RENTED]
        return STEPS[AssetStep.FIND][AssetState.MISSING] if before is RentalState.LOST is not after else None

    @property
    def events(self) -> tuple[Event, ...]:
        """What happened, for whoever watches: each axis that moved, the rental's own first."""
        before, after = self.before, self.after
        kinds = [state_event(before.state, after.state)]
        kinds += [EventKind.OVERDUE] if after.overdue_at != before.overdue_at else []
        kinds += [*_dispute_events(before, after), *_money_events(before, after)]
        data = {**_figures(after), **self.told}
        return tuple(Event(kind, data if at == 0 else {}) for at, kind in enumerate(kind for kind in kinds if kind))


def changed(rental: Rental, *facts: Fact, **fields: Any) -> Change:
    """The change of these fields, as the next version."""
    return Change(rental, replace(rental, version=rental.version + 1, **fields), facts)


def _dispute_events(before: Rental, after: Rental) -> list[EventKind]:
    if before.dispute == after.dispute or after.dispute is None:
        return []
    opened = after.dispute.state is DisputeState.OPEN
    refused = after.dispute.state is DisputeState.REFUSED
    return [EventKind.DISPUTED if opened else EventKind.RETURN_REFUSED if refused else EventKind.RETURN_ACCEPTED]


def _money_events(before: Rental, after: Rental) -> list[EventKind]:
    known = before.security.state if before.security else None
    kinds: list[EventKind] = []
    if after.security is not None and after.security.state is not known:
        kinds.append(EventKind(f"deposit.{after.security.state.lower()}"))
    if after.payment_status is not before.payment_status:
        kinds.append(EventKind(f"payment.{after.payment_status.lower()}"))
    return [*kinds, EventKind.CORRECTED] if before.credit is not None and after.credit is None else kinds


def _figures(rental: Rental) -> dict[str, Any]:
    """What a rental costs, once that is known."""
    if rental.charge is None:
        return {"reason": rental.cancel_reason} if rental.cancel_reason else {}
    costs = {"currency_code": rental.currency, "charge_minor": rental.charge.amount_minor}
    return costs if rental.purchase is None else {**costs, "purchase_minor": rental.purchase.amount_minor}
