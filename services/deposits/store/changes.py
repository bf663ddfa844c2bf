"""Changes: lock n deposits, ask the domain what happens to each, write everything in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.deposits.domain import Change, Deposit, Hold, Instalment, Notice, Operation
from services.deposits.domain.bills import OWED, schedule_from
from services.deposits.domain.policies import deposit_not_found
from services.deposits.operations.ports import Leased, Transition
from services.deposits.store.links import link_rows
from services.deposits.store.rows import Part, buckets, deposit_of, operation_of
from services.runtime.requests import claim, find
from services.values.errors import Refusal
from services.values.ids import bucket_of, new_id, new_id_of
from services.values.requests import Request

_CHANGED = (
    "deposit_id", "state", "processor", "payment_ref", "decline_code", "authorized_minor", "captured_minor",
    "released_minor", "expired_minor", "open_minor", "charged_minor", "paid_minor", "payment_status",
    "compensated_minor", "refunded_minor", "written_off_minor", "purchase_minor",
)  # fmt: skip


class Changes(Part):
    """Applies transitions to deposits, and leases what they want of the processor."""

    async def change(
        self, transitions: Sequence[tuple[str, Transition]], now: datetime, lease_until: datetime
    ) -> list[Change | Refusal]:
        """One change per (deposit_id, transition), in order, all in one transaction.

        A transition is a pure function of the locked deposit and its operations, so the whole can be retried.
        """
        ids = [deposit_id for deposit_id, _ in transitions]

        async def work(connection: Any) -> list[Change | Refusal]:
            locked = await self._locked(connection, ids)
            outcomes = [transition(*locked[i]) if i in locked else deposit_not_found() for i, transition in transitions]
            before = {deposit_id: deposit for deposit_id, (deposit, _) in locked.items()}
            await self._write(connection, before, outcomes, now, lease_until)
            return outcomes

        outcomes = await self._db.transaction(work)
        if any(isinstance(outcome, Change) and outcome.announced for outcome in outcomes):
            self._published()
        return outcomes

    async def _locked(self, connection: Any, ids: Sequence[str]) -> dict[str, tuple[Deposit, list[Operation]]]:
        """Deposits, locked in sorted order, with all that was ever asked of the processor for them."""
        where = (buckets(ids), list(ids))
        deposits = [deposit_of(row) for row in await connection.fetch(self._sql.lock_deposits, *where)]
        operations: dict[str, list[Operation]] = {deposit_id: [] for deposit_id in ids}
        for row in await connection.fetch(self._sql.operations_of, *where):
            operations[row["deposit_id"]].append(operation_of(row))
        holds = await self._holds(connection, deposits)
        return {
            deposit.deposit_id: (deposit.but(holds=tuple(holds[deposit.deposit_id])), operations[deposit.deposit_id])
            for deposit in deposits
        }

    async def _holds(self, connection: Any, deposits: Sequence[Deposit]) -> dict[str, list[Hold]]:
        """The holds of each, oldest first; asked for only where something was ever held."""
        holds: dict[str, list[Hold]] = {deposit.deposit_id: [] for deposit in deposits}
        held = [deposit.deposit_id for deposit in deposits if deposit.authorized_minor]
        if held:
            for row in await connection.fetch(self._sql.holds_of, buckets(held), held):
                holds[row["deposit_id"]].append(Hold(**row))
        return holds

    async def _write(
        self,
        connection: Any,
        before: dict[str, Deposit],
        outcomes: Sequence[Change | Refusal],
        now: datetime,
        lease_until: datetime,
    ) -> None:
        changes = [c for c in outcomes if isinstance(c, Change) and c != Change(before[c.deposit.deposit_id])]
        if not changes:
            return
        transfers, entries = _ledger_rows(changes)
        await connection.execute(
            self._sql.write_changes,
            [_deposit_row(c.deposit) for c in changes],
            [_result_row(r) for c in changes for r in c.results],
            [_operation_row(o) for c in changes for o in (*c.wanted, *c.recorded)],
            transfers,
            entries,
            [_exposure_row(c.deposit) for c in changes if c.exposure_ends],
            [_event_row(c, now) for c in changes if c.announced],
            self._real_now(),
            lease_until,
            now,
            [_hold_row(c.deposit, hold) for c in changes for hold in _changed_holds(before, c.deposit)],
            [{"bucket": bucket_of(i), "operation_id": i} for c in changes for i in c.given_up],
            [_bill_row(c.deposit, now) for c in changes if _becomes_owed(before, c.deposit)],
            link_rows(transfers, entries, now),
        )

    async def lease_operations(self, now: datetime, until: datetime, limit: int) -> list[Leased]:
        rows = await self._db.fetch(self._sql.lease_operations, now, until, limit)
        return [Leased(operation_of(row), row["abandoned"], row["created_at"], until) for row in rows]

    async def change_once(
        self, request: Request, deposit_id: str, transition: Transition, now: datetime, lease_until: datetime
    ) -> Change | Refusal:
        """One transition, once per request; a repeat changes nothing and gives the deposit as it stands.

        Raises REQUEST_ID_REUSED. A refusal is not stored.
        """

        async def work(connection: Any) -> Change | Refusal:
            locked = await self._locked(connection, [deposit_id])
            if deposit_id not in locked:
                return deposit_not_found()
            deposit, operations = locked[deposit_id]
            outcome = transition(deposit, operations)
            first = await find(connection, request)
            if first is not None:
                return Change(deposit)
            if isinstance(outcome, Change):
                await claim(connection, request, deposit_id, now)
                await self._write(connection, {deposit_id: deposit}, [outcome], now, lease_until)
            return outcome

        outcome = await self._db.transaction(work)
        if isinstance(outcome, Change) and outcome.announced:
            self._published()
        return outcome

    async def hasten(self, processor: str, notice: Notice, real_now: datetime, now: datetime) -> None:
        """What a notice is about is due now: operations by real time, a look at a hold by business time."""
        if notice.operation_id:
            key = (bucket_of(notice.operation_id), notice.operation_id)
            await self._db.execute(self._sql.hasten_operation, *key, real_now)
        if notice.reference:
            await self._db.execute(self._sql.hasten_payment, processor, notice.reference, real_now, now)

    async def postpone_operation(self, operation_id: str, until: datetime) -> None:
        await self._db.execute(self._sql.postpone_operation, bucket_of(operation_id), operation_id, until)


def _renter_row(deposit: Deposit) -> dict[str, Any]:
    return {"bucket": bucket_of(deposit.renter_id), "renter_id": deposit.renter_id}


def _exposure_row(deposit: Deposit) -> dict[str, Any]:
    """What a waiver that ends takes off the person's exposure."""
    return {
        **_renter_row(deposit),
        "currency": deposit.currency,
        "waived_minor": deposit.compensation_limit_minor,
    }


def _deposit_row(deposit: Deposit) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(deposit, name) for name in _CHANGED}
    row["bucket"] = bucket_of(deposit.deposit_id)
    row["settled_at"] = deposit.settled_at.isoformat() if deposit.settled_at else None
    row["closed_at"] = deposit.closed_at.isoformat() if deposit.closed_at else None
    return row


def _result_row(result: Any) -> dict[str, Any]:
    return {
        "bucket": bucket_of(result.operation_id),
        "operation_id": result.operation_id,
        "state": result.state,
        "result_ref": result.result_ref,
        "decline_code": result.decline_code,
        "renter_action": result.renter_action,
    }


def _changed_holds(before: dict[str, Deposit], after: Deposit) -> list[Hold]:
    known = before[after.deposit_id].holds
    return [hold for hold in after.holds if hold not in known]


def _becomes_owed(before: dict[str, Deposit], after: Deposit) -> bool:
    owed = after.settled_at is not None and after.payment_status in OWED
    return owed and before[after.deposit_id].payment_status not in OWED


def _bill_row(deposit: Deposit, now: datetime) -> dict[str, Any]:
    schedule = schedule_from(now)
    return {
        **_renter_row(deposit),
        "deposit_id": deposit.deposit_id,
        "partner_id": deposit.partner_id,
        "schedule": [instalment_row(one) for one in schedule],
        "next_attempt_at": schedule[0].due_at.isoformat(),
    }


def instalment_row(one: Instalment) -> dict[str, Any]:
    """An attempt to come, as it is stored."""
    return {"due_at": one.due_at.isoformat(), "amount_minor": one.amount_minor}


def _hold_row(deposit: Deposit, hold: Hold) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(hold, name) for name in Hold.__dataclass_fields__}
    row["expires_at"] = hold.expires_at.isoformat() if hold.expires_at else None
    return {**row, **_renter_row(deposit)}


def _operation_row(operation: Operation) -> dict[str, Any]:
    return {
        "bucket": bucket_of(operation.operation_id),
        "operation_id": operation.operation_id,
        "deposit_id": operation.deposit_id,
        "kind": operation.kind,
        "amount_minor": operation.amount.amount_minor,
        "currency": operation.amount.currency,
        "reference": operation.reference,
        "state": operation.state,
        "result_ref": operation.result_ref,
        "processor": operation.processor,
        "hold_id": operation.hold_id,
        "final": operation.final,
        "source_id": operation.source_id,
    }


def _ledger_rows(changes: Sequence[Change]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    transfers: list[dict[str, Any]] = []
    entries: list[dict[str, Any]] = []
    for change in changes:
        deposit = change.deposit
        for moved in change.transfers:
            key: dict[str, Any] = {
                "bucket": bucket_of(deposit.deposit_id),
                "transfer_id": new_id_of("tfr", deposit.renter_id),
            }
            owner = {"deposit_id": deposit.deposit_id, "partner_id": deposit.partner_id}
            what = {"kind": moved.kind, "corrects": moved.corrects}
            transfers.append({**key, **owner, "renter_id": deposit.renter_id, **what})
            entries.extend(
                {
                    **key,
                    "position": position,
                    "renter_id": deposit.renter_id,
                    "account": entry.account,
                    "currency": moved.currency,
                    "amount_minor": entry.amount_minor,
                }
                for position, entry in enumerate(moved.entries)
            )
    return transfers, entries


def _event_row(change: Change, now: datetime) -> dict[str, Any]:
    deposit = change.deposit
    payload = {
        "rental_id": deposit.rental_id,
        "deposit_state": deposit.state,
        "payment_status": deposit.payment_status,
        "hold_event": change.hold_event,
        "occurred_at": now.isoformat(),
    }
    return {**_renter_row(deposit), "event_id": new_id("evt"), "payload": payload}
