"""The life of a PaymentIntent by Stripe's rules, on its own JSON. No I/O: a change says what is new and what is told.

At every moment of a held one: `amount` = what was received + what is capturable + what went back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from services.sandbox.stripe import objects
from services.sandbox.stripe.cards import TestCard
from services.sandbox.stripe.errors import impossible, invalid, unexpected_state

Json = dict[str, Any]
HOLD_SECONDS = 7 * 24 * 3600
OVERCAPTURE_PERCENT = 20
_OPEN = ("requires_payment_method", "requires_confirmation", "requires_action", "requires_capture")
AUTHENTICATION: Json = {
    "type": "card_error",
    "code": "authentication_required",
    "decline_code": "authentication_required",
    "message": "Your card was declined. This transaction requires authentication.",
}
NOT_AUTHENTICATED: Json = {
    "type": "card_error",
    "code": "payment_intent_authentication_failure",
    "message": "The provided PaymentMethod has failed authentication.",
}


@dataclass(slots=True)
class Changed:
    """A PaymentIntent and its charge after a change; other objects that came about; the events that tell it."""

    intent: Json
    charge: Json | None = None
    made: list[Json] = field(default_factory=list)
    told: list[str] = field(default_factory=list)


def pay(intent: Json, card: TestCard, failure: Json | None, now: int, hold_seconds: int) -> Changed:
    """One attempt to pay: held, taken, or failed with `failure`."""
    charge = objects.charge(intent, card, failure, now)
    intent = intent | {"latest_charge": charge["id"], "next_action": None}
    if failure is not None:
        return Changed(fail(intent, failure), charge, told=["payment_intent.payment_failed"])
    if intent["capture_method"] != "manual":
        done = intent | {"status": "succeeded", "amount_received": intent["amount"]}
        return Changed(done, charge, told=["charge.succeeded", "payment_intent.succeeded"])
    charge["payment_method_details"]["card"] |= _abilities(intent, card) | {"capture_before": now + hold_seconds}
    held = intent | {"status": "requires_capture", "amount_capturable": intent["amount"]}
    return Changed(held, charge, told=["charge.succeeded", "payment_intent.amount_capturable_updated"])


def fail(intent: Json, failure: Json) -> Json:
    """It needs another payment method, or the renter at their device."""
    return intent | {"status": "requires_payment_method", "last_payment_error": failure, "payment_method": None}


def capture(intent: Json, charge: Json, amount: int | None, final: bool, now: int) -> Changed:
    """Takes part of what is held; the final one gives back the rest."""
    if intent["status"] != "requires_capture":
        raise unexpected_state(intent, "captured")
    card = charge["payment_method_details"]["card"]
    if not final and card["multicapture"]["status"] != "available":
        raise invalid("final_capture is only possible where multicapture is available.", param="final_capture")
    amount = intent["amount_capturable"] if amount is None else amount
    most = intent["amount_capturable"]
    if final and not intent["amount_received"]:
        most = max(most, card["overcapture"]["maximum_amount_capturable"])
    if not 0 < amount <= most:
        raise impossible("amount_to_capture: more than can be captured.", code="amount_too_large")
    received, rest = intent["amount_received"] + amount, max(0, intent["amount_capturable"] - amount)
    transaction = charge["balance_transaction"] or objects.new_id("txn")
    charge = charge | {"amount_captured": received, "balance_transaction": transaction}
    intent = intent | {"amount_received": received, "amount_capturable": rest}
    if not final and rest:
        return Changed(intent, charge, told=["charge.captured", "payment_intent.amount_capturable_updated"])
    return _end(intent, charge | {"captured": True}, "succeeded", now, told=["charge.captured"])


def cancel(intent: Json, charge: Json | None, reason: str | None, now: int) -> Changed:
    """Gives it up; what is capturable goes back."""
    if intent["status"] not in _OPEN:
        raise unexpected_state(intent, "canceled")
    given_up = intent | {"canceled_at": now, "cancellation_reason": reason, "next_action": None}
    return _end(given_up, charge, "canceled", now)


def lapse(intent: Json, charge: Json, now: int) -> Changed:
    """Nobody captured it in time."""
    return cancel(intent, charge, "automatic", now)


def increment(intent: Json, charge: Json, total: int) -> Changed:
    """Holds more; `total` is the new amount."""
    if intent["status"] != "requires_capture" or intent["amount_received"]:
        raise unexpected_state(intent, "incremented")
    if charge["payment_method_details"]["card"]["incremental_authorization"]["status"] != "available":
        raise invalid("This PaymentIntent's authorization cannot be incremented.")
    if total <= intent["amount"]:
        raise invalid("The amount is to be larger than the authorized one.", param="amount")
    held = intent | {"amount": total, "amount_capturable": total}
    return Changed(held, charge | {"amount": total}, told=["payment_intent.amount_capturable_updated"])


def _end(intent: Json, charge: Json | None, status: str, now: int, *, told: list[str] | None = None) -> Changed:
    rest, made = intent["amount_capturable"], []
    if rest and charge is not None:
        reason = "expired_uncaptured_charge" if intent["cancellation_reason"] == "automatic" else None
        made = [objects.refund(intent, rest, {}, now, balance_transaction=None, reason=reason)]
        charge = charge | {"amount_refunded": charge["amount_refunded"] + rest, "refunded": status == "canceled"}
    told = [*(told or []), *(["charge.refunded"] if made else []), f"payment_intent.{status}"]
    return Changed(intent | {"status": status, "amount_capturable": 0}, charge, made, told)


def _abilities(intent: Json, card: TestCard) -> Json:
    """What this hold allows: as asked, where the network of the card does."""
    asked = intent["payment_method_options"]["card"]
    can = {
        name: "available" if card.flexible and asked.get(f"request_{name}") == "if_available" else "unavailable"
        for name in ("multicapture", "incremental_authorization", "overcapture")
    }
    more = intent["amount"] * OVERCAPTURE_PERCENT // 100 if can["overcapture"] == "available" else 0
    return {
        "incremental_authorization": {"status": can["incremental_authorization"]},
        "multicapture": {"status": can["multicapture"]},
        "overcapture": {"status": can["overcapture"], "maximum_amount_capturable": intent["amount"] + more},
        "extended_authorization": {"status": "disabled"},
    }
