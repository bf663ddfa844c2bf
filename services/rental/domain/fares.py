"""What a rental costs: by its plan and, whatever the plan says, never more than the thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.rental.domain.kinds import PricedBy
from services.rental.domain.pricing import NO_USAGE, Itemisation, PriceTerms, Ride, RidePass, Usage, itemise
from services.rental.domain.refusals import charge_not_allowed, charge_required
from services.rental.domain.rentals import Rental
from services.rental.domain.states import HAS_ASSET, RentalState
from services.values.errors import Refusal
from services.values.money import Money


@dataclass(frozen=True, slots=True)
class Pricing:
    """What a return is priced by: the pinned plan's terms, the ride's usage, the passes that the renter has for it."""

    terms: PriceTerms
    usage: Usage = NO_USAGE
    passes: Sequence[RidePass] = ()


def itemised_at(rental: Rental, pricing: Pricing, ended_at: datetime) -> Itemisation:
    """The price of the rental if it ends then, line by line."""
    if rental.started_at is None:
        raise ValueError("a rental that has not started has no price")
    terms = replace(pricing.terms, total_cap_minor=total_minor(rental, pricing.terms))
    return itemise(terms, Ride(rental.started_at, ended_at, pricing.usage), pricing.passes)


def fare(rental: Rental, pricing: Pricing, ended_at: datetime) -> Money:
    """What the rental costs by its plan if it ends then."""
    return itemised_at(rental, pricing, ended_at).total


def total_minor(rental: Rental, terms: PriceTerms) -> int:
    """What fare and purchase come to at most: by the plan, if it says so, else by the kind (`Kind.total_minor`)."""
    return terms.total_cap_minor or rental.kind.total_minor


def charged_minor(rental: Rental) -> int:
    """What is charged, fare and purchase together, minor units."""
    return sum(part.amount_minor for part in (rental.charge, rental.purchase) if part is not None)


def price_so_far(rental: Rental, pricing: Pricing, now: datetime) -> Money | None:
    """What a rental costs, or would if it ended now; a disputed one while the clock stands. None before it starts, and
    while only the partner can say."""
    if rental.charge is not None:
        return Money(rental.currency, charged_minor(rental))
    if rental.state not in HAS_ASSET or rental.started_at is None or rental.kind.priced_by is PricedBy.PARTNER:
        return None
    stands = rental.state is RentalState.DISPUTED
    return fare(rental, pricing, rental.dispute.reported_at if rental.dispute and stands else now)


def check_told_charge(rental: Rental, told: Money | None) -> Refusal | None:
    """Why a rental cannot end with this charge: CHARGE_REQUIRED, CHARGE_NOT_ALLOWED, or nothing."""
    by_partner = rental.kind.priced_by is PricedBy.PARTNER
    if told is None:
        return charge_required() if by_partner else None
    fits = told.currency == rental.currency and told.amount_minor <= rental.kind.total_minor
    return None if by_partner and fits else charge_not_allowed(rental.kind.total_minor if by_partner else 0)
