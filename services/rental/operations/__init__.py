"""The use cases of renting, over lists, and the ports they need. This is the door."""

from services.rental.operations.arrivals import Arrival, Arrivals
from services.rental.operations.catalogue import Catalogue
from services.rental.operations.changing import Changing
from services.rental.operations.closing import ClosingRentals
from services.rental.operations.following_up import FollowingUp
from services.rental.operations.living import Ask, Living
from services.rental.operations.passes import Passes
from services.rental.operations.passing import Passing
from services.rental.operations.ports import (
    CatalogueStore,
    CheckItem,
    Claim,
    Closable,
    Close,
    Deposits,
    Identity,
    Origin,
    Outgoing,
    Page,
    PricingStore,
    RentalStore,
    Reservable,
    ReservationStore,
    Scoring,
    SecureItem,
)
from services.rental.operations.prices import Priced, Prices, Quotation
from services.rental.operations.reading import Reading
from services.rental.operations.reserving import Reserving
from services.rental.operations.starting import StartAsk, Started, Starting
from services.rental.operations.telling import Telling
from services.rental.operations.watching import Seen, Wakes, Watching

__all__ = [
    "Arrival",
    "Arrivals",
    "Ask",
    "Catalogue",
    "CatalogueStore",
    "Changing",
    "CheckItem",
    "Claim",
    "Closable",
    "Close",
    "ClosingRentals",
    "Deposits",
    "FollowingUp",
    "Identity",
    "Living",
    "Origin",
    "Outgoing",
    "Page",
    "Passes",
    "Passing",
    "Priced",
    "Prices",
    "PricingStore",
    "Quotation",
    "Reading",
    "RentalStore",
    "Reservable",
    "ReservationStore",
    "Reserving",
    "Scoring",
    "SecureItem",
    "Seen",
    "StartAsk",
    "Started",
    "Starting",
    "Telling",
    "Wakes",
    "Watching",
]
