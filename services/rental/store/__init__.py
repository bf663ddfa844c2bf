"""Rental's memory in PostgreSQL: the only room that speaks SQL."""

from services.rental.store.catalogue import PostgresCatalogue
from services.rental.store.pricing import PostgresPricing
from services.rental.store.rentals import PostgresRentals
from services.rental.store.reservations import PostgresReservations

__all__ = ["PostgresCatalogue", "PostgresPricing", "PostgresRentals", "PostgresReservations"]
