"""The proto services of rental: those for apps, about rentals and about fleets, and the internal one for deposits."""

from services.rental.servicer.assets import (
    ASSET_ACCESS,
    FEED_ACCESS,
    PLACE_ACCESS,
    AssetServicer,
    FeedServicer,
    PlaceServicer,
)
from services.rental.servicer.internal import RentalInternalServicer
from services.rental.servicer.public import ACCESS, LIMITS, RentalServicer

__all__ = [
    "ACCESS",
    "ASSET_ACCESS",
    "FEED_ACCESS",
    "LIMITS",
    "PLACE_ACCESS",
    "AssetServicer",
    "FeedServicer",
    "PlaceServicer",
    "RentalInternalServicer",
    "RentalServicer",
]
