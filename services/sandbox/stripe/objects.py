"""New objects with the fields that Stripe's have, in its shapes (github.com/stripe/openapi)."""

from __future__ import annotations

import secrets
import string
from typing import Any

from services.sandbox.stripe.cards import TestCard

Json = dict[str, Any]
API_VERSION = "2026-10-28.endive"
_LETTERS = string.ascii_letters + string.digits
_BILLING = {
    "address": {"city": None, "country": None, "line1": None, "line2": None, "postal_code": None, "state": None},
    "email": None,
    "name": None,
    "phone": None,
    "tax_id": None,
}


def new_id(prefix: str, length: int = 24) -> str:
    """An id in Stripe's manner."""
    return f"{prefix}_{''.join(secrets.choice(_LETTERS) for _ in range(length))}"


def customer(metadata: Json, created: int) -> Json:
    """A Customer."""
    nothing = dict.fromkeys(("address", "currency", "default_source", "description", "email", "name", "phone"))
    rest = {"balance": 0, "delinquent": False, "discount": None, "shipping": None, "tax_exempt": "none"}
    return _base("customer", new_id("cus", 14), metadata, created) | nothing | rest


def payment_method(card: TestCard, method_id: str, created: int) -> Json:
    """A PaymentMethod that belongs to nobody yet."""
    more = {"allow_redisplay": "unspecified", "billing_details": _BILLING, "customer": None, "type": "card"}
    return _base("payment_method", method_id, {}, created) | more | {"card": _card(card)}


def payment_intent(asked: Json, created: int) -> Json:
    """A PaymentIntent that is not confirmed yet. `asked` are the fields that the request sets."""
    intent_id = new_id("pi")
    nothing = dict.fromkeys(
        (
            "application", "application_fee_amount", "automatic_payment_methods", "canceled_at", "cancellation_reason",
            "description", "last_payment_error", "latest_charge", "next_action", "on_behalf_of",
            "processing", "receipt_email", "review", "setup_future_usage", "shipping", "source",
            "statement_descriptor", "statement_descriptor_suffix", "transfer_data", "transfer_group",
        )
    )  # fmt: skip
    more = {
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "client_secret": new_id(f"{intent_id}_secret", 25),
        "confirmation_method": "automatic",
        "status": "requires_confirmation",
    }
    return _base("payment_intent", intent_id, asked["metadata"], created) | nothing | more | asked


def charge(intent: Json, card: TestCard, failure: Json | None, created: int) -> Json:
    """The Charge of one attempt to pay a PaymentIntent."""
    paid = failure is None
    taken = paid and intent["capture_method"] != "manual"
    nothing = dict.fromkeys(
        (
            "application", "application_fee", "application_fee_amount", "description",
            "failure_balance_transaction", "on_behalf_of", "receipt_email", "receipt_number", "receipt_url", "review",
            "shipping", "source_transfer", "statement_descriptor", "transfer_data", "transfer_group",
        )
    )  # fmt: skip
    more = {
        "amount": intent["amount"],
        "amount_captured": intent["amount"] if taken else 0,
        "amount_refunded": 0,
        "balance_transaction": new_id("txn") if taken else None,
        "billing_details": _BILLING,
        "captured": taken,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "disputed": False,
        "failure_code": failure["code"] if failure else None,
        "failure_message": failure["message"] if failure else None,
        "fraud_details": {},
        "outcome": _outcome(failure),
        "paid": paid,
        "payment_intent": intent["id"],
        "payment_method": intent["payment_method"],
        "payment_method_details": {"card": _card(card) | {"network": card.brand}, "type": "card"},
        "refunded": False,
        "status": "succeeded" if paid else "failed",
    }
    return _base("charge", new_id("ch"), dict(intent["metadata"]), created) | nothing | more


def refund(intent: Json, amount: int, metadata: Json, created: int, **differing: Any) -> Json:
    """A Refund; of what was never captured it has no balance transaction."""
    more = {
        "amount": amount,
        "balance_transaction": new_id("txn"),
        "charge": intent["latest_charge"],
        "currency": intent["currency"],
        "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "payment_intent": intent["id"],
        "reason": None,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
    view = _base("refund", new_id("re"), metadata, created) | more | differing
    del view["livemode"]
    return view


def event(kind: str, about: Json, key: str | None, created: int) -> Json:
    """An Event about an object as it stands now."""
    return {
        "id": new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": created,
        "data": {"object": about},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": new_id("req", 14), "idempotency_key": key},
        "type": kind,
    }


def page(url: str, found: list[Json], has_more: bool) -> Json:
    """One page of a list."""
    return {"object": "list", "data": found, "has_more": has_more, "url": url}


def _base(kind: str, object_id: str, metadata: Json, created: int) -> Json:
    return {"id": object_id, "object": kind, "created": created, "livemode": False, "metadata": metadata}


def _card(card: TestCard) -> Json:
    return {
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "exp_month": 12,
        "exp_year": 2034,
        "fingerprint": f"fingerprint{card.last4}",
        "funding": "credit",
        "last4": card.last4,
        "three_d_secure": None,
        "wallet": None,
    }


def _outcome(failure: Json | None) -> Json:
    reason = failure.get("decline_code", failure["code"]) if failure else None
    return {
        "network_status": "declined_by_network" if failure else "approved_by_network",
        "reason": reason,
        "risk_level": "normal",
        "seller_message": "The bank did not return any further details." if failure else "Payment complete.",
        "type": "issuer_declined" if failure else "authorized",
    }
