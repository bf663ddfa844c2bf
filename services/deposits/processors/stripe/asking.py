"""What is asked of Stripe for an operation: the parameters of its calls. Pure, and the same for the same operation.

A key that comes again with other parameters is an error at Stripe, so nothing here depends on the moment.
"""

from __future__ import annotations

from typing import Any

from services.deposits.domain import Operation, OperationKind
from services.deposits.processors.stripe.amounts import to_stripe
from services.deposits.processors.stripe.settings import Features

Params = dict[str, Any]


def means(reference: str) -> tuple[str, str]:
    """Customer and payment method of a payment method's reference, "cus_…:pm_…"."""
    customer, _, method = reference.partition(":")
    return customer, method


def payment(operation: Operation, features: Features) -> Params:
    """A PaymentIntent that is confirmed at once with a saved card: held for an authorization, taken for a charge."""
    customer, method = means(operation.reference)
    holds = operation.kind is OperationKind.AUTHORIZE
    params = {
        "amount": to_stripe(operation.amount),
        "currency": operation.amount.currency.lower(),
        "customer": customer,
        "payment_method": method,
        "payment_method_types": ["card"],
        "capture_method": "manual" if holds else "automatic",
        "confirm": True,
        "off_session": True,
        "metadata": _names(operation),
    }
    options = _options(features)
    return params | {"payment_method_options": {"card": options}} if holds and options else params


def capture(operation: Operation, features: Features) -> Params:
    """One of several captures leaves its operation's id; the only one of a hold is told by its amount."""
    amount = {"amount_to_capture": to_stripe(operation.amount)}
    if operation.final and not features.multicapture:
        return amount
    return amount | {"final_capture": operation.final, "metadata": {operation.operation_id: "capture"}}


def increment(operation: Operation, authorized: int) -> Params:
    """Stripe takes the new total; `authorized` is the present one, in its units."""
    return {"amount": authorized + to_stripe(operation.amount), "metadata": {operation.operation_id: "increment"}}


def refund(operation: Operation) -> Params:
    """Part of a captured or charged payment."""
    return {
        "payment_intent": operation.reference,
        "amount": to_stripe(operation.amount),
        "metadata": _names(operation),
    }


def _options(features: Features) -> Params:
    wanted = {
        "request_multicapture": features.multicapture,
        "request_incremental_authorization": features.incremental,
        "request_overcapture": features.overcapture_percent > 0,
    }
    return {name: "if_available" for name, asked in wanted.items() if asked}


def _names(operation: Operation) -> dict[str, str]:
    return {"operation_id": operation.operation_id, "deposit_id": operation.deposit_id}
