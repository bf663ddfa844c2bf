"""How the processor's things are written in its answers."""

from __future__ import annotations

from typing import Any

from services.sandbox.clock import written
from services.sandbox.processor.cards import BRAND, TestCard
from services.sandbox.processor.payments import Payment
from services.sandbox.processor.store import Refunded

Json = dict[str, Any]


def payment_view(payment: Payment) -> Json:
    """An authorization or a charge; only authorizations have parts and an end."""
    view = {
        "id": payment.id,
        "object": payment.kind,
        "status": payment.status,
        "decline_code": payment.decline_code,
        "currency": payment.currency,
        "amount_minor": payment.amount_minor,
        "payment_method": payment.payment_method,
        "merchant_reference": payment.merchant_reference,
        "created_at": written(payment.created_ms),
    }
    if payment.expires_ms is None:
        return view | {"refunded_minor": payment.refunded_minor}
    return view | {
        "captured_minor": payment.captured_minor,
        "released_minor": payment.released_minor,
        "expired_minor": payment.expired_minor,
        "open_minor": payment.open_minor,
        "expires_at": written(payment.expires_ms),
        "refunded_minor": payment.refunded_minor,
    }


def refund_view(refund: Refunded) -> Json:
    """A refund."""
    return {
        "id": refund.id,
        "object": "refund",
        "status": "succeeded",
        "payment": refund.payment,
        "amount_minor": refund.amount_minor,
        "created_at": written(refund.created_ms),
    }


def card_view(card: TestCard, **names: str) -> Json:
    """A token or a payment method: what may be shown of its card."""
    return names | {"brand": BRAND, "last4": card.last4}
