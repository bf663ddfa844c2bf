"""What rental is reached by: which proto service stands at which door, who may call it, how often."""

from __future__ import annotations

from freehold.rental.v1 import (
    asset_service_pb2,
    feed_service_pb2,
    life_service_pb2,
    place_service_pb2,
    pricing_service_pb2,
    rental_internal_service_pb2,
    rental_service_pb2,
    reservation_service_pb2,
)
from freehold.rental.v1 import asset_service_pb2_grpc as asset_rpc
from freehold.rental.v1 import feed_service_pb2_grpc as feed_rpc
from freehold.rental.v1 import life_service_pb2_grpc as life_rpc
from freehold.rental.v1 import place_service_pb2_grpc as place_rpc
from freehold.rental.v1 import pricing_service_pb2_grpc as pricing_rpc
from freehold.rental.v1 import rental_internal_service_pb2_grpc as internal_rpc
from freehold.rental.v1 import rental_service_pb2_grpc as public_rpc
from freehold.rental.v1 import reservation_service_pb2_grpc as reservation_rpc
from services.rental.app.rooms import Queues, Rooms
from services.rental.app.settings import SERVICE, Settings
from services.rental.servicer import (
    ACCESS,
    ASSET_ACCESS,
    FEED_ACCESS,
    LIFE_ACCESS,
    LIMITS,
    PLACE_ACCESS,
    PRICING_ACCESS,
    RESERVATION_ACCESS,
    RESERVATION_LIMITS,
    AssetServicer,
    FeedServicer,
    LifeServicer,
    PlaceServicer,
    PricingServicer,
    RentalInternalServicer,
    RentalServicer,
    ReservationServicer,
)
from services.runtime.authenticators import RemoteCredentials
from services.runtime.personal_data import DataHolder
from services.runtime.server import InternalService, PublicService, Server
from services.runtime.telemetry import Tracer

INTERNAL_CALLERS = {"Deliver": frozenset({"deposits"})}
"""Which services may call what."""


def open_doors(
    settings: Settings,
    tracer: Tracer,
    rooms: Rooms,
    queues: Queues,
    credentials: RemoteCredentials,
    holder: DataHolder,
) -> Server:
    """The public door and the internal one."""
    public = RentalServicer(
        queues.starts.submit, queues.ends.submit, queues.cancels.submit, rooms.catalogue, rooms.reading
    )
    public_descriptor = rental_service_pb2.DESCRIPTOR.services_by_name["RentalService"]
    internal_descriptor = rental_internal_service_pb2.DESCRIPTOR.services_by_name["RentalInternalService"]
    return Server(
        SERVICE,
        settings,
        credentials.authenticate,
        [
            PublicService(public_descriptor, public_rpc.add_RentalServiceServicer_to_server, public, ACCESS, LIMITS),
            *_fleet(rooms),
            PublicService(
                life_service_pb2.DESCRIPTOR.services_by_name["LifeService"],
                life_rpc.add_LifeServiceServicer_to_server,
                LifeServicer(rooms.living, rooms.watching),
                LIFE_ACCESS,
            ),
            PublicService(
                reservation_service_pb2.DESCRIPTOR.services_by_name["ReservationService"],
                reservation_rpc.add_ReservationServiceServicer_to_server,
                ReservationServicer(rooms.reserving),
                RESERVATION_ACCESS,
                RESERVATION_LIMITS,
            ),
            PublicService(
                pricing_service_pb2.DESCRIPTOR.services_by_name["PricingService"],
                pricing_rpc.add_PricingServiceServicer_to_server,
                PricingServicer(rooms.prices, rooms.passes),
                PRICING_ACCESS,
            ),
        ],
        [
            InternalService(
                internal_descriptor,
                internal_rpc.add_RentalInternalServiceServicer_to_server,
                RentalInternalServicer(rooms.closing),
                INTERNAL_CALLERS,
            ),
            holder.service,
        ],
        tracer,
    )


def _fleet(rooms: Rooms) -> list[PublicService]:
    assets = AssetServicer(rooms.fleet, rooms.feeds, rooms.sightings, rooms.searching, rooms.importing)
    return [
        PublicService(
            asset_service_pb2.DESCRIPTOR.services_by_name["AssetService"],
            asset_rpc.add_AssetServiceServicer_to_server,
            assets,
            ASSET_ACCESS,
        ),
        PublicService(
            place_service_pb2.DESCRIPTOR.services_by_name["PlaceService"],
            place_rpc.add_PlaceServiceServicer_to_server,
            PlaceServicer(rooms.places),
            PLACE_ACCESS,
        ),
        PublicService(
            feed_service_pb2.DESCRIPTOR.services_by_name["FeedService"],
            feed_rpc.add_FeedServiceServicer_to_server,
            FeedServicer(rooms.feeds),
            FEED_ACCESS,
        ),
    ]
