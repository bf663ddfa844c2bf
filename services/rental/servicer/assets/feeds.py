"""FeedService on the wire: each method decodes, calls once, encodes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc

from freehold.rental.v1 import feed_service_pb2 as pb
from freehold.rental.v1 import feed_service_pb2_grpc as rpc
from services.rental.domain import PartnerId
from services.rental.domain.fleet import Profile, SetFleetProfile
from services.rental.domain.fleet.gbfs import TTL_SECONDS, VERSION, Feed
from services.rental.domain.refusals import caller_not_allowed
from services.rental.operations.fleet import Feeds
from services.rental.servicer.calling import calling_partner
from services.rental.wire import EnumMap, timestamp
from services.runtime.interceptors import current_call
from services.values.access import ALL_STAFF, MANAGERS, Reach, Rule
from services.values.errors import invalid

FEED_ACCESS = {
    "SetFleetProfile": Rule(partner=Reach.OWN, scope="ASSETS", staff=MANAGERS),
    "GetFleetProfile": Rule(partner=Reach.OWN, scope="ASSETS", staff=ALL_STAFF),
    "GetGbfsFeed": Rule(partner=Reach.OWN, renter=Reach.ANY, operator=Reach.ANY, scope="ASSETS", staff=ALL_STAFF),
}
"""Who may call what."""

FEEDS = EnumMap(pb.GbfsFeed, Feed, "GBFS_FEED_")
CHUNK_BYTES = 2**20

_Context = grpc.aio.ServicerContext[object, object]


class FeedServicer(rpc.FeedServiceServicer):
    """What maps show of a partner."""

    def __init__(self, feeds: Feeds) -> None:
        self._feeds = feeds

    async def SetFleetProfile(self, request: pb.SetFleetProfileRequest, _: _Context) -> pb.SetFleetProfileResponse:
        """Says what feeds and labels say."""
        whose = (calling_partner(), request.request_id, current_call().caller.id)
        told = request.profile
        profile = Profile(
            name=told.name,
            language=told.language,
            time_zone=told.time_zone,
            contact_email=told.contact_email,
            opening_hours=told.opening_hours,
            link_prefix=told.link_prefix,
        )
        return pb.SetFleetProfileResponse(
            profile=_profile(await self._feeds.set_profile(SetFleetProfile(*whose, profile)))
        )

    async def GetFleetProfile(self, _request: pb.GetFleetProfileRequest, _: _Context) -> pb.GetFleetProfileResponse:
        """Tells what feeds and labels say."""
        told = await self._feeds.profile(calling_partner())
        return pb.GetFleetProfileResponse(profile=_profile(told) if told else None)

    async def GetGbfsFeed(self, request: pb.GetGbfsFeedRequest, _: _Context) -> AsyncIterator[pb.GetGbfsFeedResponse]:
        """Tells one document, in parts."""
        feed = FEEDS.decode(request.feed) or Feed.GBFS
        if feed is Feed.GBFS and not request.base_url:
            raise invalid("base_url", "must say where the files are served")
        made = await self._feeds.get(_whose(request.partner_id), feed, request.base_url)
        for at in range(0, len(made.content), CHUNK_BYTES):
            part = pb.GetGbfsFeedResponse(data=made.content[at : at + CHUNK_BYTES])
            if at == 0:
                part.version, part.ttl_seconds = VERSION, TTL_SECONDS
                part.last_updated.CopyFrom(timestamp(made.at))
            yield part


def _whose(asked: str) -> PartnerId:
    """Partners and staff ask for their own feed; whoever belongs to no partner says whose."""
    own = current_call().caller.partner_id
    if own is not None and asked not in ("", own):
        raise caller_not_allowed()
    if not (asked or own):
        raise invalid("partner_id", "must say whose feed")
    return PartnerId(asked or own or "")


def _profile(profile: Profile) -> pb.FleetProfile:
    return pb.FleetProfile(
        name=profile.name,
        language=profile.language,
        time_zone=profile.time_zone,
        contact_email=profile.contact_email,
        opening_hours=profile.opening_hours,
        link_prefix=profile.link_prefix,
    )
