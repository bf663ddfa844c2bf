"""Decisions made again: everything that one event changes about one person, in one transaction, once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.deposits.domain import Again, Change, Deposit, Moment, ScoreUse, waive
from services.deposits.operations.ports import Held, Remade
from services.deposits.store.changes import Changes
from services.deposits.store.rows import draft_of
from services.deposits.store.securing import ANY_AMOUNT
from services.deposits.store.uses import uses_payload
from services.runtime.requests import claim
from services.values.ids import bucket_of, new_id
from services.values.requests import Request


class Remaking(Changes):
    """Finds what may be decided again, and waives it."""

    async def find_held(self, renter_id: str, since: datetime) -> list[Held]:
        """Deposits of a person that are held, or about to be, decided since then without a waiver."""
        rows = await self._db.fetch(self._sql.find_held, bucket_of(renter_id), renter_id, since)
        return [_held(row) for row in rows]

    async def remake(
        self,
        request: Request,
        renter_id: str,
        remade: Sequence[Remade],
        uses: Sequence[ScoreUse],
        moment: Moment,
        lease_until: datetime,
    ) -> list[Change]:
        """What changed; nothing when the event was applied before."""

        now = moment.now

        async def work(connection: Any) -> list[Change]:
            if await claim(connection, request, renter_id, now) is not None:
                return []
            await connection.execute(self._sql.forget_previews, bucket_of(renter_id), renter_id)
            locked = await self._locked(connection, [one.deposit_id for one in remade])
            changes = [await self._waived(connection, locked, one, moment) for one in remade]
            done = [change for change in changes if change is not None]
            await self._write(connection, {i: deposit for i, (deposit, _) in locked.items()}, done, now, lease_until)
            for change in done:
                before = locked[change.deposit.deposit_id][0]
                await self._keep(connection, before, change.deposit, request.request_id, now)
            payload = uses_payload(uses)
            if payload is not None:
                key = (bucket_of(renter_id), new_id("evt"))
                await connection.execute(self._sql.tell_uses, *key, payload, self._real_now())
            return done

        changes = await self._db.transaction(work)
        self._published()
        return changes

    async def _waived(self, connection: Any, locked: Any, remade: Remade, moment: Moment) -> Change | None:
        """The waiver, if the deposit is still held and the exposure has room."""
        deposit, operations = locked[remade.deposit_id]
        change = waive(deposit, operations, remade.again, moment)
        if change.deposit == deposit:
            return None
        cap = remade.cap
        key = (bucket_of(deposit.renter_id), deposit.renter_id, cap.open_waived, deposit.currency)
        most = ANY_AMOUNT if cap.waived_minor is None else cap.waived_minor
        taken = await connection.fetchval(self._sql.take_exposure, *key, deposit.compensation_limit_minor, most)
        return change if taken is not None else None

    async def _keep(self, connection: Any, before: Deposit, after: Deposit, event_id: str, now: datetime) -> None:
        """The decision as it is now, and beside it what it was."""
        key = (bucket_of(before.deposit_id), before.deposit_id)
        was = (before.outcome, list(before.reason_codes), before.model_version, before.facts_version, before.score)
        await connection.execute(self._sql.insert_redecision, *key, event_id, before.renter_id, *was, now)
        again = Again(after.score, after.model_version, after.facts_version)
        values = (after.outcome, again.score, again.model_version, again.facts_version)
        await connection.execute(self._sql.save_redecision, *key, *values)


def _held(row: Any) -> Held:
    whose = (row["deposit_id"], row["rental_id"], row["renter_id"], row["partner_id"])
    return Held(*whose, row["asset_kind"], row["pending"], draft_of(row))
