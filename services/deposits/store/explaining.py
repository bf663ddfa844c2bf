"""Decisions with all that they were made from."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.deposits.domain import AdmittanceOutcome, AssuranceLevel, Deposit
from services.deposits.operations.ports.policies import Circumstances, Decided, Redecision
from services.deposits.store.policies import Policies
from services.deposits.store.rows import deposit_of
from services.values.ids import bucket_of
from services.values.money import Money


class Explaining(Policies):
    """Reads; writes nothing."""

    async def read_decision(self, deposit_id: str, now: datetime) -> Decided | None:
        """The decision as it stands, and what it was before."""
        key = (bucket_of(deposit_id), deposit_id)
        row = await self._db.fetchrow(self._sql.read_deposits, [key[0]], [deposit_id])
        if row is None:
            return None
        deposit = deposit_of(row)
        found = await self._versions(self._db, deposit.partner_id, now, policy_id=deposit.policy_id or "none")
        kept = await self._db.fetchrow(self._sql.read_circumstances, *key)
        before = await self._db.fetch(self._sql.list_redecisions, *key)
        policy = found[0] if found else None
        return Decided(deposit, policy, _circumstances(kept, deposit), tuple(_redecision(one) for one in before))


def _circumstances(row: Any, deposit: Deposit) -> Circumstances:
    rent = Money(deposit.currency, row["monthly_rent_minor"]) if row["monthly_rent_minor"] else None
    return Circumstances(row["city"], row["asset_class"], rent, AssuranceLevel[row["assurance_level"]])


def _redecision(row: Any) -> Redecision:
    outcome, codes = AdmittanceOutcome(row["outcome"]), tuple(row["reason_codes"])
    return Redecision(row["remade_at"], outcome, codes, row["model_version"], row["facts_version"])
