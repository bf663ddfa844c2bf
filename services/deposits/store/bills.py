"""Bills and their deposits, changed together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.deposits.domain import Bill, BillChange, BillState, Change, Deposit, Instalment, Means
from services.deposits.domain.bills import bill_not_found
from services.deposits.operations.ports import BillTransition
from services.deposits.store.changes import Changes
from services.deposits.store.rows import buckets, deposit_of
from services.deposits.store.written import instalment_row
from services.runtime.requests import claim, find
from services.values.errors import Refusal
from services.values.ids import bucket_of
from services.values.requests import Request


class Bills(Changes):
    """Changes, closes and reads bills."""

    async def close_bills(self) -> None:
        """Closes those that are paid."""
        await self._db.execute(self._sql.close_bills)

    async def due_bills(self, now: datetime, limit: int) -> list[tuple[str, Means]]:
        rows = await self._db.fetch(self._sql.due_bills, now, limit)
        return [(row["deposit_id"], Means(row["processor"], row["payment_ref"])) for row in rows]

    async def means_of(self, renter_id: str, payment_method_id: str) -> Means | None:
        row = await self._db.fetchrow(self._sql.means_of, bucket_of(renter_id), renter_id, payment_method_id)
        return None if row is None else Means(row["processor"], row["processor_ref"])

    async def change_bill(
        self,
        request: Request | None,
        deposit_id: str,
        transition: BillTransition,
        now: datetime,
        lease_until: datetime,
    ) -> tuple[BillChange, Deposit] | Refusal:
        """One transition of a bill and its deposit, once per request; a repeat gives both as they stand.

        Raises REQUEST_ID_REUSED. A refusal is not stored.
        """

        async def work(connection: Any) -> tuple[BillChange, Deposit] | Refusal:
            locked = await self._locked(connection, [deposit_id])
            row = await connection.fetchrow(self._sql.lock_bill, bucket_of(deposit_id), deposit_id)
            if row is None or deposit_id not in locked:
                return bill_not_found()
            (deposit, operations), bill = locked[deposit_id], _bill_of(row)
            outcome = transition(bill, deposit, operations)
            if request is not None and await find(connection, request) is not None:
                return BillChange(bill, Change(deposit)), deposit
            if isinstance(outcome, Refusal):
                return outcome
            if request is not None:
                await claim(connection, request, deposit_id, now)
            await self._write(connection, {deposit_id: deposit}, [outcome.change], now, lease_until)
            await self._save(connection, outcome.bill)
            return outcome, outcome.change.deposit

        outcome = await self._db.transaction(work)
        self._published()
        return outcome

    async def _save(self, connection: Any, bill: Bill) -> None:
        await connection.execute(
            self._sql.save_bill,
            bucket_of(bill.deposit_id),
            bill.deposit_id,
            bill.state,
            bill.attempts,
            bill.misses,
            bill.expected_minor,
            [instalment_row(one) for one in bill.schedule],
            bill.next_attempt_at,
            bill.dispute_reason,
            bill.proposed_by,
        )

    async def read_bill(self, deposit_id: str) -> tuple[Bill, Deposit] | None:
        row = await self._db.fetchrow(self._sql.read_bill, bucket_of(deposit_id), deposit_id)
        return None if row is None else (await self._with_deposits([row]))[0]

    async def list_bills(
        self, partner_id: str, renter_id: str, state: BillState | None, before: str, limit: int
    ) -> list[tuple[Bill, Deposit]]:
        """A partner's bills, or with partner_id "" a renter's."""
        which = (state.value if state else "", before, limit)
        if partner_id:
            rows = await self._db.fetch(self._sql.list_partner_bills, partner_id, *which)
        else:
            rows = await self._db.fetch(self._sql.list_renter_bills, bucket_of(renter_id), renter_id, *which)
        return await self._with_deposits(rows)

    async def _with_deposits(self, rows: Sequence[Any]) -> list[tuple[Bill, Deposit]]:
        ids = [row["deposit_id"] for row in rows]
        found = await self._db.fetch(self._sql.read_deposits, buckets(ids), ids) if ids else []
        deposits = {row["deposit_id"]: deposit_of(row) for row in found}
        return [(_bill_of(row), deposits[row["deposit_id"]]) for row in rows]


def _bill_of(row: Any) -> Bill:
    fields = dict(row)
    fields["state"] = BillState(fields["state"])
    fields["schedule"] = tuple(
        Instalment(datetime.fromisoformat(one["due_at"]), one["amount_minor"]) for one in fields["schedule"]
    )
    return Bill(**fields)
