"""Rental's memory of fleets."""

from services.rental.store.fleet.assets import PostgresFleet
from services.rental.store.fleet.feeds import PostgresFeeds
from services.rental.store.fleet.importing import PostgresImports
from services.rental.store.fleet.places import PostgresPlaces
from services.rental.store.fleet.sightings import PostgresWatch

__all__ = ["PostgresFeeds", "PostgresFleet", "PostgresImports", "PostgresPlaces", "PostgresWatch"]
