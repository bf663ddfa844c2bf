"""Key rotation: data keys that an older key wrapped are wrapped again; nothing is opened for it."""

from __future__ import annotations

from typing import Any

from services.scoring.store.rows import Part, sealed_of

BATCH = 200
_BY_ID = {"disputes": "save_dispute_wrap", "proofs": "save_proof_wrap", "bureau_links": "save_link_wrap"}
"""What is found by its own id, and the statement that saves it."""


class Wraps(Part):
    """What is sealed, wherever it is."""

    async def rewrap(self) -> int:
        """Wraps one batch again; gives how many were behind."""
        behind = await self._db.fetch(self._sql.find_old_wraps, self._vault.active_key(), BATCH)
        for row in behind:
            await self._rewrap(row)
        return len(behind)

    async def _rewrap(self, row: Any) -> None:
        fresh = self._vault.rewrap(row["renter_id"], sealed_of(row))
        change = (row["wrapped_key"], fresh.wrapped_key, fresh.key_version)
        if row["place"] in _BY_ID:
            save = getattr(self._sql, _BY_ID[row["place"]])
            await self._db.execute(save, row["bucket"], row["id"], *change)
        elif row["place"] == "statements":
            whose = (row["bucket"], row["renter_id"], row["id"])
            await self._db.execute(self._sql.save_statement_wrap, *whose, *change)
        else:
            whose = (row["bucket"], row["renter_id"], row["id"])
            await self._db.execute(self._sql.save_fact_wrap, *whose, row["revision"], *change)
