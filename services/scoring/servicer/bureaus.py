"""BureauService: people bring what bureaus know of them."""

from __future__ import annotations

from freehold.scoring.v1 import bureau_service_pb2 as pb
from freehold.scoring.v1.bureau_service_pb2_grpc import BureauServiceServicer
from services.runtime.interceptors import Context, current_call
from services.scoring.domain.bureau_links import BureauLink
from services.scoring.operations import Bureaus
from services.scoring.servicer.encoding import set_moment, timestamp_pb
from services.values.access import Reach, Rule
from services.values.clock import Clock

BUREAU_ACCESS = {
    "LinkBureau": Rule(renter=Reach.OWN),
    "UnlinkBureau": Rule(renter=Reach.OWN),
    "ListMyBureaus": Rule(renter=Reach.OWN),
}
"""Who may call what."""


class BureauServicer(BureauServiceServicer):
    """BureauService."""

    def __init__(self, bureaus: Bureaus, clock: Clock) -> None:
        self._bureaus = bureaus
        self._clock = clock

    async def LinkBureau(self, request: pb.LinkBureauRequest, context: Context) -> pb.LinkBureauResponse:
        link = await self._bureaus.link(
            current_call().caller.id, request.request_id, request.bureau, request.authorization_code
        )
        return pb.LinkBureauResponse(link=self._link(link))

    async def UnlinkBureau(self, request: pb.UnlinkBureauRequest, context: Context) -> pb.UnlinkBureauResponse:
        await self._bureaus.unlink(current_call().caller.id, request.request_id, request.bureau)
        return pb.UnlinkBureauResponse()

    async def ListMyBureaus(self, request: pb.ListMyBureausRequest, context: Context) -> pb.ListMyBureausResponse:
        links, available = await self._bureaus.list_mine(current_call().caller.id)
        return pb.ListMyBureausResponse(links=[self._link(link) for link in links], available=available)

    def _link(self, link: BureauLink) -> pb.LinkedBureau:
        now = self._clock.now()
        shown = pb.LinkedBureau(
            bureau=link.bureau,
            linked_at=timestamp_pb(link.linked_at),
            state=pb.BureauState.Value(f"BUREAU_STATE_{link.state(now)}"),
            weight=self._bureaus.weight(link, now),
        )
        set_moment(shown.reported_at, link.reported_at)
        return shown
