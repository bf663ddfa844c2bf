"""The processor's own rules: what an authorization allows, and how it ends. No I/O.

Rule of conservation, at every moment of an authorization that was not declined:
`amount_minor = captured_minor + released_minor + expired_minor + open_minor`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from services.sandbox.hosting import ApiError
from services.sandbox.processor.cards import TestCard
from services.sandbox.processor.commands import Kind, Pay


class Status(StrEnum):
    """Where a payment stands: the first waits, the second is open, the others are ends."""

    PENDING = "pending"  # the renter has not confirmed it
    AUTHORIZED = "authorized"
    CAPTURED = "captured"  # by its final capture, or by captures up to its amount
    VOIDED = "voided"  # by a void; what was captured before stays captured
    EXPIRED = "expired"  # it lapsed with something open
    DECLINED = "declined"
    SUCCEEDED = "succeeded"  # of charges


@dataclass(frozen=True, slots=True)
class Payment:
    """An authorization or a charge. Amounts are minor units of `currency`, times are milliseconds since 1970."""

    id: str
    kind: Kind
    status: Status
    card: str
    payment_method: str
    merchant_reference: str
    currency: str
    amount_minor: int
    captured_minor: int
    released_minor: int
    expired_minor: int
    decline_code: str | None
    created_ms: int
    expires_ms: int | None
    refunded_minor: int = 0

    @property
    def open_minor(self) -> int:
        """What may still be captured or released."""
        if self.status != Status.AUTHORIZED:
            return 0
        return self.amount_minor - self.captured_minor - self.released_minor


def begin(payment_id: str, command: Pay, card: TestCard, now_ms: int, lifetime_ms: int) -> Payment:
    """A new payment, declined when its card declines its kind. An authorization lapses after `lifetime_ms`."""
    charge = command.kind == Kind.CHARGE
    decline_code = card.charge_decline if charge else card.authorization_decline
    accepted = Status.SUCCEEDED if charge else Status.PENDING if card.confirms else Status.AUTHORIZED
    return Payment(
        id=payment_id,
        kind=command.kind,
        status=Status.DECLINED if decline_code else accepted,
        card=card.name,
        payment_method=command.payment_method,
        merchant_reference=command.merchant_reference,
        currency=command.currency,
        amount_minor=command.amount_minor,
        captured_minor=command.amount_minor if charge and not decline_code else 0,
        released_minor=0,
        expired_minor=0,
        decline_code=decline_code,
        created_ms=now_ms,
        expires_ms=None if charge else now_ms + lifetime_ms,
    )


def as_of(payment: Payment, now_ms: int) -> Payment:
    """The payment as it stands at a moment: from `expires_ms` on, what is open has lapsed."""
    if payment.status != Status.AUTHORIZED or payment.expires_ms is None or now_ms < payment.expires_ms:
        return payment
    return replace(payment, status=Status.EXPIRED, expired_minor=payment.open_minor)


def capture(payment: Payment, amount_minor: int, final: bool, now_ms: int) -> Payment:
    """Take part of what is open; `final` releases the rest.

    Errors: 409 authorization_expired, authorization_closed, authorization_declined, amount_too_large.
    """
    _require_open(payment := as_of(payment, now_ms))
    rest_minor = payment.open_minor - amount_minor
    if rest_minor < 0:
        raise ApiError(409, "amount_too_large", "amount_minor: more than what is open")
    captured = replace(payment, captured_minor=payment.captured_minor + amount_minor)
    if not final and rest_minor:
        return captured
    return replace(captured, status=Status.CAPTURED, released_minor=payment.released_minor + rest_minor)


def confirm(payment: Payment) -> Payment:
    """The renter has confirmed a pending authorization."""
    return replace(payment, status=Status.AUTHORIZED) if payment.status == Status.PENDING else payment


def increment(payment: Payment, amount_minor: int, now_ms: int) -> Payment:
    """Hold more. Errors: as `void`."""
    _require_open(payment := as_of(payment, now_ms))
    return replace(payment, amount_minor=payment.amount_minor + amount_minor)


def refund(payment: Payment, amount_minor: int) -> Payment:
    """Pay back part of what was taken. Errors: 409 amount_too_large."""
    if payment.refunded_minor + amount_minor > payment.captured_minor:
        raise ApiError(409, "amount_too_large", "amount_minor: more than what was taken and not paid back")
    return replace(payment, refunded_minor=payment.refunded_minor + amount_minor)


def void(payment: Payment, now_ms: int) -> Payment:
    """Release all that is open, or withdraw what waits for the renter. Errors: as `capture`, less amount_too_large."""
    payment = confirm(as_of(payment, now_ms))
    _require_open(payment)
    return replace(payment, status=Status.VOIDED, released_minor=payment.released_minor + payment.open_minor)


def _require_open(payment: Payment) -> None:
    if payment.status == Status.EXPIRED:
        raise ApiError(409, "authorization_expired", "the authorization has lapsed")
    if payment.status == Status.PENDING:
        raise ApiError(409, "authorization_pending", "the renter has not confirmed it")
    if payment.status == Status.DECLINED:
        raise ApiError(409, "authorization_declined", "the authorization was declined")
    if payment.status != Status.AUTHORIZED:
        raise ApiError(409, "authorization_closed", "nothing of the authorization is open")
