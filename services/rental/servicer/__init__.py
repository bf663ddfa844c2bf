"""The two proto services of rental: the public one for apps, the internal one for deposits."""

from services.rental.servicer.internal import RentalInternalServicer
from services.rental.servicer.public import ACCESS, LIMITS, RentalServicer

__all__ = ["ACCESS", "LIMITS", "RentalInternalServicer", "RentalServicer"]
