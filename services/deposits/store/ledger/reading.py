"""Reading the ledger: movements by day, and transfers with their entries."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Any

from services.deposits.domain.ledger import Account, Entry, TransferKind
from services.deposits.operations.ledger.ports import DayTotal, Listed, Owned, Selection
from services.deposits.store.rows import Part
from services.values.ids import bucket_of


class LedgerReading(Part):
    """Reads; writes nothing."""

    async def ledger_days(self, whose: Owned, first: date, after: date) -> list[DayTotal]:
        """What the accounts moved on each day before `after`; all before `first` together, with day None."""
        if whose.partner_id:
            rows = await self._db.fetch(self._sql.partner_days, whose.partner_id, first, after, timeout=30)
        else:
            key = (bucket_of(whose.renter_id), whose.renter_id)
            rows = await self._db.fetch(self._sql.renter_days, *key, first, after)
        return [DayTotal(**row) for row in rows]

    async def ledger_transfers(
        self, whose: Owned, selection: Selection, after: tuple[date, str], limit: int
    ) -> list[Listed]:
        """Transfers behind a key, in the order of (day, id)."""
        which = (selection.deposit_id, selection.kind)
        if whose.renter_id and not whose.partner_id:
            key: tuple[Any, ...] = (bucket_of(whose.renter_id), whose.renter_id, selection.after, *after)
            rows = await self._db.fetch(self._sql.renter_transfers, *key, *which, limit)
        else:
            key = (whose.partner_id, selection.after, *after, whose.renter_id)
            rows = await self._db.fetch(self._sql.partner_transfers, *key, *which, limit)
        return await self._with_entries(rows)

    async def _with_entries(self, rows: list[Any]) -> list[Listed]:
        keys = ([row["bucket"] for row in rows], [row["transfer_id"] for row in rows])
        entries: dict[str, list[Entry]] = defaultdict(list)
        currencies: dict[str, str] = {}
        for row in await self._db.fetch(self._sql.entries_of, *keys) if rows else []:
            entries[row["transfer_id"]].append(Entry(Account(row["account"]), row["amount_minor"]))
            currencies[row["transfer_id"]] = row["currency"]
        return [_listed(row, currencies[row["transfer_id"]], entries[row["transfer_id"]]) for row in rows]


def _listed(row: Any, currency: str, entries: list[Entry]) -> Listed:
    fields = {name: value for name, value in dict(row).items() if name != "bucket"}
    fields["kind"] = TransferKind(fields["kind"])
    return Listed(**fields, currency=currency, entries=tuple(entries))
