"""What happens to a deposit: pure functions from (deposit, its operations, an event) to a Change.

Each may be called again with the same event: then it changes nothing.
"""

from services.deposits.domain.changes.change import Change, HoldEvent, Moment
from services.deposits.domain.changes.claiming import compensate, increment, refund
from services.deposits.domain.changes.ending import Again, cancel, retry_bill, settle, waive
from services.deposits.domain.changes.finishing import fall_back, finish, wait_for_renter
from services.deposits.domain.changes.lapsing import announce, observe
from services.deposits.domain.changes.rerating import rerate

__all__ = [
    "Again",
    "Change",
    "HoldEvent",
    "Moment",
    "announce",
    "cancel",
    "compensate",
    "fall_back",
    "finish",
    "increment",
    "observe",
    "refund",
    "rerate",
    "retry_bill",
    "settle",
    "wait_for_renter",
    "waive",
]
