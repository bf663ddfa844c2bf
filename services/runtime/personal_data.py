"""Copies and erasure in a service that holds something about people. What it holds stands in `queries/privacy.sql`.

Identity asks by event; each ask is answered by an event, so that nobody waits and calls stay without a circle. The
blocks whose names begin with `privacy_` each take ($1 bucket, $2 renter_id):

    privacy_obstacles          why the person can't be erased now: column `reason`
    privacy_export_<section>   rows of the person's copy
    privacy_keep_<what>        rows that stay because the law wants them: takes out what tells of the person
    privacy_delete_<what>      rows that go when the person is erased

What stays is done first, then what goes, each in the order of names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import grpc

from freehold.identity.v1 import privacy_internal_service_pb2 as answers
from freehold.identity.v1.privacy_internal_service_pb2_grpc import PrivacyInternalServiceStub
from freehold.privacy.v1 import data_holder_internal_service_pb2 as asks
from freehold.privacy.v1 import data_holder_internal_service_pb2_grpc as rpc
from services.runtime.database import Database
from services.runtime.outbox import OutboxRow, Relay
from services.runtime.queries import Queries
from services.runtime.server import InternalService
from services.runtime.statuses import OK
from services.values import copies
from services.values.ids import bucket_of, new_id

IDENTITY = "identity"
PART_BYTES = 2**20
DELIVER_SECONDS, POLL_SECONDS = 5.0, 2.0

_INSERT = """
INSERT INTO outbox (bucket, event_id, destination, kind, renter_id, payload, created_at, lease_until, attempts)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7, 0)"""


class Answer(StrEnum):
    """What is answered; the kinds of the events in the outbox."""

    COPY = "COPY"
    READY = "READY"
    BLOCKED = "BLOCKED"
    ERASED = "ERASED"


@dataclass(frozen=True, slots=True)
class Erased:
    """How many rows went, and how many stay under a pseudonym, by what they are."""

    erased: Mapping[str, int]
    kept: Mapping[str, int]


Show = Callable[[str, str, dict[str, Any]], dict[str, Any]]
"""(section, renter_id, row) to the row as the person reads it: what is sealed in it is opened."""


def as_it_is(_section: str, _renter_id: str, row: dict[str, Any]) -> dict[str, Any]:
    """The row of a service that seals nothing."""
    return row


async def collect(source: Any, sql: Queries, renter_id: str, show: Show = as_it_is) -> dict[str, list[dict[str, Any]]]:
    """Everything held about a person: the rows of each section. `source` is a connection or a Database."""
    whose = (bucket_of(renter_id), renter_id)
    return {
        section: [show(section, renter_id, dict(row)) for row in await source.fetch(statement, *whose)]
        for section, statement in _named(sql, "privacy_export_")
    }


async def erase(connection: Any, sql: Queries, renter_id: str) -> Erased:
    """Erases a person, inside the caller's transaction."""
    kept = await _counted(connection, sql, "privacy_keep_", renter_id)
    return Erased(await _counted(connection, sql, "privacy_delete_", renter_id), kept)


async def _counted(connection: Any, sql: Queries, prefix: str, renter_id: str) -> dict[str, int]:
    whose = (bucket_of(renter_id), renter_id)
    tags = {what: await connection.execute(statement, *whose) for what, statement in _named(sql, prefix)}
    return {what: int(tag.rpartition(" ")[2]) for what, tag in tags.items()}


def _named(sql: Queries, prefix: str) -> list[tuple[str, str]]:
    return [(n.removeprefix(prefix), s) for n, s in sorted(sql.statements.items()) if n.startswith(prefix)]


class DataHolder(rpc.DataHolderInternalServiceServicer):
    """A service's part in copies and erasure: takes identity's asks and brings it the answers."""

    def __init__(self, db: Database, sql: Queries, identity: grpc.aio.Channel, show: Show = as_it_is) -> None:
        self._db = db
        self._sql = sql
        self._show = show
        self._stub = PrivacyInternalServiceStub(identity)
        self.relay = Relay(db, IDENTITY, self._deliver, poll_seconds=POLL_SECONDS)

    @property
    def service(self) -> InternalService:
        """The door for identity."""
        descriptor = asks.DESCRIPTOR.services_by_name["DataHolderInternalService"]
        add = rpc.add_DataHolderInternalServiceServicer_to_server
        return InternalService(descriptor, add, self, {"Deliver": frozenset({IDENTITY})})

    async def Deliver(self, request: asks.DeliverRequest, _: Any) -> asks.DeliverResponse:
        """Takes asks; when the database refuses one, all of them are delivered again."""
        for ask in request.asks:
            await self._take(ask)
        self.relay.wake()
        return asks.DeliverResponse(statuses=[OK for _ in request.asks])

    async def _take(self, ask: asks.PrivacyAsk) -> None:
        async def work(connection: Any) -> None:
            kind, payload = await self._answer(connection, ask)
            now = datetime.now(UTC)
            values = (bucket_of(ask.renter_id), new_id("evt"), IDENTITY, kind.value, ask.renter_id)
            await connection.execute(_INSERT, *values, {"job_id": ask.job_id, **payload}, now)

        await self._db.transaction(work)

    async def _answer(self, connection: Any, ask: asks.PrivacyAsk) -> tuple[Answer, dict[str, Any]]:
        if ask.step == asks.PRIVACY_STEP_EXPORT:
            return Answer.COPY, {}
        reasons = await self._obstacles(connection, ask.renter_id)
        if reasons:
            return Answer.BLOCKED, {"reasons": reasons}
        if ask.step == asks.PRIVACY_STEP_PREPARE:
            return Answer.READY, {}
        done = await erase(connection, self._sql, ask.renter_id)
        return Answer.ERASED, {"erased": done.erased, "kept": done.kept}

    async def _obstacles(self, connection: Any, renter_id: str) -> list[str]:
        rows = await connection.fetch(self._sql.privacy_obstacles, bucket_of(renter_id), renter_id)
        return sorted({row["reason"] for row in rows})

    async def _deliver(self, rows: Sequence[OutboxRow]) -> list[bool]:
        """A copy is made when it is brought, so that the outbox holds nothing of it."""
        return [await self._bring(row) for row in rows]

    async def _bring(self, row: OutboxRow) -> bool:
        if row.kind != Answer.COPY:
            return await self._send(row, _body(row))
        copy = copies.pack(await collect(self._db, self._sql, row.renter_id, self._show))
        return all([await self._send(row, answers.PrivacyAnswer(export_part=part)) for part in _parts(copy)])

    async def _send(self, row: OutboxRow, answer: answers.PrivacyAnswer) -> bool:
        answer.job_id, answer.renter_id = row.payload["job_id"], row.renter_id
        request = answers.DeliverAnswersRequest(answers=[answer])
        response = await self._stub.DeliverAnswers(request, timeout=DELIVER_SECONDS)
        return all(status.code == 0 for status in response.statuses)


def _parts(copy: bytes) -> Iterator[answers.ExportPart]:
    pieces = [copy[at : at + PART_BYTES] for at in range(0, len(copy), PART_BYTES)]
    for number, piece in enumerate(pieces):
        yield answers.ExportPart(number=number, last=number == len(pieces) - 1, data=piece)


def _body(row: OutboxRow) -> answers.PrivacyAnswer:
    if row.kind == Answer.READY:
        return answers.PrivacyAnswer(ready=answers.ErasureReady())
    if row.kind == Answer.BLOCKED:
        return answers.PrivacyAnswer(blocked=answers.ErasureBlocked(reasons=row.payload["reasons"]))
    done = answers.ErasureDone(erased=row.payload["erased"], kept=row.payload["kept"])
    return answers.PrivacyAnswer(erased=done)
