"""The use cases of renting, over lists, and the ports they need. This is the door."""

from services.rental.operations.arrivals import Arrival, Arrivals
from services.rental.operations.catalogue import Catalogue
from services.rental.operations.changing import Changing
from services.rental.operations.closing import ClosingRentals
from services.rental.operations.following_up import FollowingUp
from services.rental.operations.passes import Passes
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
    Scoring,
    SecureItem,
)
from services.rental.operations.prices import Priced, Prices, Quotation
from services.rental.operations.reading import Reading
from services.rental.operations.starting import StartAsk, Started, Starting
from services.rental.operations.telling import Telling

__all__ = [
    "Arrival",
    "Arrivals",
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
    "Origin",
    "Outgoing",
    "Page",
    "Passes",
    "Priced",
    "Prices",
    "PricingStore",
    "Quotation",
    "Reading",
    "RentalStore",
    "Scoring",
    "SecureItem",
    "StartAsk",
    "Started",
    "Starting",
    "Telling",
]
