"""Proto ⇄ domain for deposits: decode, call once, encode. A score leaves by no message."""

from services.deposits.servicer.billing import BILLING_ACCESS, BillingServicer
from services.deposits.servicer.internal import InternalServicer
from services.deposits.servicer.ledger import LEDGER_ACCESS, LEDGER_LIMITS, LedgerServicer
from services.deposits.servicer.notices import NoticeDoor
from services.deposits.servicer.policies import POLICY_ACCESS, POLICY_LIMITS, PolicyServicer
from services.deposits.servicer.public import ACCESS, LIMITS, PublicServicer
from services.deposits.servicer.reconciliation import RECONCILIATION_ACCESS, ReconciliationServicer

__all__ = [
    "ACCESS",
    "BILLING_ACCESS",
    "LEDGER_ACCESS",
    "LEDGER_LIMITS",
    "LIMITS",
    "POLICY_ACCESS",
    "POLICY_LIMITS",
    "RECONCILIATION_ACCESS",
    "BillingServicer",
    "InternalServicer",
    "LedgerServicer",
    "NoticeDoor",
    "PolicyServicer",
    "PublicServicer",
    "ReconciliationServicer",
]
