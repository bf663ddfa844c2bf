"""The proto services of rental: those for apps, about rentals and about fleets, and the internal one for deposits."""

from services.rental.servicer.assets import ASSET_ACCESS, AssetServicer
from services.rental.servicer.internal import RentalInternalServicer
from services.rental.servicer.public import ACCESS, LIMITS, RentalServicer

__all__ = ["ACCESS", "ASSET_ACCESS", "LIMITS", "AssetServicer", "RentalInternalServicer", "RentalServicer"]
