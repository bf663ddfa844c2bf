"""A business, its bikes and its people, made through the public RPCs as anybody would make them."""

from services.cli.seeding.cast import CAST, THRESHOLD, Expected, Part, crowd
from services.cli.seeding.city import City, Renter, open_city

__all__ = ["CAST", "THRESHOLD", "City", "Expected", "Part", "Renter", "crowd", "open_city"]
