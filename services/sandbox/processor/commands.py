"""What can be asked of the processor under an idempotency key. Same key and equal command: the same answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, TypeAlias


class Kind(StrEnum):
    """What a payment is."""

    AUTHORIZATION = "authorization"
    CHARGE = "charge"


@dataclass(frozen=True, slots=True)
class AddPaymentMethod:
    """Turn a token into a payment method."""

    operation: ClassVar[str] = "payment_method"
    token: str


@dataclass(frozen=True, slots=True)
class Pay:
    """Hold an amount (an authorization) or take it at once (a charge)."""

    kind: Kind
    amount_minor: int
    currency: str
    payment_method: str
    merchant_reference: str

    @property
    def operation(self) -> str:
        """The operation's name."""
        return self.kind.value


@dataclass(frozen=True, slots=True)
class Capture:
    """Take part of what an authorization holds; `final` releases the rest."""

    operation: ClassVar[str] = "capture"
    authorization: str
    amount_minor: int
    final: bool


@dataclass(frozen=True, slots=True)
class Increment:
    """Raise what an authorization holds."""

    operation: ClassVar[str] = "increment"
    authorization: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Refund:
    """Pay back part of what was captured or charged."""

    operation: ClassVar[str] = "refund"
    payment: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Void:
    """Release what an authorization holds."""

    operation: ClassVar[str] = "void"
    authorization: str


Command: TypeAlias = AddPaymentMethod | Pay | Capture | Increment | Refund | Void
