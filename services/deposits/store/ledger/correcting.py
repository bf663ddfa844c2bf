"""Corrections: proposed, approved and booked; what is booked is written as every other transfer is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from datetime import datetime
from typing import Any

from services.deposits.domain import Change
from services.deposits.domain.ledger import Account, Correction, CorrectionState, TransferKind
from services.deposits.domain.ledger.corrections import (
    Corrected,
    correction_not_found,
    transfer_not_found,
    transfers_of,
)
from services.deposits.operations.ledger.ports import Draft
from services.deposits.store.changes import Changes
from services.runtime.requests import claim
from services.values.errors import Refusal
from services.values.ids import bucket_of
from services.values.requests import Request


class Correcting(Changes):
    """Writes and reads corrections."""

    async def propose_correction(
        self, request: Request, correction_id: str, transfer_id: str, draft: Draft, now: datetime
    ) -> Correction:
        """A correction of a transfer, once per request. `draft` decides on it; its refusal is raised."""

        async def work(connection: Any) -> Correction:
            key = (bucket_of(transfer_id), transfer_id)
            row = await connection.fetchrow(self._sql.read_transfer, *key)
            if row is None:
                raise transfer_not_found()
            await self._locked(connection, [row["deposit_id"]])  # one correction of a deposit at a time
            first = await claim(connection, request, correction_id, now)
            if first is not None:
                return await self._correction(connection, first)
            earlier = tuple(map(_correction_of, await connection.fetch(self._sql.corrections_of, *key)))
            kind, accounts = TransferKind(row["kind"]), frozenset(row["accounts"])
            corrected = Corrected(kind, row["currency"], accounts, row["amount_minor"], earlier)
            owner = (row["deposit_id"], row["renter_id"], row["partner_id"])
            return await self._decided(connection, draft(corrected, *owner), now)

        return await self._db.transaction(work)

    async def approve_correction(
        self,
        request: Request,
        correction_id: str,
        decide: Callable[[Correction], Correction | Refusal],
        now: datetime,
    ) -> Correction:
        """A proposal as `decide` leaves it, once per request; its refusal is raised."""

        async def work(connection: Any) -> Correction:
            proposed = await self._correction(connection, correction_id)
            await self._locked(connection, [proposed.deposit_id])
            proposed = await self._correction(connection, correction_id)
            if await claim(connection, request, correction_id, now) is not None:
                return proposed
            if proposed.state is CorrectionState.BOOKED:
                return proposed
            return await self._decided(connection, decide(proposed), now)

        return await self._db.transaction(work)

    async def list_corrections(self, state: CorrectionState | None, before: str, limit: int) -> list[Correction]:
        """Corrections, newest first."""
        rows = await self._db.fetch(self._sql.list_corrections, state.value if state else "", before, limit)
        return [_correction_of(row) for row in rows]

    async def _correction(self, connection: Any, correction_id: str) -> Correction:
        row = await connection.fetchrow(self._sql.read_correction, bucket_of(correction_id), correction_id)
        if row is None:
            raise correction_not_found()
        return _correction_of(row)

    async def _decided(self, connection: Any, decided: Correction | Refusal, now: datetime) -> Correction:
        """Saves a correction, and books it if it is to be booked."""
        if isinstance(decided, Refusal):
            raise decided
        await connection.execute(self._sql.save_correction, bucket_of(decided.correction_id), *astuple(decided))
        if decided.state is CorrectionState.BOOKED:
            (deposit, _) = (await self._locked(connection, [decided.deposit_id]))[decided.deposit_id]
            change = Change(deposit, transfers=tuple(transfers_of(decided)))
            await self._write(connection, {deposit.deposit_id: deposit}, [change], now, self._real_now())
        return decided


def _correction_of(row: Any) -> Correction:
    fields = dict(row)
    fields["account"] = Account(fields["account"])
    fields["state"] = CorrectionState(fields["state"])
    return Correction(**fields)
