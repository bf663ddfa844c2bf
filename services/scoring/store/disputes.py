"""Disputes: opened and ended together with what becomes of the fact, the score and the decisions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.runtime.requests import claim
from services.scoring.domain import (
    Author,
    Dispute,
    DisputeState,
    Recorded,
    Served,
    corrected,
    fact_not_found,
    suspended,
)
from services.scoring.domain.disputes import IN_FAVOUR, dispute_not_found, ended, fact_after, opened, use_not_found
from services.scoring.operations.ports import Before, Case, Ruling
from services.scoring.store.facts import Facts
from services.scoring.store.rows import sealed_of
from services.scoring.store.uses import use_of
from services.values.ids import bucket_of
from services.values.requests import Request

DISPUTED = "disputed"
DISPUTE_ENDED = "DISPUTE_ENDED"


class Disputes(Facts):
    """Disputes of facts and of uses."""

    async def open_dispute(self, request: Request, draft: Dispute, served: Served) -> Case:
        """The dispute; what is disputed does not count from now on. A repeat gives the first one as it stands."""

        async def work(connection: Any) -> str:
            first = await claim(connection, request, draft.dispute_id, draft.opened_at)
            if first is None:
                await self._open(connection, draft, served)
            return first or draft.dispute_id

        return await self._must_read_case(await self._db.transaction(work))

    async def _open(self, connection: Any, draft: Dispute, served: Served) -> None:
        whose, now = draft.renter_id, draft.opened_at
        await self._must_be_there(connection, draft)
        await self._lock(connection, [whose], now)
        recorded = await self._in_force(connection, whose, draft.fact_id) if draft.fact_id else None
        dispute = opened(draft, await self._disputes_of(connection, whose), recorded)
        before = await connection.fetchval(self._sql.read_score, bucket_of(whose), whose)
        if recorded is not None:
            after = suspended(recorded, Author(whose, DISPUTED, now))
            await self._revise(connection, recorded, [after], now)
            await self._recompute(connection, [whose], served, now)
        sealed = self._vault.seal_texts(whose, [dispute.statement, ""])
        await connection.execute(
            self._sql.insert_dispute,
            bucket_of(whose),
            dispute.dispute_id,
            whose,
            dispute.fact_id,
            dispute.use_id,
            sealed.wrapped_key,
            sealed.data,
            sealed.key_version,
            now,
            dispute.due_at,
            before,
        )

    async def _must_be_there(self, connection: Any, draft: Dispute) -> None:
        whose = (bucket_of(draft.renter_id), draft.renter_id)
        if draft.fact_id and await self._in_force(connection, draft.renter_id, draft.fact_id) is None:
            raise fact_not_found()
        if draft.use_id and await connection.fetchrow(self._sql.read_use, *whose, draft.use_id) is None:
            raise use_not_found()

    async def end_dispute(
        self, request: Request | None, dispute_id: str, renter_id: str, ruling: Ruling, served: Served, now: datetime
    ) -> Case:
        """The dispute once it has ended; `renter_id` restricts it to that person's, "" to nobody's.

        Raises:
            Refusal: DISPUTE_NOT_FOUND, STATE_NOT_ALLOWED, INVALID_FIELD, REQUEST_ID_REUSED.
        """

        async def work(connection: Any) -> bool:
            dispute = await self._read_dispute(connection, dispute_id)
            if dispute is None or renter_id not in ("", dispute.renter_id):
                raise dispute_not_found()
            if request is not None and await claim(connection, request, dispute_id, now) is not None:
                return False
            await self._lock(connection, [dispute.renter_id], now)
            dispute = await self._read_dispute(connection, dispute_id)
            if dispute is None:
                raise dispute_not_found()
            await self._end(connection, dispute, ruling, served, now)
            return ruling.state is not DisputeState.WITHDRAWN

        if await self._db.transaction(work):
            self._published()
        return await self._must_read_case(dispute_id)

    async def _end(self, connection: Any, dispute: Dispute, ruling: Ruling, served: Served, now: datetime) -> None:
        whose, author = dispute.renter_id, Author(ruling.by, ruling.reason, now)
        ended(dispute, ruling.state, author, None)
        if dispute.fact_id:
            await self._rule_on_fact(connection, dispute, ruling, author)
            await self._recompute(connection, [whose], served, now)
        score = await connection.fetchval(self._sql.read_score, bucket_of(whose), whose)
        done = ended(dispute, ruling.state, author, score)
        sealed = self._vault.seal_texts(whose, [done.statement, done.reason])
        await connection.execute(
            self._sql.end_dispute,
            bucket_of(whose),
            done.dispute_id,
            done.state,
            sealed.wrapped_key,
            sealed.data,
            sealed.key_version,
            now,
            done.decided_by,
            score,
        )
        if ruling.state is not DisputeState.WITHDRAWN:
            await self._tell_person(connection, whose, DISPUTE_ENDED)
        if ruling.state in IN_FAVOUR:
            await self._tell_deposits(connection, whose, await self._since(connection, dispute))

    async def _rule_on_fact(self, connection: Any, dispute: Dispute, ruling: Ruling, author: Author) -> None:
        recorded = await self._in_force(connection, dispute.renter_id, dispute.fact_id)
        if recorded is None:
            raise fact_not_found()
        after: list[Recorded] = [fact_after(recorded, ruling.state, author)]
        if ruling.corrected is not None:
            after.append(corrected(after[0], ruling.corrected, author))
        await self._revise(connection, recorded, after, author.at)

    async def _since(self, connection: Any, dispute: Dispute) -> datetime:
        """From when on decisions are made again: since the fact was told, or the disputed decision itself."""
        whose = (bucket_of(dispute.renter_id), dispute.renter_id)
        if dispute.use_id:
            use = await connection.fetchrow(self._sql.read_use, *whose, dispute.use_id)
            return use["used_at"] if use else dispute.opened_at
        first: datetime = await connection.fetchval(self._sql.first_recorded, *whose, dispute.fact_id)
        return first

    async def list_disputes(self, renter_id: str, before: str, limit: int) -> list[Case]:
        """A person's disputes before an id, newest first."""
        rows = await self._db.fetch(self._sql.list_disputes, bucket_of(renter_id), renter_id, before, limit)
        return await self._cases([self._dispute(row) for row in rows])

    async def list_open_disputes(self, after: Before, limit: int) -> list[Case]:
        """Open disputes due after a moment (and id), the next due first."""
        rows = await self._db.fetch(self._sql.list_open_disputes, *after, limit)
        return await self._cases([self._dispute(row) for row in rows])

    async def find_lapsed(self, now: datetime, limit: int) -> list[Dispute]:
        """Open disputes that should have been decided by now."""
        return [self._dispute(row) for row in await self._db.fetch(self._sql.find_lapsed, now, limit)]

    async def _disputes_of(self, connection: Any, renter_id: str) -> list[Dispute]:
        rows = await connection.fetch(self._sql.list_disputes, bucket_of(renter_id), renter_id, "", 1000)
        return [self._dispute(row) for row in rows]

    async def _read_dispute(self, connection: Any, dispute_id: str) -> Dispute | None:
        row = await connection.fetchrow(self._sql.read_dispute, bucket_of(dispute_id), dispute_id)
        return None if row is None else self._dispute(row)

    async def _must_read_case(self, dispute_id: str) -> Case:
        dispute = await self._read_dispute(self._db, dispute_id)
        if dispute is None:
            raise dispute_not_found()
        return (await self._cases([dispute]))[0]

    async def _cases(self, disputes: Sequence[Dispute]) -> list[Case]:
        return [await self._case(dispute) for dispute in disputes]

    async def _case(self, dispute: Dispute) -> Case:
        if dispute.fact_id:
            return Case(dispute, await self.read_fact(dispute.renter_id, dispute.fact_id), None)
        whose = (bucket_of(dispute.renter_id), dispute.renter_id)
        row = await self._db.fetchrow(self._sql.read_use, *whose, dispute.use_id)
        return Case(dispute, None, None if row is None else use_of(row))

    def _dispute(self, row: Any) -> Dispute:
        statement, reason = self._vault.open_texts(row["renter_id"], sealed_of(row))
        return Dispute(
            row["dispute_id"],
            row["renter_id"],
            row["fact_id"],
            row["use_id"],
            statement,
            DisputeState(row["state"]),
            row["opened_at"],
            row["due_at"],
            row["decided_at"],
            row["decided_by"],
            reason,
            row["score_before"],
            row["score_after"],
        )
