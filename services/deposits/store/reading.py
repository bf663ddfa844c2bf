"""Reading deposits, and the ledger recomputed from its entries."""

from __future__ import annotations

from services.deposits.domain import Deposit, DepositState, Hold, PaymentStatus
from services.deposits.operations.ports import AccountTotal, TrialBalance
from services.deposits.store.rows import Part, deposit_of
from services.values.ids import bucket_of


class Reading(Part):
    """Reads; writes nothing."""

    async def read_deposit(self, deposit_id: str) -> Deposit | None:
        """One deposit, with its holds and what waits for the renter."""
        key = ([bucket_of(deposit_id)], [deposit_id])
        row = await self._db.fetchrow(self._sql.read_deposits, *key)
        if row is None:
            return None
        deposit = deposit_of(row)
        holds = await self._db.fetch(self._sql.holds_of, *key) if deposit.authorized_minor else []
        waits = deposit.state in (DepositState.PENDING, DepositState.HELD)  # for this hold, or for the next one
        waits = waits or deposit.payment_status is PaymentStatus.IN_PROGRESS
        action = await self._db.fetchval(self._sql.renter_action, *key) if waits else None
        return deposit.but(holds=tuple(Hold(**hold) for hold in holds), renter_action=action or "")

    async def list_deposits(
        self, partner_id: str, renter_id: str, state: DepositState | None, before: str, limit: int
    ) -> list[Deposit]:
        """A partner's deposits, or with partner_id "" a renter's."""
        which = (state.value if state else "", before, limit)
        if partner_id:
            rows = await self._db.fetch(self._sql.list_partner_deposits, partner_id, renter_id, *which)
        else:
            rows = await self._db.fetch(self._sql.list_renter_deposits, bucket_of(renter_id), renter_id, *which)
        return [deposit_of(row) for row in rows]

    async def trial_balance(self) -> TrialBalance:
        accounts = await self._db.fetch(self._sql.account_totals, timeout=60)
        findings = await self._db.fetch(self._sql.ledger_findings, timeout=60)
        counts = await self._db.fetchrow(self._sql.counts, timeout=60)
        return TrialBalance(
            tuple(AccountTotal(**row) for row in accounts),
            tuple(row["finding"] for row in findings),
            **dict(counts or {}),
        )
