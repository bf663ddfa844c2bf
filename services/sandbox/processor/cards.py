"""Test cards: what each declines, and how its answers travel. The numbers are the ones that Stripe documents for tests.

A number is looked at once, to make a token; what is kept of it is the card's name, its brand and last four digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

BRAND = "visa"
DECLINED, INSUFFICIENT_FUNDS = "generic_decline", "insufficient_funds"


class Delivery(StrEnum):
    """How the answer to a first request travels; the answer to a repeated one always comes at once."""

    PROMPT = "PROMPT"
    LATE = "LATE"  # the effect happens at once, its answer takes its time
    LOST = "LOST"  # the effect happens, its answer never comes
    UNHEARD = "UNHEARD"  # nothing happens, no answer comes, however often it is tried
    STUMBLING = "STUMBLING"  # status 500 and nothing happens; the second try with the same key works


@dataclass(frozen=True, slots=True)
class TestCard:
    """One test card; the decline codes are None where the card works."""

    name: str
    number: str
    authorization_decline: str | None = None
    charge_decline: str | None = None
    delivery: Delivery = Delivery.PROMPT
    confirms: bool = False  # its authorizations are pending until the renter confirms them, which takes a while

    @property
    def fixed_token(self) -> str:
        """A token that always exists, so that demos need no card number."""
        return f"tok_{self.name}"

    @property
    def last4(self) -> str:
        """The last four digits, which may be shown."""
        return self.number[-4:]


CARDS = (
    TestCard("visa", "4242424242424242"),
    TestCard("declined", "4000000000000002", DECLINED, DECLINED),
    TestCard("insufficient_funds", "4000000000009995", INSUFFICIENT_FUNDS, INSUFFICIENT_FUNDS),
    TestCard("timeout_after", "4000000000000101", delivery=Delivery.LOST),
    TestCard("timeout_before", "4000000000000119", delivery=Delivery.UNHEARD),
    TestCard("late", "4000000000000127", delivery=Delivery.LATE),
    TestCard("flaky", "4000000000000135", delivery=Delivery.STUMBLING),
    TestCard("confirm", "4000000000003220", confirms=True),
    TestCard("charge_declined", "4000000000000341", charge_decline=DECLINED),
)
BY_NAME = {card.name: card for card in CARDS}
BY_NUMBER = {card.number: card for card in CARDS}
BY_FIXED_TOKEN = {card.fixed_token: card for card in CARDS}
