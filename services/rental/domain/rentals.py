"""The rental itself, and a change of it: what it was, what it becomes, what scoring is told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from services.rental.domain.assets import AssetKind
from services.rental.domain.facts import Fact, FactKind
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
from services.rental.domain.states import (
    HAS_ASSET,
    AdmittanceOutcome,
    DepositState,
    FollowUp,
    PaymentStatus,
    RentalState,
    Step,
)
from services.values.money import Money


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Rental:
    """One rental.

    `currency` is the pinned plan's; city, class and monthly rent are the asset's. `activate_by` and `follow_up_at` are
    real time, the other times are business time. `fingerprint` is that of the StartRental which made it. `version`
    counts the changes: a change is written only over the version that it was decided on.
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
    """A decided change; the store writes all of it or, when somebody was faster, nothing."""

    before: Rental
    after: Rental
    facts: tuple[Fact, ...] = ()

    @property
    def frees_asset(self) -> bool:
        """Whether the asset can be rented again from here on."""
        return self.before.state in HAS_ASSET and self.after.state not in HAS_ASSET


def changed(rental: Rental, *facts: Fact, **fields: Any) -> Change:
    """The change of these fields, as the next version."""
    return Change(rental, replace(rental, version=rental.version + 1, **fields), facts)
