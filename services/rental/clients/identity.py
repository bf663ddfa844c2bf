"""Identity, for who may rent: one frame per batch on a long-lived stream."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import grpc

from freehold.identity.v1 import identity_internal_service_pb2 as pb
from freehold.identity.v1 import identity_internal_service_pb2_grpc as rpc
from services.rental.domain import Standing
from services.rental.operations import CheckItem
from services.rental.wire import ASSET_KINDS, ASSURANCE_LEVELS
from services.runtime.frames import FrameClient
from services.runtime.statuses import of_item_status
from services.values.errors import Refusal


class IdentityClient:
    """The `Identity` of the operations."""

    def __init__(self, channel: grpc.aio.Channel, seconds: float) -> None:
        stub = rpc.IdentityInternalServiceStub(channel)
        self._ids = count()
        self._seconds = seconds
        self._frames: FrameClient[pb.CheckRenterItem, pb.CheckRenterResult] = FrameClient(
            stub.CheckRenters, lambda items: pb.CheckRentersRequest(items=items), lambda response: response.results
        )

    async def check(self, items: Sequence[CheckItem]) -> list[Standing | Refusal]:
        """One frame; UPSTREAM_UNAVAILABLE for what is not answered in time."""
        if not items:
            return []
        answers = await self._frames.ask([self._encode(item) for item in items], self._seconds)
        return [answer if isinstance(answer, Refusal) else _decode(answer) for answer in answers]

    async def close(self) -> None:
        """Ends the stream."""
        await self._frames.close()

    def _encode(self, item: CheckItem) -> pb.CheckRenterItem:
        return pb.CheckRenterItem(
            item_id=str(next(self._ids)),
            renter_id=item.renter_id,
            partner_id=item.partner_id,
            asset_kind=ASSET_KINDS.encode(item.asset_kind),
            traceparent=item.origin.traceparent,
        )


def _decode(result: pb.CheckRenterResult) -> Standing | Refusal:
    refusal = of_item_status(result.status)
    level = ASSURANCE_LEVELS.decode(result.assurance_level)
    return refusal or Standing(result.verified, result.linked, result.old_enough, result.scoring_consent, level)
