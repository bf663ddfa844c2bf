"""The proto services of rental: the public ones for apps and people, the internal one for deposits."""

from services.rental.servicer.internal import RentalInternalServicer
from services.rental.servicer.life import LIFE_ACCESS, LifeServicer
from services.rental.servicer.pricing import PRICING_ACCESS, PricingServicer
from services.rental.servicer.public import ACCESS, LIMITS, RentalServicer
from services.rental.servicer.reservations import RESERVATION_ACCESS, RESERVATION_LIMITS, ReservationServicer

__all__ = [
    "ACCESS",
    "LIFE_ACCESS",
    "LIMITS",
    "PRICING_ACCESS",
    "RESERVATION_ACCESS",
    "RESERVATION_LIMITS",
    "LifeServicer",
    "PricingServicer",
    "RentalInternalServicer",
    "RentalServicer",
    "ReservationServicer",
]
