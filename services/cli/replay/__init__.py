"""A day of rentals as it was in a real city, ridden by test people on a fast clock, and what must hold after it."""

from services.cli.replay.closing import Closing, close_day
from services.cli.replay.day import Day
from services.cli.replay.demand import Ride, rides_of_the_day
from services.cli.replay.tally import Tally

__all__ = ["Closing", "Day", "Ride", "Tally", "close_day", "rides_of_the_day"]
