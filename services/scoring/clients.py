"""Calls to identity: whether a person consents to scoring, read fresh. Events: to deposits and to people."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime

import grpc

from freehold.deposits.v1 import deposits_internal_service_pb2 as deposits
from freehold.deposits.v1.deposits_internal_service_pb2_grpc import DepositsInternalServiceStub
from freehold.identity.v1 import identity_internal_service_pb2 as identity
from freehold.identity.v1.identity_internal_service_pb2_grpc import IdentityInternalServiceStub
from services.runtime.frames import FrameClient
from services.runtime.outbox import OutboxRow
from services.runtime.statuses import of_item_status
from services.values.errors import Refusal

ANSWER_SECONDS = 2.0
DELIVER_SECONDS = 5.0


class IdentityClient:
    """Implements `Consents` over a stream of frames to identity."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._numbers = itertools.count()
        self._frames: FrameClient[identity.CheckRenterItem, identity.CheckRenterResult] = FrameClient(
            IdentityInternalServiceStub(channel).CheckRenters,
            lambda items: identity.CheckRentersRequest(items=items),
            lambda response: response.results,
        )

    async def consenting(self, renter_ids: Sequence[str]) -> list[bool | Refusal]:
        """Whether each person consents with any partner; RENTER_NOT_FOUND or UPSTREAM_UNAVAILABLE per person."""
        items = [
            identity.CheckRenterItem(item_id=str(next(self._numbers)), renter_id=renter_id) for renter_id in renter_ids
        ]
        results = await self._frames.ask(items, ANSWER_SECONDS)
        return [r if isinstance(r, Refusal) else of_item_status(r.status) or r.scoring_consent for r in results]

    async def close(self) -> None:
        """Ends the stream."""
        await self._frames.close()


class PeopleEvents:
    """Has identity tell people that there is something to read."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = IdentityInternalServiceStub(channel)

    async def deliver(self, rows: Sequence[OutboxRow]) -> list[bool]:
        """Whether identity told each."""
        request = identity.DeliverRequest(events=[_person_news(row) for row in rows])
        answer = await self._stub.Deliver(request, timeout=DELIVER_SECONDS)
        return [status.code == 0 for status in answer.statuses]


def _person_news(row: OutboxRow) -> identity.PersonNews:
    kind = identity.NewsKind.Value(f"NEWS_KIND_{row.kind}")
    return identity.PersonNews(event_id=row.event_id, renter_id=row.renter_id, kind=kind)


class DepositsEvents:
    """Tells deposits whose facts were put right, so that decisions are made again."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = DepositsInternalServiceStub(channel)

    async def deliver(self, rows: Sequence[OutboxRow]) -> list[bool]:
        """Whether deposits took each event."""
        request = deposits.DeliverRequest(events=[_news(row) for row in rows])
        answer = await self._stub.Deliver(request, timeout=DELIVER_SECONDS)
        return [status.code == 0 for status in answer.statuses]


def _news(row: OutboxRow) -> deposits.ScoringNews:
    news = deposits.ScoringNews(event_id=row.event_id, renter_id=row.renter_id)
    news.since.FromDatetime(datetime.fromisoformat(row.payload["since"]))
    return news
