"""What a rental costs: price plans after GBFS, passes, and the itemised price of a ride. Pure, on integers.

The whole rule, as `tests/property/test_pricing.py` walks it minute by minute:

1. A ride of `d` takes up the half-open time [0, d). Minute `m` is *started* when any of [m:00, m+1:00) lies in the
   ride: a ride of exactly 30:00 has started the minutes 0 to 29, one of 30:00.000001 minute 30 as well. Metres alike.
2. Free minutes come first and cost nothing; the clock of segments and windows starts after them. A ride that is over
   by then does not pay the base price either.
3. Then, minute after minute, what the segments charge at that minute is accepted as far as the caps leave room: each
   window of a cap has its own room, and so has each night of an overnight rule. The base price is charged before the
   first minute and fills windows, but not nights.
4. Distance is added; the whole is at most the total cap.
5. Of the renter's passes the one that makes it cheapest is used, if any makes it cheaper; then the discount.
6. Fees are added last: no cap, pass or discount covers them.

Rounding: rates are whole minor units for each *started* interval, so time and distance are rounded up to intervals and
nothing else is; a percentage leaves `amount * (100 - percent) / 100`, rounded down, in the renter's favour.
"""

from services.rental.domain.pricing.checking import check_pass, check_terms, check_usage
from services.rental.domain.pricing.itemising import (
    NO_USAGE,
    Itemisation,
    Line,
    LineKind,
    LineUnit,
    Ride,
    Usage,
    itemise,
)
from services.rental.domain.pricing.passes import Pass, RidePass
from services.rental.domain.pricing.terms import (
    DAY_MINUTES,
    LARGEST_CHARGE_MINOR,
    Discount,
    DistanceSegment,
    Fee,
    NightRule,
    PriceCap,
    PricePlan,
    PriceSegment,
    PriceTerms,
)

__all__ = [
    "DAY_MINUTES",
    "LARGEST_CHARGE_MINOR",
    "NO_USAGE",
    "Discount",
    "DistanceSegment",
    "Fee",
    "Itemisation",
    "Line",
    "LineKind",
    "LineUnit",
    "NightRule",
    "Pass",
    "PriceCap",
    "PricePlan",
    "PriceSegment",
    "PriceTerms",
    "Ride",
    "RidePass",
    "Usage",
    "check_pass",
    "check_terms",
    "check_usage",
    "itemise",
]
