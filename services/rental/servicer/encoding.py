"""Domain to proto, message by message."""

from __future__ import annotations

from typing import Any

from freehold.rental.v1 import rental_service_pb2 as pb
from services.rental.domain import Asset, Dispute, Rental, Security
from services.rental.wire import (
    ASSET_KINDS,
    ASSET_STATES,
    DEPOSIT_STATES,
    DISPUTE_STATES,
    OUTCOMES,
    PAYMENT_STATUSES,
    RENTAL_STATES,
    money,
    timestamp,
)


def encode_rental(rental: Rental) -> pb.Rental:
    """A rental as its partner and renter see it."""
    return pb.Rental(
        rental_id=rental.rental_id,
        partner_id=rental.partner_id,
        renter_id=rental.renter_id,
        asset_id=rental.asset_id,
        asset_code=rental.asset_code,
        state=RENTAL_STATES.encode(rental.state),
        payment_status=PAYMENT_STATUSES.encode(rental.payment_status),
        price_plan_id=rental.price_plan_id,
        charge=money(rental.charge) if rental.charge else None,
        requested_at=timestamp(rental.requested_at),
        started_at=timestamp(rental.started_at) if rental.started_at else None,
        ended_at=timestamp(rental.ended_at) if rental.ended_at else None,
        cancelled_at=timestamp(rental.cancelled_at) if rental.cancelled_at else None,
        cancel_reason=rental.cancel_reason,
        asset_kind=ASSET_KINDS.encode(rental.asset_kind),
        due_at=timestamp(rental.due_at) if rental.due_at else None,
        overdue_at=timestamp(rental.overdue_at) if rental.overdue_at else None,
        purchase=money(rental.purchase) if rental.purchase else None,
        dispute=_dispute(rental.dispute) if rental.dispute else None,
        **_security_fields(rental.security),
    )


def _dispute(dispute: Dispute) -> pb.ReturnDispute:
    return pb.ReturnDispute(
        state=DISPUTE_STATES.encode(dispute.state),
        reported_at=timestamp(dispute.reported_at),
        claimed_end_at=timestamp(dispute.claimed_end_at),
    )


def _security_fields(security: Security | None) -> dict[str, Any]:
    if security is None:
        return {}
    return {
        "deposit_id": security.deposit_id,
        "deposit_state": DEPOSIT_STATES.encode(security.state),
        "outcome": OUTCOMES.encode(security.outcome),
        "reason_codes": security.reason_codes,
        "deposit_amount": money(security.amount),
    }


def encode_asset(asset: Asset) -> pb.Asset:
    """An asset."""
    return pb.Asset(
        asset_id=asset.asset_id,
        partner_id=asset.partner_id,
        asset_kind=ASSET_KINDS.encode(asset.asset_kind),
        code=asset.code,
        price_plan_id=asset.price_plan_id or "",
        price_plan_name=asset.price_plan_name,
        state=ASSET_STATES.encode(asset.state),
        city=asset.city,
        asset_class=asset.asset_class,
        monthly_rent_minor=asset.monthly_rent_minor,
    )
