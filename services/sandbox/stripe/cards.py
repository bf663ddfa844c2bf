"""Stripe's own test cards, by the ids under which it documents them (docs.stripe.com/testing), and what they do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TestCard:
    """One test card. `code` and `decline_code` are the failure of its payments; `attaches` whether it can be saved.

    `flexible`: its network allows several captures, over-capture and raised authorizations.
    """

    method: str
    last4: str
    brand: str = "visa"
    code: str = ""
    decline_code: str = ""
    attaches: bool = True
    flexible: bool = True
    authenticates: bool = False
    refund_pending: bool = False
    refund_fails: bool = False

    def failure(self) -> Json | None:
        """The error of its payments; None when they succeed."""
        if not self.code:
            return None
        text = {"card_declined": "Your card was declined.", "expired_card": "Your card has expired."}
        error: Json = {"type": "card_error", "code": self.code, "message": text.get(self.code, "Your card failed.")}
        return error | ({"decline_code": self.decline_code} if self.decline_code else {})


DECLINED = "card_declined"
_GENERIC, _FUNDS, _LOST, _STOLEN = "generic_decline", "insufficient_funds", "lost_card", "stolen_card"
CARDS = (
    TestCard("pm_card_visa", "4242"),
    TestCard("pm_card_mastercard", "4444", "mastercard"),
    TestCard("pm_card_jcb", "0505", "jcb", flexible=False),
    TestCard("pm_card_visa_chargeDeclined", "0002", "visa", DECLINED, _GENERIC, attaches=False),
    TestCard("pm_card_visa_chargeDeclinedInsufficientFunds", "9995", "visa", DECLINED, _FUNDS, attaches=False),
    TestCard("pm_card_visa_chargeDeclinedLostCard", "9987", "visa", DECLINED, _LOST, attaches=False),
    TestCard("pm_card_visa_chargeDeclinedStolenCard", "9979", "visa", DECLINED, _STOLEN, attaches=False),
    TestCard("pm_card_chargeDeclinedExpiredCard", "0069", code="expired_card", attaches=False),
    TestCard("pm_card_chargeDeclinedIncorrectCvc", "0127", code="incorrect_cvc", attaches=False),
    TestCard("pm_card_chargeDeclinedProcessingError", "0119", code="processing_error", attaches=False),
    TestCard("pm_card_chargeCustomerFail", "0341", "visa", DECLINED, _GENERIC),
    TestCard("pm_card_authenticationRequired", "3184", authenticates=True),
    TestCard("pm_card_pendingRefund", "7726", refund_pending=True),
    TestCard("pm_card_refundFail", "5126", refund_fails=True),
)
BY_METHOD = {card.method: card for card in CARDS}
