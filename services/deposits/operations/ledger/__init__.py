"""The use cases of the ledger: read, exported, rolled up, sealed, closed, corrected, verified."""

from services.deposits.operations.ledger.correcting import Correcting
from services.deposits.operations.ledger.exporting import Exporting, Format
from services.deposits.operations.ledger.keeping import RollingUp, Sealing
from services.deposits.operations.ledger.reading import LedgerReading, Statement
from services.deposits.operations.ledger.verifying import Verifying

__all__ = ["Correcting", "Exporting", "Format", "LedgerReading", "RollingUp", "Sealing", "Statement", "Verifying"]
