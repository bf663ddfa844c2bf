"""Stripe's minor units: ISO 4217's but for a few currencies (docs.stripe.com/currencies, "Special cases")."""

from __future__ import annotations

from services.values.money import Money

_HUNDREDTHS = frozenset({"ISK", "UGX"})
"""ISO knows no minor unit of these; Stripe counts hundredths and takes whole units only."""
_INEXACT = frozenset({"BHD", "JOD", "KWD", "MGA", "OMR", "TND"})
"""Stripe takes tens of ISO's minor units (of MGA: hundreds), so not every amount of ours can be asked for."""


def representable(currency: str) -> bool:
    """Whether every amount of ours in this currency can be asked of Stripe to the unit."""
    return currency not in _INEXACT


def to_stripe(money: Money) -> int:
    """Our minor units in Stripe's."""
    return money.amount_minor * _scale(money.currency)


def from_stripe(amount: int, currency: str) -> int:
    """Stripe's minor units in ours; `currency` in capitals."""
    return amount // _scale(currency)


def _scale(currency: str) -> int:
    return 100 if currency in _HUNDREDTHS else 1
