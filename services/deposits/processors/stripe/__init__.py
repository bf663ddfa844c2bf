"""Stripe: holds are PaymentIntents with manual capture, asked for off-session under the operation's id.

`adapter` speaks the port, `asking` words the requests and `gateway` sends them through the official SDK; `reading` says
what Stripe's objects mean for an operation. Where its minor units are not ISO 4217's stands in `amounts`. Set-up:
docs/processors/stripe.md.
"""

from services.deposits.processors.stripe.adapter import StripeProcessor
from services.deposits.processors.stripe.settings import StripeSettings

__all__ = ["StripeProcessor", "StripeSettings"]
