"""The proto services of rental: the public ones for apps and people, the internal one for deposits."""

from services.rental.servicer.internal import RentalInternalServicer
from services.rental.servicer.life import LIFE_ACCESS, LifeServicer
from services.rental.servicer.public import ACCESS, LIMITS, RentalServicer

__all__ = ["ACCESS", "LIFE_ACCESS", "LIMITS", "LifeServicer", "RentalInternalServicer", "RentalServicer"]
