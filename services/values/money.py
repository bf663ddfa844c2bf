"""Money: integer minor units and an ISO 4217 code; mixing currencies is an error, floats do not exist."""

from __future__ import annotations

from dataclasses import dataclass

from services.values.errors import Category, Refusal


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in minor units (fen, cents) of one currency (ISO 4217 alphabetic code)."""

    currency: str
    amount_minor: int

    def __post_init__(self) -> None:
        if type(self.amount_minor) is not int:
            raise TypeError("amount_minor is an int of minor units")

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise Refusal(
                Category.FAILED_PRECONDITION,
                "CURRENCY_MISMATCH",
                f"cannot combine {self.currency} with {other.currency}",
            )

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.currency, self.amount_minor + other.amount_minor)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.currency, self.amount_minor - other.amount_minor)

    def at_most(self, limit: Money) -> Money:
        """The smaller of the two; raises CURRENCY_MISMATCH."""
        self._same(limit)
        return self if self.amount_minor <= limit.amount_minor else limit


def zero(currency: str) -> Money:
    """Nothing, in a currency."""
    return Money(currency, 0)
