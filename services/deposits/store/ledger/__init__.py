"""The ledger beyond its writing: rolled up, sealed, closed, corrected, read, and as a snapshot for an audit."""

from services.deposits.store.ledger.correcting import Correcting
from services.deposits.store.ledger.keeping import Keeping
from services.deposits.store.ledger.reading import LedgerReading

__all__ = ["Correcting", "Keeping", "LedgerReading"]
