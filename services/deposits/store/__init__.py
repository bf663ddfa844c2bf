"""Policies, deposits, operations and the ledger in PostgreSQL; the only user of the database here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from services.deposits.store.bills import Bills
from services.deposits.store.explaining import Explaining
from services.deposits.store.lapsing import Lapsing
from services.deposits.store.ledger import Correcting, Keeping, LedgerReading
from services.deposits.store.payment_methods import PaymentMethods
from services.deposits.store.previews import Previews
from services.deposits.store.reading import Reading
from services.deposits.store.reconciling import Reconciling
from services.deposits.store.remaking import Remaking
from services.deposits.store.securing import Securing
from services.deposits.store.simulating import Simulating
from services.runtime.database import Database
from services.runtime.queries import load_queries


class Store(
    Explaining,
    Simulating,
    Previews,
    PaymentMethods,
    Securing,
    Remaking,
    Bills,
    Lapsing,
    Reading,
    Reconciling,
    Keeping,
    Correcting,
    LedgerReading,
):
    """Implements every store that operations need, a part per file.

    Args:
        real_now: real time, for leases and the outbox.
        published: called after a commit that may have written events.
    """

    def __init__(self, db: Database, real_now: Callable[[], datetime], published: Callable[[], None]) -> None:
        super().__init__(db, load_queries("services.deposits"), real_now, published)
