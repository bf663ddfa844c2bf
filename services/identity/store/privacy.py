"""Copies and erasures. The person's account is locked first for every change, so that changes have an order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from services.identity.domain import SCORING, Account, must_be_erasable, renter_not_found
from services.identity.domain.privacy import (
    EXPORT_LASTS,
    HOLDERS,
    OURSELVES,
    SETTLING,
    Erasure,
    ErasureState,
    Export,
    ExportState,
    PrivacyStep,
    Step,
    StepState,
    asked_again,
    cancelled,
    erasure_not_found,
    export_not_found,
    to_ask,
)
from services.identity.operations.ports import Farewell, NewPart
from services.identity.store.accounts import account_of, lock_account
from services.identity.store.consents import end_consents
from services.identity.store.news import News
from services.runtime.database import Database
from services.runtime.personal_data import collect, erase
from services.runtime.queries import load_queries
from services.runtime.requests import claim
from services.values.ids import bucket_of, new_id
from services.values.requests import Request


class PrivacyStore:
    """Implements the `PrivacyStore` that operations need."""

    def __init__(self, db: Database, news: News) -> None:
        self._db = db
        self._news = news
        self._sql = load_queries("services.identity")

    async def begin_export(
        self,
        request: Request,
        fresh: Export,
        own_part: Callable[[Account, Mapping[str, Any]], bytes],
        real_now: datetime,
    ) -> Export:
        """A copy that is being collected, with our own part of it; raises RENTER_NOT_FOUND, REQUEST_ID_REUSED."""
        whose = (bucket_of(fresh.renter_id), fresh.renter_id)

        async def work(connection: Any) -> Export:
            account = await self._present(connection, fresh.renter_id)
            export_id = await connection.fetchval(self._sql.find_collecting, *whose) or fresh.export_id
            first = await claim(connection, request, export_id, fresh.asked_at)
            if first is not None or export_id != fresh.export_id:
                return await self._export(connection, *whose, first or export_id, fresh.asked_at)
            await connection.execute(self._sql.insert_export, *whose, export_id, fresh.asked_at)
            sealed = own_part(account, await collect(connection, self._sql, fresh.renter_id))
            await connection.execute(self._sql.save_part, *whose, export_id, OURSELVES, 0, True, sealed)
            await self._ask(connection, fresh.renter_id, PrivacyStep.EXPORT, export_id, real_now)
            return fresh

        export = await self._db.transaction(work)
        self._news.tell(True)
        return export

    async def save_part(
        self, renter_id: str, holder: str, part: NewPart, seal: Callable[[Account], bytes], now: datetime
    ) -> None:
        """Keeps a part of a copy that is being collected; with the last one the copy is ready."""
        key = (bucket_of(renter_id), renter_id, part.export_id)

        async def work(connection: Any) -> None:
            account, _ = await lock_account(connection, self._sql, renter_id)
            if await connection.fetchval(self._sql.lock_export, *key) is None:
                return
            values = (holder, part.number, part.is_last, seal(account))
            await connection.execute(self._sql.save_part, *key, *values)
            if await connection.fetchval(self._sql.count_whole, *key) == len(HOLDERS) + 1:
                await connection.execute(self._sql.finish_export, *key, now, now + EXPORT_LASTS)

        await self._db.transaction(work)

    async def read_export(self, renter_id: str, export_id: str, now: datetime) -> Export | None:
        """A person's copy, unless it has expired."""
        row = await self._db.fetchrow(self._sql.read_export, bucket_of(renter_id), renter_id, export_id, now)
        return None if row is None else _export(row)

    async def read_parts(self, renter_id: str, export_id: str) -> tuple[Account, list[tuple[str, bytes]]]:
        """The person's account, and a copy's sealed parts by holder, in order."""
        whose = (bucket_of(renter_id), renter_id)
        row = await self._db.fetchrow(self._sql.read_account, *whose, "")
        parts = await self._db.fetch(self._sql.read_parts, *whose, export_id)
        if row is None or not parts:
            raise export_not_found()
        return account_of(row), [(part["holder"], part["sealed"]) for part in parts]

    async def delete_expired(self, now: datetime) -> None:
        """Deletes copies whose time is over."""
        await self._db.execute(self._sql.drop_expired, now)

    async def begin_erasure(self, request: Request, fresh: Erasure, now: datetime, real_now: datetime) -> Erasure:
        """The person is stopped and their consents end; or the erasure that is under way, asked again.

        Raises:
            Refusal: RENTER_NOT_FOUND, STATE_NOT_ALLOWED, REQUEST_ID_REUSED.
        """
        renter_id = fresh.renter_id

        async def work(connection: Any) -> Erasure:
            account = await self._present(connection, renter_id)
            open_one = await self._lock(connection, renter_id)
            first = await claim(connection, request, (open_one or fresh).erasure_id, now)
            if first is not None:
                return _erasure(await connection.fetchrow(self._sql.read_erasure, bucket_of(renter_id), first))
            if open_one is not None:
                return await self._save(connection, open_one, asked_again(open_one), real_now)
            must_be_erasable(account, now)
            await connection.execute(self._sql.begin_erasing, bucket_of(renter_id), renter_id, now)
            await end_consents(connection, self._sql, self._news, renter_id, SCORING, now)
            return await self._save(connection, None, fresh, real_now)

        erasure = await self._db.transaction(work)
        self._news.tell(True)
        return erasure

    async def change_erasure(
        self,
        renter_id: str,
        change: Callable[[Erasure], Erasure],
        farewell: Farewell,
        now: datetime,
        real_now: datetime,
    ) -> None:
        """Changes the erasure that is under way, if there is one; when all others have erased, we do, key and all."""

        async def work(connection: Any) -> None:
            account, _ = await lock_account(connection, self._sql, renter_id)
            before = await self._lock(connection, renter_id)
            if before is None:
                return
            after = change(before)
            if after.complete:
                after = await self._forget(connection, account, after, farewell, now)
            await self._save(connection, before, after, real_now)

        await self._db.transaction(work)
        self._news.tell(True)

    async def _forget(
        self, connection: Any, account: Account, erasure: Erasure, farewell: Farewell, now: datetime
    ) -> Erasure:
        renter_id = account.renter_id
        await connection.execute(self._sql.forget_document, farewell.document_index(account))
        await connection.execute(self._sql.forget_requests, renter_id)
        done = await erase(connection, self._sql, renter_id)
        await connection.execute(self._sql.forget_renter, bucket_of(renter_id), renter_id, now)
        own = Step(StepState.ERASED, (), done.erased, done.kept)
        erased = replace(erasure, state=ErasureState.ERASED, steps={**erasure.steps, OURSELVES: own}, erased_at=now)
        return replace(erased, receipt=farewell.receipt(erased, now))

    async def cancel_erasure(self, request: Request, renter_id: str, erasure_id: str, now: datetime) -> Erasure:
        """The erasure, cancelled; raises ERASURE_NOT_FOUND, STATE_NOT_ALLOWED, REQUEST_ID_REUSED."""
        whose = (bucket_of(renter_id), renter_id)

        async def work(connection: Any) -> Erasure:
            await lock_account(connection, self._sql, renter_id)
            row = await connection.fetchrow(self._sql.read_erasure, whose[0], erasure_id)
            if row is None or row["renter_id"] != renter_id:
                raise erasure_not_found()
            erasure = _erasure(row)
            if await claim(connection, request, erasure_id, now) is not None:
                return erasure
            await connection.execute(self._sql.begin_erasing, *whose, None)
            return await self._save(connection, erasure, cancelled(erasure), now)

        return await self._db.transaction(work)

    async def read_erasure(self, erasure_id: str) -> Erasure | None:
        """One erasure."""
        row = await self._db.fetchrow(self._sql.read_erasure, bucket_of(erasure_id), erasure_id)
        return None if row is None else _erasure(row)

    async def find_blocked(self, real_now: datetime, limit: int) -> list[str]:
        """People whose erasure is blocked and due to be asked again."""
        rows = await self._db.fetch(self._sql.find_blocked, real_now, limit)
        return [row["renter_id"] for row in rows]

    async def _export(self, connection: Any, bucket: int, renter_id: str, export_id: str, now: datetime) -> Export:
        row = await connection.fetchrow(self._sql.read_export, bucket, renter_id, export_id, now)
        if row is None:
            raise export_not_found()
        return _export(row)

    async def _present(self, connection: Any, renter_id: str) -> Account:
        account, _ = await lock_account(connection, self._sql, renter_id)
        if account.erased_at is not None:
            raise renter_not_found()
        return account

    async def _lock(self, connection: Any, renter_id: str) -> Erasure | None:
        row = await connection.fetchrow(self._sql.lock_erasure, bucket_of(renter_id), renter_id)
        return None if row is None else _erasure(row)

    async def _save(self, connection: Any, before: Erasure | None, after: Erasure, real_now: datetime) -> Erasure:
        if after != before:
            await connection.execute(
                self._sql.save_erasure,
                bucket_of(after.renter_id),
                after.renter_id,
                after.erasure_id,
                after.state.value,
                after.asked_at,
                after.ask_again_at,
                {holder: asdict(step) for holder, step in after.steps.items()},
                after.erased_at,
                after.receipt,
                after.asks,
            )
        step = to_ask(before, after)
        if step is not None:
            waits = SETTLING if step is PrivacyStep.ERASE else timedelta()
            await self._ask(connection, after.renter_id, step, after.erasure_id, real_now, waits)
        return after

    async def _ask(
        self,
        connection: Any,
        renter_id: str,
        step: PrivacyStep,
        job_id: str,
        real_now: datetime,
        waits: timedelta = timedelta(),
    ) -> None:
        events = [new_id("evt") for _ in HOLDERS]
        values = (events, step.value, {"job_id": job_id}, real_now, real_now + waits, list(HOLDERS))
        await connection.execute(self._sql.insert_asks, bucket_of(renter_id), renter_id, *values)


def _export(row: Any) -> Export:
    return Export(**{**row, "state": ExportState(row["state"])})


def _erasure(row: Any) -> Erasure:
    steps = {
        holder: Step(StepState(step["state"]), tuple(step["reasons"]), step["erased"], step["kept"])
        for holder, step in row["steps"].items()
    }
    return Erasure(**{**row, "state": ErasureState(row["state"]), "steps": steps})
