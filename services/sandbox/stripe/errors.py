"""Stripe's errors: an HTTP status and an Error object."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


class StripeError(Exception):
    """A refusal. `remembered`: it was carried out and failed, so that its key answers the same from now on."""

    def __init__(self, status: int, error: Json, *, remembered: bool) -> None:
        super().__init__(error["type"])
        self.status, self.error, self.remembered = status, error, remembered

    @property
    def body(self) -> Json:
        """As it is sent."""
        return {"error": self.error}


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> StripeError:
    """A request that breaks a rule of form: nothing was carried out."""
    return StripeError(400, _error("invalid_request_error", code, message, param=param), remembered=False)


def missing(kind: str, param: str = "id") -> StripeError:
    """There is no such object."""
    error = _error("invalid_request_error", "resource_missing", f"No such {kind}", param=param)
    return StripeError(404, error, remembered=False)


def unexpected_state(intent: Json, deed: str) -> StripeError:
    """A PaymentIntent that is not where the call needs it."""
    text = f"This PaymentIntent could not be {deed} because it has a status of {intent['status']}."
    error = _error("invalid_request_error", "payment_intent_unexpected_state", text, payment_intent=intent)
    return StripeError(400, error, remembered=True)


def impossible(message: str, *, code: str | None = None, param: str | None = None) -> StripeError:
    """A request in good form that cannot be carried out."""
    return StripeError(400, _error("invalid_request_error", code, message, param=param), remembered=True)


def card_error(failure: Json, intent: Json | None = None) -> StripeError:
    """The issuer has declined, or wants the cardholder to authenticate."""
    error = failure | ({"payment_intent": intent} if intent else {})
    return StripeError(402, error, remembered=True)


def key_reused() -> StripeError:
    """Another request under a key that was used."""
    text = "Keys for idempotent requests can only be used with the same parameters they were first used with."
    return StripeError(400, _error("idempotency_error", None, text), remembered=False)


def rate_limited() -> StripeError:
    """Too many requests: nothing was carried out."""
    error = _error("invalid_request_error", "rate_limit", "Request rate limit exceeded.")
    return StripeError(429, error, remembered=False)


def server_error() -> StripeError:
    """Stripe's own failure, which its key remembers."""
    return StripeError(500, _error("api_error", None, "An unknown error occurred"), remembered=True)


def _error(kind: str, code: str | None, message: str, **more: Any) -> Json:
    error: Json = {"type": kind, "message": message, "doc_url": "https://docs.stripe.com/error-codes"}
    if code:
        error["code"] = code
    return error | {name: value for name, value in more.items() if value is not None}
