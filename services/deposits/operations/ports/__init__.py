"""What the use cases need of the world: a store, scoring's answer, identity's answer, a payment processor."""

from services.deposits.operations.ports.deciding import (
    Answer,
    Decision,
    Held,
    Identity,
    Known,
    Preview,
    Question,
    Remade,
    RenterAtPartner,
    Scoring,
    SecureItem,
)
from services.deposits.operations.ports.processors import NOT_DONE, Attached, Breaker, Leased, PaymentMethod, Processor
from services.deposits.operations.ports.store import (
    AccountTotal,
    BillTransition,
    RefundQueue,
    Store,
    Transition,
    TrialBalance,
)

__all__ = [
    "NOT_DONE",
    "AccountTotal",
    "Answer",
    "Attached",
    "BillTransition",
    "Breaker",
    "Decision",
    "Held",
    "Identity",
    "Known",
    "Leased",
    "PaymentMethod",
    "Preview",
    "Processor",
    "Question",
    "RefundQueue",
    "Remade",
    "RenterAtPartner",
    "Scoring",
    "SecureItem",
    "Store",
    "Transition",
    "TrialBalance",
]
