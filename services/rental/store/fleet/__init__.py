"""Rental's memory of fleets."""

from services.rental.store.fleet.assets import PostgresFleet
from services.rental.store.fleet.watching import PostgresWatch

__all__ = ["PostgresFleet", "PostgresWatch"]
