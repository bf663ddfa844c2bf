"""Rows to domain objects and back, column by column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asyncpg import Record

from services.rental.domain import (
    AdmittanceOutcome,
    Asset,
    AssetKind,
    AssetState,
    Change,
    ClosedBy,
    Closing,
    DepositState,
    Dispute,
    DisputeState,
    FollowUp,
    PaymentStatus,
    Rental,
    RentalState,
    Security,
)
from services.rental.store.price_rows import price_inputs_json, price_inputs_of
from services.values.ids import bucket_of
from services.values.money import Money

Row = Record


_AS_THEY_ARE = (
    "rental_id", "partner_id", "renter_id", "asset_id", "asset_code", "price_plan_id", "currency", "payment_method_id",
    "fingerprint", "requested_at", "activate_by", "started_at", "ended_at", "cancelled_at", "cancel_reason",
    "follow_up_at", "payment_failed_at", "deposit_event_at", "version", "city", "asset_class", "monthly_rent_minor",
    "due_at", "wake_at", "overdue_at", "charged_at", "credit_purchase_minor", "corrections",
)  # fmt: skip
"""Columns of `rentals` that are the fields of the same name."""


def rental_of(row: Row) -> Rental:
    """A row of `rentals`."""
    return Rental(
        **{name: row[name] for name in _AS_THEY_ARE},
        asset_kind=AssetKind(row["asset_kind"]),
        state=RentalState(row["state"]),
        payment_status=PaymentStatus(row["payment_status"]),
        security=_security_of(row),
        charge=_money_of(row, "charge_minor"),
        purchase=_money_of(row, "purchase_minor"),
        credit=_money_of(row, "credit_minor"),
        dispute=_dispute_of(row),
        closed_by=None if row["closing"] is None else ClosedBy(Closing(row["closing"]), row["closed_request_id"]),
        follow_up=FollowUp(row["follow_up"]),
        **price_inputs_of(row["price_inputs"]),
    )


def change_columns(changes: Sequence[Change]) -> list[list[Any]]:
    """The arrays that `save_rentals` takes for the changes, in its order."""
    return [list(column) for column in zip(*(_change_row(change) for change in changes), strict=True)]


def asset_of(row: Row) -> Asset:
    """A row of `assets`."""
    return Asset(
        asset_id=row["asset_id"],
        partner_id=row["partner_id"],
        asset_kind=AssetKind(row["asset_kind"]),
        code=row["code"],
        price_plan_id=row["price_plan_id"],
        price_plan_name=row["price_plan_name"],
        state=AssetState(row["state"]),
        created_at=row["created_at"],
        city=row["city"],
        asset_class=row["asset_class"],
        monthly_rent_minor=row["monthly_rent_minor"],
    )


def _money_of(row: Row, column: str) -> Money | None:
    return None if row[column] is None else Money(row["currency"], row[column])


def _dispute_of(row: Row) -> Dispute | None:
    state = row["dispute_state"]
    return None if state is None else Dispute(DisputeState(state), row["reported_at"], row["claimed_end_at"])


def _security_of(row: Row) -> Security | None:
    if row["deposit_id"] is None:
        return None
    return Security(
        deposit_id=row["deposit_id"],
        state=DepositState(row["deposit_state"]),
        outcome=None if row["outcome"] is None else AdmittanceOutcome(row["outcome"]),
        reason_codes=tuple(row["reason_codes"]),
        amount=Money(row["deposit_currency"], row["deposit_amount_minor"]),
        decline_code=row["decline_code"],
    )


def _change_row(change: Change) -> tuple[Any, ...]:
    r = change.after
    return (
        bucket_of(r.rental_id),
        r.rental_id,
        r.version,
        r.state,
        r.payment_status,
        *_security_columns(r.security),
        _minor(r.charge),
        r.started_at,
        r.ended_at,
        None if r.closed_by is None else r.closed_by.closing,
        None if r.closed_by is None else r.closed_by.request_id,
        r.cancelled_at,
        r.cancel_reason,
        r.follow_up,
        r.follow_up_at,
        r.payment_failed_at,
        r.deposit_event_at,
        change.asset_becomes,
        r.due_at,
        r.wake_at,
        r.overdue_at,
        _minor(r.purchase),
        _minor(r.credit),
        r.credit_purchase_minor,
        r.corrections,
        *_dispute_columns(r.dispute),
        r.charged_at,
        price_inputs_json(r),
    )


def _minor(amount: Money | None) -> int | None:
    return None if amount is None else amount.amount_minor


def _dispute_columns(d: Dispute | None) -> tuple[Any, ...]:
    return (None, None, None) if d is None else (d.state, d.reported_at, d.claimed_end_at)


def _security_columns(s: Security | None) -> tuple[Any, ...]:
    if s is None:
        return (None, None, None, "", None, None, "")
    codes = ",".join(s.reason_codes)
    return (s.deposit_id, s.state, s.outcome, codes, s.amount.currency, s.amount.amount_minor, s.decline_code)
