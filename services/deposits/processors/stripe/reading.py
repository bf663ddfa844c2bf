"""What a PaymentIntent or a refund says about an operation of ours. Pure: dicts of Stripe's API in, results out.

An operation on a hold is told from the PaymentIntent itself, not from the answer to the call: there is one hold, and it
is captured, cancelled or still open. Only with several captures of one hold is that not enough; then each call leaves
its operation's id in the metadata, which Stripe writes with the capture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from services.deposits.domain import (
    LineKind,
    Operation,
    OperationKind,
    OperationState,
    ReportLine,
    Result,
    Seen,
)
from services.deposits.operations.ports import NOT_DONE
from services.deposits.processors.answers import declined, not_done
from services.deposits.processors.stripe.amounts import from_stripe, to_stripe
from services.deposits.processors.stripe.settings import Features
from services.values.money import Money

CONFIRM_WITHIN = timedelta(minutes=15)
"""So long a renter may take to confirm; then the PaymentIntent is given up, so that it cannot come true much later."""
AUTHENTICATION = "authentication_required"
_LAPSED = ("automatic", "expired")

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Drop:
    """The payment is to be cancelled at Stripe, so that it cannot come true any more; then it is declined."""

    code: str


def of_payment(operation: Operation, intent: Json, features: Features, now: datetime) -> Result | Drop:
    """What became of an authorization or a charge."""
    status = intent["status"]
    if status in ("requires_capture", "succeeded"):
        lacking = _lacking(operation, intent, features)
        return Drop(lacking) if lacking else _done(operation, intent)
    if status == "canceled":
        return declined(operation, _error_code(intent) or "canceled")
    if status == "processing":
        return Result(operation.operation_id, OperationState.WANTED)
    waits = status != "requires_payment_method" or _error_code(intent) == AUTHENTICATION
    late = operation.given_up or now - _moment(intent["created"]) > CONFIRM_WITHIN
    if waits and not late and operation.kind is OperationKind.AUTHORIZE:
        return Result(operation.operation_id, OperationState.WANTED, renter_action=str(intent["client_secret"]))
    return Drop(_error_code(intent) or AUTHENTICATION)


def of_hold(operation: Operation, intent: Json) -> Result | None:
    """What became of a capture, a void or an increment; None when the hold was captured by somebody else."""
    still_open = intent["status"] == "requires_capture"
    if operation.operation_id in _marks(intent):
        return _done(operation, intent)
    if operation.kind is OperationKind.VOID and not still_open:
        return declined(operation, "authorization_expired") if _has_lapsed(intent) else _done(operation, intent)
    if still_open:
        return not_done(operation)
    if intent["status"] == "canceled" or operation.kind is OperationKind.INCREMENT:
        return declined(operation, "authorization_expired" if _has_lapsed(intent) else "authorization_closed")
    alone = not _marks(intent) and intent["amount_received"] == to_stripe(operation.amount)
    return _done(operation, intent) if alone else None


def of_refund(operation: Operation, refund: Json) -> Result:
    """What became of a refund: a pending one is asked about again."""
    status = refund["status"]
    if status == "succeeded":
        return Result(operation.operation_id, OperationState.DONE, result_ref=str(refund["id"]))
    if status in ("failed", "canceled"):
        return declined(operation, str(refund.get("failure_reason") or status))
    return Result(operation.operation_id, OperationState.WANTED)


def is_not_done(result: Result | None) -> bool:
    """Whether there is no trace of the operation, and what it is about is still open."""
    return result is not None and result.result_ref == NOT_DONE


def seen(intent: Json) -> Seen:
    """The authorization as Stripe has it."""
    return Seen(*_parts(intent), _expires_at(intent))


def payment_line(intent: Json) -> ReportLine:
    """A PaymentIntent in the report; one that never came about has no amount."""
    kind = LineKind.AUTHORIZATION if intent["capture_method"] == "manual" else LineKind.CHARGE
    amount, *parts = _parts(intent)
    captured, released, expired, still_open = parts
    if kind is LineKind.CHARGE:
        amount, released, expired, still_open = captured, 0, 0, 0
    names = (*_names(intent), _currency(intent))
    at = _moment(intent["created"])
    return ReportLine(str(intent["id"]), kind, *names, amount, captured, released, expired, still_open, at)


def refund_line(refund: Json) -> ReportLine | None:
    """A refund in the report; None for what Stripe calls so when it gives back what was never captured."""
    ours = bool(_names(refund)[0])
    if not ours and not refund.get("balance_transaction"):
        return None
    currency = _currency(refund)
    moved = from_stripe(refund["amount"], currency) if refund["status"] == "succeeded" else 0
    at = _moment(refund["created"])
    return ReportLine(str(refund["id"]), LineKind.REFUND, *_names(refund), currency, moved, moved, 0, 0, 0, at)


def _done(operation: Operation, intent: Json) -> Result:
    expires_at = _expires_at(intent) if operation.kind is OperationKind.AUTHORIZE else None
    return Result(operation.operation_id, OperationState.DONE, result_ref=str(intent["id"]), expires_at=expires_at)


def _lacking(operation: Operation, intent: Json, features: Features) -> str:
    """Which declared ability a fresh hold does not have; "" when it has them all."""
    if operation.kind is not OperationKind.AUTHORIZE or intent["status"] != "requires_capture":
        return ""
    card = _card(intent)
    if features.multicapture and (card.get("multicapture") or {}).get("status") != "available":
        return "multicapture_unavailable"
    beyond = operation.amount.amount_minor * features.overcapture_percent // 100
    most = (card.get("overcapture") or {}).get("maximum_amount_capturable", 0)
    needed = to_stripe(operation.amount + Money(operation.amount.currency, beyond))
    return "overcapture_unavailable" if beyond and most < needed else ""


def _parts(intent: Json) -> tuple[int, int, int, int, int]:
    """Authorized, captured, released, expired, open, in our minor units."""
    currency = _currency(intent)
    captured, still_open = intent["amount_received"], intent["amount_capturable"]
    charge = intent.get("latest_charge")
    held = captured or still_open or (isinstance(charge, dict) and charge.get("paid"))
    authorized = max(intent["amount"], captured + still_open) if held else 0
    rest = authorized - captured - still_open
    released, expired = (0, rest) if _has_lapsed(intent) else (rest, 0)
    amounts = (authorized, captured, released, expired, still_open)
    in_ours = [from_stripe(amount, currency) for amount in amounts]
    return in_ours[0], in_ours[1], in_ours[2], in_ours[3], in_ours[4]


def _has_lapsed(intent: Json) -> bool:
    return intent["status"] == "canceled" and intent.get("cancellation_reason") in _LAPSED


def _marks(intent: Json) -> list[str]:
    """The operations on this hold that left their ids."""
    return [key for key in intent["metadata"] if key.startswith("opn_")]


def _names(thing: Json) -> tuple[str, str]:
    named = thing.get("metadata") or {}
    return str(named.get("operation_id", "")), str(named.get("deposit_id", ""))


def _error_code(intent: Json) -> str:
    error = intent.get("last_payment_error") or {}
    return str(error.get("decline_code") or error.get("code") or "")


def _card(intent: Json) -> Json:
    charge = intent.get("latest_charge")
    details = (charge.get("payment_method_details") or {}) if isinstance(charge, dict) else {}
    return details.get("card") or {}


def _expires_at(intent: Json) -> datetime | None:
    before = _card(intent).get("capture_before")
    return _moment(before) if before else None


def _currency(thing: Json) -> str:
    return str(thing["currency"]).upper()


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
