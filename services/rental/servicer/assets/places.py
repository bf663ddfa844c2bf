"""PlaceService on the wire: each method decodes, calls once, encodes."""

from __future__ import annotations

import json

import grpc

from freehold.rental.v1 import place_service_pb2 as pb
from freehold.rental.v1 import place_service_pb2_grpc as rpc
from services.rental.domain import AssetKind, PartnerId
from services.rental.domain.fleet import (
    Nearby,
    SetStation,
    SetZone,
    Station,
    Stock,
    Zone,
    coordinates_of,
    read_geojson,
)
from services.rental.operations.fleet import Places
from services.rental.servicer.assets.encoding import decode_point, encode_point, one_kind
from services.rental.servicer.calling import calling_partner
from services.rental.wire import ASSET_KINDS, timestamp
from services.runtime.interceptors import current_call
from services.values import pages
from services.values.access import MANAGERS, SERVING, Reach, Rule
from services.values.callers import Role
from services.values.errors import invalid

PLACE_ACCESS = {
    "SetStation": Rule(partner=Reach.OWN, scope="ASSETS", staff=MANAGERS),
    "ListStations": Rule(partner=Reach.OWN, scope="ASSETS", staff=SERVING),
    "SearchStations": Rule(partner=Reach.OWN, renter=Reach.ANY, scope="ASSETS", staff=SERVING),
    "SetZone": Rule(partner=Reach.OWN, scope="ASSETS", staff=MANAGERS),
    "ListZones": Rule(partner=Reach.OWN, scope="ASSETS", staff=SERVING),
    "GetReturnZone": Rule(partner=Reach.OWN, renter=Reach.ANY, scope="ASSETS", staff=SERVING),
}
"""Who may call what."""

DEFAULT_FOUND = 50

_Context = grpc.aio.ServicerContext[object, object]


class PlaceServicer(rpc.PlaceServiceServicer):
    """A partner's stations and zones."""

    def __init__(self, places: Places) -> None:
        self._places = places

    async def SetStation(self, request: pb.SetStationRequest, _: _Context) -> pb.SetStationResponse:
        """Makes a station, or says what it is now."""
        command = SetStation(
            caller=calling_partner(),
            request_id=request.request_id,
            by=current_call().caller.id,
            code=request.code,
            name=request.name,
            city=request.city,
            asset_kinds=tuple(_kind(value) for value in request.asset_kinds),
            point=decode_point(request.point),
            slots=request.slots,
            is_open=request.is_open,
        )
        return pb.SetStationResponse(station=_station(await self._places.set_station(command)))

    async def ListStations(self, request: pb.ListStationsRequest, _: _Context) -> pb.ListStationsResponse:
        """Tells a page of stations."""
        whose, size = calling_partner(), pages.page_size(request.page_size)
        found = await self._places.list_stations(whose, pages.decode(request.page_token, whose), size + 1)
        more = len(found) > size
        return pb.ListStationsResponse(
            stations=[_stock(stock) for stock in found[:size]],
            next_page_token=pages.encode(found[size - 1].station.station_id, whose) if more else "",
        )

    async def SearchStations(self, request: pb.SearchStationsRequest, _: _Context) -> pb.SearchStationsResponse:
        """Finds stations nearby."""
        nearby = Nearby(
            center=decode_point(request.center),
            radius_meters=request.radius_meters,
            partner_id=asked_partner(request.partner_id),
            asset_kind=one_kind(request.asset_kind),
            limit=request.limit or DEFAULT_FOUND,
        )
        found = await self._places.search_stations(nearby)
        return pb.SearchStationsResponse(stations=[_stock(stock) for stock in found])

    async def SetZone(self, request: pb.SetZoneRequest, _: _Context) -> pb.SetZoneResponse:
        """Makes a zone, or says where it is now."""
        whose = (calling_partner(), request.request_id, current_call().caller.id)
        command = SetZone(*whose, request.code, request.name, read_geojson(request.geojson))
        return pb.SetZoneResponse(zone=_zone(await self._places.set_zone(command)))

    async def ListZones(self, _request: pb.ListZonesRequest, _: _Context) -> pb.ListZonesResponse:
        """Tells all zones."""
        return pb.ListZonesResponse(zones=[_zone(zone) for zone in await self._places.zones(calling_partner())])

    async def GetReturnZone(self, request: pb.GetReturnZoneRequest, _: _Context) -> pb.GetReturnZoneResponse:
        """Says whether an asset may be left there."""
        whose = asked_partner(request.partner_id)
        if whose is None:
            raise invalid("partner_id", "must say whose asset it is")
        allowed, zone = await self._places.return_zone(whose, decode_point(request.point))
        return pb.GetReturnZoneResponse(
            allowed=allowed, zone_id=zone.zone_id if zone else "", zone_name=zone.name if zone else ""
        )


def asked_partner(asked: str) -> PartnerId | None:
    """Partners and staff ask about their own; renters about any partner's, or (None) about all."""
    if current_call().caller.role is not Role.RENTER:
        return calling_partner()
    return PartnerId(asked) if asked else None


def _kind(value: int) -> AssetKind:
    kind = ASSET_KINDS.decode(value)
    if kind is None:
        raise invalid("asset_kinds", "has a kind that cannot be rented")
    return kind


def _station(station: Station) -> pb.Station:
    return pb.Station(
        station_id=station.station_id,
        partner_id=station.partner_id,
        code=station.code,
        name=station.name,
        city=station.city,
        asset_kinds=[ASSET_KINDS.encode(kind) for kind in station.asset_kinds],
        point=encode_point(station.point),
        slots=station.slots,
        is_open=station.is_open,
        updated_at=timestamp(station.updated_at),
    )


def _stock(stock: Stock) -> pb.StationStock:
    return pb.StationStock(
        station=_station(stock.station),
        available=stock.rentable,
        free_slots=stock.free_slots,
        distance_meters=round(stock.meters),
    )


def _zone(zone: Zone) -> pb.Zone:
    geojson = {"type": "MultiPolygon", "coordinates": coordinates_of(zone.polygons)}
    return pb.Zone(
        zone_id=zone.zone_id,
        code=zone.code,
        name=zone.name,
        geojson=json.dumps(geojson) if zone.polygons else "",
        updated_at=timestamp(zone.updated_at),
    )
