"""Alipay: fund authorization (freeze, unfreeze, pay from what is frozen), spoken to its open platform gateway.

RSA2 both ways is our own: each request is signed with the app's key, each answer and notice checked with Alipay's.
What was asked for goes by our operation ids (`out_order_no`, `out_request_no`, `out_trade_no`), so a repeat acts once.
Runbook: docs/processors/alipay.md.
"""

from services.deposits.processors.alipay.adapter import AlipayProcessor
from services.deposits.processors.alipay.settings import AlipaySettings, alipay_processor

__all__ = ["AlipayProcessor", "AlipaySettings", "alipay_processor"]
