"""A fleet on the wire, both ways."""

from __future__ import annotations

from typing import Any

from freehold.rental.v1 import asset_service_pb2 as pb
from services.rental.domain import AssetId, AssetKind
from services.rental.domain.fleet import Condition, FleetAsset, Found, LabelFormat, Point, Sighting, Whereabouts
from services.rental.servicer.encoding import encode_asset
from services.rental.wire import ASSET_KINDS, EnumMap, moment, timestamp

CONDITIONS = EnumMap(pb.AssetCondition, Condition, "ASSET_CONDITION_")
LABEL_FORMATS = EnumMap(pb.LabelFormat, LabelFormat, "LABEL_FORMAT_")


def encode_fleet_asset(known: FleetAsset) -> pb.FleetAsset:
    """All that is known of an asset."""
    return pb.FleetAsset(
        asset=encode_asset(known.asset),
        condition=CONDITIONS.encode(known.details.condition),
        photo_refs=known.details.photo_refs,
        rotates_code=known.details.rotates,
        whereabouts=encode_whereabouts(known.whereabouts) if known.whereabouts else None,
    )


def encode_found(found: Found, public_code: str, *, to_its_partner: bool) -> pb.FoundAsset:
    """An asset that was found; to renters without what names it beyond its next rental."""
    return pb.FoundAsset(
        distance_meters=round(found.meters),
        partner_id=found.partner_id,
        asset_kind=ASSET_KINDS.encode(found.asset_kind),
        asset_class=found.asset_class,
        public_code=public_code,
        price_plan_id=found.price_plan_id,
        whereabouts=encode_whereabouts(found.whereabouts),
        asset_id=found.asset_id if to_its_partner else AssetId(""),
    )


def encode_whereabouts(last: Whereabouts) -> pb.Whereabouts:
    """Where it was last seen."""
    return pb.Whereabouts(
        seen_at=timestamp(last.seen_at),
        point=encode_point(last.point) if last.point else None,
        battery_percent=last.battery_percent,
        range_meters=last.range_meters,
        station_id=last.station_id or "",
    )


def encode_point(point: Point) -> pb.Point:
    """A position."""
    return pb.Point(latitude_microdegrees=point.lat_microdegrees, longitude_microdegrees=point.lon_microdegrees)


def decode_point(point: pb.Point) -> Point:
    """A position."""
    return Point(point.latitude_microdegrees, point.longitude_microdegrees)


def decode_report(report: pb.AssetReport) -> Sighting:
    """What a device reported."""
    return Sighting(
        code=report.code,
        seen_at=moment(report.seen_at),
        point=decode_point(report.point) if report.HasField("point") else None,
        battery_percent=told(report, "battery_percent"),
        range_meters=told(report, "range_meters"),
        station_code=report.station_code,
    )


def told(message: Any, field: str) -> Any:
    """The value of an optional field; None when it is absent."""
    return getattr(message, field) if message.HasField(field) else None


def one_kind(value: int) -> AssetKind | None:
    """A kind to filter by; None for all."""
    return ASSET_KINDS.decode(value)
