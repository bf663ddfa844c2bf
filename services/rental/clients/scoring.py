"""Scoring, for facts: events, at least once."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from freehold.scoring.v1 import fact_pb2
from freehold.scoring.v1 import scoring_internal_service_pb2 as pb
from freehold.scoring.v1 import scoring_internal_service_pb2_grpc as rpc
from services.rental.operations import Outgoing
from services.rental.wire import FACT_KINDS, timestamp
from services.runtime.statuses import of_item_status, of_rpc_error
from services.values.errors import Refusal


class ScoringClient:
    """The `Scoring` of the operations."""

    def __init__(self, channel: grpc.aio.Channel, seconds: float) -> None:
        self._stub = rpc.ScoringInternalServiceStub(channel)
        self._seconds = seconds

    async def record(self, facts: Sequence[Outgoing]) -> list[Refusal | None]:
        """One call; when it fails, it fails for all."""
        request = pb.DeliverRequest(events=[_event(item) for item in facts])
        try:
            response = await self._stub.Deliver(request, timeout=self._seconds)
        except grpc.aio.AioRpcError as error:
            return [of_rpc_error(error)] * len(facts)
        return [of_item_status(status) for status in response.statuses]


def _event(item: Outgoing) -> pb.ScoringEvent:
    fact = item.fact
    if fact.withdrawn:
        withdrawn = pb.FactWithdrawn(fact_id=fact.fact_id, renter_id=fact.renter_id)
        return pb.ScoringEvent(event_id=item.event_id, fact_withdrawn=withdrawn)
    return pb.ScoringEvent(
        event_id=item.event_id,
        fact=fact_pb2.Fact(
            fact_id=fact.fact_id,
            renter_id=fact.renter_id,
            kind=FACT_KINDS.encode(fact.kind),
            occurred_at=timestamp(fact.occurred_at),
            subject=fact.rental_id,
            partner_id=fact.partner_id,
            rental_seconds=fact.rental_seconds,
        ),
    )
