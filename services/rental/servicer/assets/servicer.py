"""AssetService on the wire: each method decodes, calls once, encodes."""

from __future__ import annotations

import grpc

from freehold.rental.v1 import asset_service_pb2 as pb
from freehold.rental.v1 import asset_service_pb2_grpc as rpc
from services.rental.domain import AssetId, AssetState
from services.rental.domain.fleet import (
    AssetPage,
    LabelFormat,
    Nearby,
    SetAssetState,
    UpdateAsset,
    deep_link,
    draw,
)
from services.rental.domain.fleet.importing import ImportAssets, decoded
from services.rental.operations.fleet import Feeds, Fleet, Importing, Searching, Sightings
from services.rental.servicer.assets.encoding import (
    CONDITIONS,
    LABEL_FORMATS,
    decode_point,
    decode_report,
    encode_fleet_asset,
    encode_found,
    one_kind,
    told,
)
from services.rental.servicer.assets.places import DEFAULT_FOUND, asked_partner
from services.rental.servicer.calling import calling_partner
from services.rental.wire import ASSET_STATES
from services.runtime.interceptors import current_call
from services.runtime.statuses import to_item_status
from services.values import pages
from services.values.access import MANAGERS, SERVING, Reach, Rule
from services.values.callers import Role

ASSET_ACCESS = {
    "GetAsset": Rule(partner=Reach.OWN, scope="ASSETS", staff=SERVING),
    "ListAssets": Rule(partner=Reach.OWN, scope="ASSETS", staff=SERVING),
    "UpdateAsset": Rule(partner=Reach.OWN, scope="ASSETS", staff=MANAGERS),
    "SetAssetState": Rule(partner=Reach.OWN, scope="ASSETS", staff=MANAGERS),
    "ReportAssetSeen": Rule(partner=Reach.OWN, scope="ASSETS"),
    "SearchAssets": Rule(partner=Reach.OWN, renter=Reach.ANY, scope="ASSETS", staff=SERVING),
    "ImportAssets": Rule(partner=Reach.OWN, scope="ASSETS", staff=MANAGERS),
    "GetAssetCode": Rule(partner=Reach.OWN, scope="ASSETS", staff=SERVING),
}
"""Who may call what."""

_Context = grpc.aio.ServicerContext[object, object]


class AssetServicer(rpc.AssetServiceServicer):
    """A partner's fleet, and what of it others find."""

    def __init__(
        self, fleet: Fleet, feeds: Feeds, sightings: Sightings, searching: Searching, importing: Importing
    ) -> None:
        self._fleet = fleet
        self._importing = importing
        self._feeds = feeds
        self._sightings = sightings
        self._searching = searching

    async def GetAsset(self, request: pb.GetAssetRequest, _: _Context) -> pb.GetAssetResponse:
        """Tells one asset."""
        asset = await self._fleet.get(calling_partner(), AssetId(request.asset_id))
        return pb.GetAssetResponse(asset=encode_fleet_asset(asset))

    async def ListAssets(self, request: pb.ListAssetsRequest, _: _Context) -> pb.ListAssetsResponse:
        """Tells a page of assets."""
        kind, state = one_kind(request.asset_kind), ASSET_STATES.decode(request.state)
        whose = (calling_partner(), kind, state, request.city or None)
        size, after = pages.page_size(request.page_size), pages.decode(request.page_token, *whose)
        found = await self._fleet.list_assets(AssetPage(*whose, after, size + 1))
        more = len(found) > size
        return pb.ListAssetsResponse(
            assets=[encode_fleet_asset(asset) for asset in found[:size]],
            next_page_token=pages.encode(found[size - 1].asset.asset_id, *whose) if more else "",
        )

    async def UpdateAsset(self, request: pb.UpdateAssetRequest, _: _Context) -> pb.UpdateAssetResponse:
        """Tells something else of an asset."""
        command = UpdateAsset(
            caller=calling_partner(),
            request_id=request.request_id,
            by=current_call().caller.id,
            asset_id=AssetId(request.asset_id),
            city=told(request, "city"),
            asset_class=told(request, "asset_class"),
            monthly_rent_minor=told(request, "monthly_rent_minor"),
            condition=CONDITIONS.decode(request.condition),
            photo_refs=tuple(request.photo_refs.refs) if request.HasField("photo_refs") else None,
            rotates=told(request, "rotates_code"),
        )
        return pb.UpdateAssetResponse(asset=encode_fleet_asset(await self._fleet.update(command)))

    async def SetAssetState(self, request: pb.SetAssetStateRequest, _: _Context) -> pb.SetAssetStateResponse:
        """Puts an asset into a state."""
        command = SetAssetState(
            caller=calling_partner(),
            request_id=request.request_id,
            by=current_call().caller.id,
            asset_id=AssetId(request.asset_id),
            state=ASSET_STATES.decode(request.state) or AssetState.AVAILABLE,
        )
        return pb.SetAssetStateResponse(asset=encode_fleet_asset(await self._fleet.set_state(command)))

    async def ReportAssetSeen(self, request: pb.ReportAssetSeenRequest, _: _Context) -> pb.ReportAssetSeenResponse:
        """Takes what devices report."""
        outcomes = await self._sightings.report(calling_partner(), [decode_report(one) for one in request.reports])
        return pb.ReportAssetSeenResponse(statuses=[to_item_status(outcome) for outcome in outcomes])

    async def SearchAssets(self, request: pb.SearchAssetsRequest, _: _Context) -> pb.SearchAssetsResponse:
        """Finds what can be rented nearby."""
        renter = current_call().caller.role is Role.RENTER
        nearby = Nearby(
            center=decode_point(request.center),
            radius_meters=request.radius_meters,
            partner_id=asked_partner(request.partner_id),
            asset_kind=one_kind(request.asset_kind),
            limit=request.limit or DEFAULT_FOUND,
        )
        found = await self._searching.search(nearby)
        return pb.SearchAssetsResponse(
            assets=[encode_found(one, code, to_its_partner=not renter) for one, code in found]
        )

    async def GetAssetCode(self, request: pb.GetAssetCodeRequest, _: _Context) -> pb.GetAssetCodeResponse:
        """Tells what the label of an asset shows."""
        asset = await self._fleet.get(calling_partner(), AssetId(request.asset_id))
        code = await self._fleet.shown_code(asset)
        profile = await self._feeds.profile(asset.asset.partner_id)
        link = deep_link(profile.link_prefix if profile else "", code)
        label_format = LABEL_FORMATS.decode(request.format) or LabelFormat.PNG
        return pb.GetAssetCodeResponse(code=code, link=link, image=draw(link, label_format))

    async def ImportAssets(self, request: pb.ImportAssetsRequest, _: _Context) -> pb.ImportAssetsResponse:
        """Makes assets of a file."""
        whose = (calling_partner(), request.request_id, current_call().caller.id)
        report = await self._importing.import_assets(ImportAssets(*whose, decoded(request.csv)))
        return pb.ImportAssetsResponse(
            import_id=report.import_id,
            made=report.made,
            faults=[
                pb.ImportFault(line=f.line, field=f.field, reason=f.reason, description=f.description)
                for f in report.faults
            ],
        )
