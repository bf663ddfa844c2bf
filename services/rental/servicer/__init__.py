"""The proto services of rental: those for apps, about rentals and about prices, and the internal one for deposits."""

from services.rental.servicer.internal import RentalInternalServicer
from services.rental.servicer.pricing import PRICING_ACCESS, PricingServicer
from services.rental.servicer.public import ACCESS, LIMITS, RentalServicer

__all__ = ["ACCESS", "LIMITS", "PRICING_ACCESS", "PricingServicer", "RentalInternalServicer", "RentalServicer"]
