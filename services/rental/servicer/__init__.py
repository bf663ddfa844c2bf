"""The proto services of rental: the public ones for apps and people, the internal one for deposits."""

from services.rental.servicer.assets import (
    ASSET_ACCESS,
    FEED_ACCESS,
    PLACE_ACCESS,
    AssetServicer,
    FeedServicer,
    PlaceServicer,
)
from services.rental.servicer.internal import RentalInternalServicer
from services.rental.servicer.life import LIFE_ACCESS, LifeServicer
from services.rental.servicer.pricing import PRICING_ACCESS, PricingServicer
from services.rental.servicer.public import ACCESS, LIMITS, RentalServicer
from services.rental.servicer.reservations import RESERVATION_ACCESS, RESERVATION_LIMITS, ReservationServicer

__all__ = [
    "ACCESS",
    "ASSET_ACCESS",
    "FEED_ACCESS",
    "LIFE_ACCESS",
    "LIMITS",
    "PLACE_ACCESS",
    "PRICING_ACCESS",
    "RESERVATION_ACCESS",
    "RESERVATION_LIMITS",
    "AssetServicer",
    "FeedServicer",
    "LifeServicer",
    "PlaceServicer",
    "PricingServicer",
    "RentalInternalServicer",
    "RentalServicer",
    "ReservationServicer",
]
