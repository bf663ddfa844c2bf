"""Made-up payers: how each confirms a freeze, what a credit line stands for, and how Alipay's answers travel.

At a kiosk a payer is told by the payment code that is scanned, in the app by the name that is given to the cashier.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

FREEZE, UNFREEZE = "alipay.fund.auth.order.freeze", "alipay.fund.auth.order.unfreeze"
PAY, REFUND = "alipay.trade.pay", "alipay.trade.refund"
_SYSTEM_ERROR = {FREEZE: "SYSTEM_ERROR", UNFREEZE: "SYSTEM_ERROR", PAY: "ACQ.SYSTEM_ERROR", REFUND: "ACQ.SYSTEM_ERROR"}


class Confirms(StrEnum):
    """What the payer does with a freeze."""

    AT_ONCE = "AT_ONCE"
    LATER = "LATER"
    REFUSES = "REFUSES"
    NEVER = "NEVER"


class Delivery(StrEnum):
    """How the answer to the first call under a number travels; a repeated one is answered at once."""

    PROMPT = "PROMPT"
    LATE = "LATE"  # it happens at once, its answer takes its time
    LOST = "LOST"  # it happens, the connection breaks
    UNHEARD = "UNHEARD"  # nothing happens, the connection breaks
    UNKNOWN = "UNKNOWN"  # it happens, the answer is 20000: unknown
    UNKNOWN_UNDONE = "UNKNOWN_UNDONE"  # nothing happens, the answer is 20000


@dataclass(frozen=True, slots=True)
class Payer:
    """One payer. `credit_minor` is how much of a freeze the credit line stands for, where the app offers it.

    `refused_first` maps a method to the refusal that the first call under each number gets.
    """

    name: str
    confirms: Confirms = Confirms.AT_ONCE
    credit_minor: int = 0
    refusal: str = ""
    delivery: Delivery = Delivery.PROMPT
    pays_later: bool = False
    refused_first: Mapping[str, str] = field(default_factory=dict)


_WITHOUT_LIMIT = 10**12
PAYERS = (
    Payer("own_funds"),
    Payer("credit", credit_minor=_WITHOUT_LIMIT),
    Payer("split", credit_minor=5000),
    Payer("later", Confirms.LATER),
    Payer("refuses", Confirms.REFUSES),
    Payer("walks_away", Confirms.NEVER),
    Payer("insufficient", refusal="PAYER_BALANCE_NOT_ENOUGH"),
    Payer("late", delivery=Delivery.LATE),
    Payer("lost_after", delivery=Delivery.LOST),
    Payer("lost_before", delivery=Delivery.UNHEARD),
    Payer("unknown_done", delivery=Delivery.UNKNOWN),
    Payer("unknown_undone", delivery=Delivery.UNKNOWN_UNDONE),
    Payer("pays_later", pays_later=True),
    Payer("empty_pocket", credit_minor=_WITHOUT_LIMIT, refused_first={PAY: "ACQ.BUYER_BALANCE_NOT_ENOUGH"}),
    Payer("poor_seller", refused_first={REFUND: "ACQ.SELLER_BALANCE_NOT_ENOUGH"}),
    Payer("system_error", refused_first=_SYSTEM_ERROR),
)
BY_NAME = {payer.name: payer for payer in PAYERS}
AUTH_CODES = {f"28{number:016d}": payer for number, payer in enumerate(PAYERS, start=1)}
"""The payment code that each payer's phone shows: 280000000000000001 for the first, and so on."""
