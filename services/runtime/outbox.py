"""The outbox: events leave by the transaction that caused them, at least once, in order per renter.

Every publishing service has the table `outbox`; its store inserts rows in its own statements. A relay per
destination leases a batch, delivers it in one call and deletes what was taken: one lease, one frame, one delete.
A batch holds at most the oldest event of each renter, so that a refused event holds back its successors, also from
another relay. Events without a renter (`renter_id = ''`) have no order.

    CREATE TABLE outbox (
        bucket      int         NOT NULL,
        event_id    text        NOT NULL,   -- evt_…, sorts by time
        destination text        NOT NULL,   -- the service that takes it
        kind        text        NOT NULL,
        renter_id   text        NOT NULL,   -- '' when it concerns no renter
        payload     jsonb       NOT NULL,
        created_at  timestamptz NOT NULL,   -- real time
        lease_until timestamptz NOT NULL,   -- real time; not due before
        attempts    int         NOT NULL,
        PRIMARY KEY (bucket, event_id)
    );
    CREATE INDEX outbox_due ON outbox (destination, lease_until, event_id);
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from opentelemetry import metrics

from services.runtime.database import Database
from services.values.errors import Refusal

log = structlog.get_logger(__name__)
_meter = metrics.get_meter("freehold")
_delivered = _meter.create_counter("freehold.outbox.delivered", unit="{event}", description="Events taken")
_refused = _meter.create_counter("freehold.outbox.refused", unit="{event}", description="Events to deliver again")
_lag = _meter.create_histogram("freehold.outbox.lag", unit="s", description="Age of an event when it was taken")

LEASE_SECONDS = 15.0
_SHARE_OF_LEASE = 0.8
_LONGEST_PAUSE_SECONDS = 30.0

_LEASE = """
WITH due AS (
    SELECT o.bucket, o.event_id FROM outbox o
    WHERE o.destination = $1 AND o.lease_until <= $2
      AND NOT EXISTS (
        SELECT 1 FROM outbox earlier
        WHERE earlier.bucket = o.bucket AND earlier.event_id < o.event_id AND earlier.destination = $1
          AND earlier.renter_id = o.renter_id AND o.renter_id <> '')
    ORDER BY o.event_id LIMIT $3
)
UPDATE outbox o SET lease_until = $4, attempts = o.attempts + 1
FROM due
WHERE o.bucket = due.bucket AND o.event_id = due.event_id AND o.lease_until <= $2
RETURNING o.bucket, o.event_id, o.kind, o.renter_id, o.payload, o.created_at, o.attempts"""

_REMAINS = "SELECT EXISTS (SELECT 1 FROM outbox WHERE destination = $1)"

_DELETE = """
DELETE FROM outbox o USING unnest($1::int[], $2::text[]) AS taken (bucket, event_id)
WHERE o.bucket = taken.bucket AND o.event_id = taken.event_id"""

_POSTPONE = """
UPDATE outbox o SET lease_until = late.until
FROM unnest($1::int[], $2::text[], $3::timestamptz[]) AS late (bucket, event_id, until)
WHERE o.bucket = late.bucket AND o.event_id = late.event_id"""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One event on its way."""

    bucket: int
    event_id: str
    kind: str
    renter_id: str
    payload: dict[str, Any]
    created_at: datetime
    attempts: int


Deliver = Callable[[Sequence[OutboxRow]], Awaitable[Sequence[bool]]]


class Relay:
    """Delivers the events of one destination.

    Args:
        deliver: takes rows in order, says for each whether it was taken (or may be forgotten). May raise: then all
            are delivered again later.
    """

    def __init__(
        self, db: Database, destination: str, deliver: Deliver, *, batch: int = 256, poll_seconds: float = 0.5
    ) -> None:
        self._db = db
        self._destination = destination
        self._deliver = deliver
        self._batch = batch
        self._poll = poll_seconds
        self._woken = asyncio.Event()
        self._attributes = {"destination": destination}

    def wake(self) -> None:
        """Tells the relay that something was committed."""
        self._woken.set()

    async def run(self) -> None:
        """Delivers until cancelled; batches follow each other at once while events are taken."""
        while True:
            if not await self._once():
                await self._pause()

    async def drain(self, timeout: float) -> bool:
        """Delivers what is left, for at most `timeout` seconds; says whether nothing remains."""
        try:
            async with asyncio.timeout(timeout):
                while await self._db.fetchval(_REMAINS, self._destination):
                    if not await self._once():
                        await self._pause()
        except (TimeoutError, Refusal):
            return False
        return True

    async def _once(self) -> int:
        try:
            return await self.deliver_batch()
        except Exception as error:
            log.warning("relay_failed", destination=self._destination, error_type=type(error).__name__, exc_info=error)
            return 0

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._woken.wait(), self._poll * random.uniform(0.8, 1.2))  # noqa: S311 (jitter)
        except TimeoutError:
            return
        finally:
            self._woken.clear()

    async def deliver_batch(self) -> int:
        """One lease, one delivery, one delete; answers how many events were taken.

        Raises what the delivery raises, and TimeoutError when it lasts so long that the lease would end.
        """
        rows = await self._lease()
        if not rows:
            return 0
        try:
            async with asyncio.timeout(LEASE_SECONDS * _SHARE_OF_LEASE):
                taken = await self._deliver(rows)
        except Exception:
            await self._postpone(rows)
            raise
        done = [row for row, ok in zip(rows, taken, strict=True) if ok]
        await self._delete(done)
        await self._postpone([row for row, ok in zip(rows, taken, strict=True) if not ok])
        return len(done)

    async def _lease(self) -> list[OutboxRow]:
        now = datetime.now(UTC)
        until = now + timedelta(seconds=LEASE_SECONDS)
        found = await self._db.fetch(_LEASE, self._destination, now, self._batch, until)
        return sorted((OutboxRow(**row) for row in found), key=lambda row: row.event_id)

    async def _delete(self, rows: Sequence[OutboxRow]) -> None:
        if not rows:
            return
        await self._db.execute(_DELETE, [row.bucket for row in rows], [row.event_id for row in rows])
        _delivered.add(len(rows), self._attributes)
        now = datetime.now(UTC)
        for row in rows:
            _lag.record((now - row.created_at).total_seconds(), self._attributes)

    async def _postpone(self, rows: Sequence[OutboxRow]) -> None:
        if not rows:
            return
        now = datetime.now(UTC)
        until = [now + timedelta(seconds=_pause_after(row.attempts)) for row in rows]
        await self._db.execute(_POSTPONE, [row.bucket for row in rows], [row.event_id for row in rows], until)
        _refused.add(len(rows), self._attributes)


def _pause_after(attempts: int) -> float:
    grown = min(_LONGEST_PAUSE_SECONDS, 0.2 * float(1 << min(attempts, 10)))
    return grown * random.uniform(0.5, 1.0)  # noqa: S311 (jitter, not a secret)
