"""Reconciliation: runs are planned and carried out, differences decided by operators, repairs carried out once."""

from services.deposits.operations.reconciling.deciding import Deciding
from services.deposits.operations.reconciling.ports import ReconciliationStore
from services.deposits.operations.reconciling.repairing import Repairing
from services.deposits.operations.reconciling.running import Running

__all__ = ["Deciding", "ReconciliationStore", "Repairing", "Running"]
