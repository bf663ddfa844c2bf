"""Payment methods of renters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from services.deposits.domain import Means
from services.deposits.operations.ports import PaymentMethod
from services.deposits.store.rows import Part
from services.runtime.requests import claim, find
from services.values.ids import bucket_of, new_id
from services.values.requests import Request


class PaymentMethods(Part):
    """Keeps processors' references; the renter's first is the default."""

    async def find_payment_method(self, request: Request) -> PaymentMethod | None:
        """What the request made the first time, if there was one; raises REQUEST_ID_REUSED."""

        async def work(connection: Any) -> PaymentMethod | None:
            first = await find(connection, request)
            return None if first is None else await self._read(connection, first)

        return await self._db.transaction(work)

    async def add_payment_method(self, request: Request, method: PaymentMethod) -> PaymentMethod:
        async def work(connection: Any) -> PaymentMethod:
            first = await claim(connection, request, method.payment_method_id, method.created_at)
            if first is None:
                await self._insert(connection, method)
            return await self._read(connection, first or method.payment_method_id)

        while True:
            try:
                added = await self._db.transaction(work)
            except asyncpg.UniqueViolationError:
                continue  # another one became the default meanwhile
            self._published()
            return added

    async def _insert(self, connection: Any, method: PaymentMethod) -> None:
        bucket = bucket_of(method.renter_id)
        values = (method.processor, method.processor_ref, method.brand, method.last4, method.created_at)
        await connection.execute(
            self._sql.insert_payment_method, bucket, method.payment_method_id, method.renter_id, *values
        )
        payload = {"fact_id": method.payment_method_id, "occurred_at": method.created_at.isoformat()}
        kind, real_now = "PAYMENT_METHOD_ADDED", self._real_now()
        await connection.execute(
            self._sql.insert_fact, bucket, new_id("evt"), kind, method.renter_id, payload, real_now
        )

    async def _read(self, connection: Any, payment_method_id: str) -> PaymentMethod:
        key = (bucket_of(payment_method_id), payment_method_id)
        return PaymentMethod(**await connection.fetchrow(self._sql.read_payment_method, *key))

    async def list_payment_methods(self, renter_id: str, before: str, limit: int) -> list[PaymentMethod]:
        key = (bucket_of(renter_id), renter_id)
        return [PaymentMethod(**r) for r in await self._db.fetch(self._sql.list_payment_methods, *key, before, limit)]

    async def other_means(self, deposit_id: str) -> Means | None:
        row = await self._db.fetchrow(self._sql.other_means, bucket_of(deposit_id), deposit_id)
        return None if row is None else Means(row["processor"], row["processor_ref"])

    async def save_processor_order(
        self, request: Request, partner_id: str, processors: Sequence[str], author: str, now: datetime
    ) -> None:
        async def work(connection: Any) -> None:
            if await claim(connection, request, partner_id, now) is None:
                await connection.execute(self._sql.save_processor_order, partner_id, list(processors), author, now)

        await self._db.transaction(work)

    async def read_processor_order(self, partner_id: str) -> tuple[str, ...]:
        return tuple(await self._db.fetchval(self._sql.read_processor_order, partner_id) or ())

    async def unpaid_deposits(self, renter_id: str) -> list[str]:
        rows = await self._db.fetch(self._sql.unpaid_deposits, bucket_of(renter_id), renter_id)
        return [row["deposit_id"] for row in rows]
