"""Where a rental stands: its states and the steps between them, and the axes beside them."""

from __future__ import annotations

from enum import StrEnum


class RentalState(StrEnum):
    """Where a rental stands (PRODUCT: "Rental states"). LOST is bought; it stays so unless the thing is found."""

    REQUESTED = "REQUESTED"
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    DISPUTED = "DISPUTED"
    LOST = "LOST"
    RETURNED = "RETURNED"
    SETTLED = "SETTLED"
    CANCELLED = "CANCELLED"


class Step(StrEnum):
    """What can happen to a rental."""

    ACTIVATE = "ACTIVATE"
    PAUSE = "PAUSE"
    RESUME = "RESUME"
    RETURN = "RETURN"
    SETTLE = "SETTLE"
    CANCEL = "CANCEL"
    LOSE = "LOSE"
    FIND = "FIND"
    DISPUTE = "DISPUTE"
    REFUSE = "REFUSE"


HAS_ASSET = frozenset({RentalState.REQUESTED, RentalState.ACTIVE, RentalState.PAUSED, RentalState.DISPUTED})
"""The states in which the rental occupies its asset."""

RUNNING = frozenset({RentalState.ACTIVE, RentalState.PAUSED})
"""The states in which the clock runs."""

CHARGED = frozenset({RentalState.RETURNED, RentalState.LOST})
"""The states in which what it costs is known and its payment may be open."""


class PaymentStatus(StrEnum):
    """How far the charge is paid; an axis of its own (`freehold.deposits.v1.PaymentStatus`)."""

    NONE = "NONE"
    DUE = "DUE"
    IN_PROGRESS = "IN_PROGRESS"
    PAID = "PAID"
    FAILED = "FAILED"
    WRITTEN_OFF = "WRITTEN_OFF"


class DepositState(StrEnum):
    """Where the deposit stood when rental last heard of it (`freehold.deposits.v1.DepositState`)."""

    PENDING = "PENDING"
    WAIVED = "WAIVED"
    HELD = "HELD"
    DECLINED = "DECLINED"
    CANCELLED = "CANCELLED"
    CLOSED = "CLOSED"


OVER = frozenset({DepositState.DECLINED, DepositState.CANCELLED, DepositState.CLOSED})
"""Deposit states that nothing follows."""


class AdmittanceOutcome(StrEnum):
    """What scoring answered (`freehold.deposits.v1.AdmittanceOutcome`)."""

    ADMITTED = "ADMITTED"
    NOT_ADMITTED = "NOT_ADMITTED"
    CANNOT_ASSESS = "CANNOT_ASSESS"


class FollowUp(StrEnum):
    """What deposits still has to be asked for; the sweeper asks if nobody else does."""

    NONE = "NONE"
    SECURE = "SECURE"
    SETTLE = "SETTLE"
    CORRECT = "CORRECT"
    CANCEL = "CANCEL"


class DisputeState(StrEnum):
    """What became of a renter's word that the thing is back. LAPSED: nobody answered in time, so it stands."""

    OPEN = "OPEN"
    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"
    LAPSED = "LAPSED"
