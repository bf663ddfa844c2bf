"""Quote, EstimateCost and GetReceipt: the same rule as at the return, before it, during the ride and after it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.rental.domain import (
    RUNNING,
    AssetKind,
    Itemisation,
    PartnerId,
    PricePlan,
    PricePlanId,
    PriceTerms,
    Rental,
    RentalId,
    RenterId,
    Ride,
    RidePass,
    Usage,
    check_usage,
    itemise,
)
from services.rental.domain.refusals import rental_not_active, rental_not_ended
from services.rental.operations.ports import PricingStore
from services.rental.operations.reading import Reading
from services.values.callers import Caller
from services.values.clock import Clock


@dataclass(frozen=True, slots=True)
class Quotation:
    """A ride that may be taken: by the plan of an asset, by a plan, or by a name's newest version."""

    partner_id: PartnerId
    asset_code: str
    price_plan_id: PricePlanId | None
    price_plan_name: str
    starts_at: datetime | None
    takes: timedelta
    usage: Usage
    renter_id: RenterId | None


@dataclass(frozen=True, slots=True)
class Priced:
    """A price, by which plan and until when."""

    price_plan_id: PricePlanId
    until: datetime
    itemisation: Itemisation


class Prices:
    """Explains prices; changes nothing."""

    def __init__(self, store: PricingStore, reading: Reading, clock: Clock) -> None:
        self._store = store
        self._reading = reading
        self._clock = clock

    async def quote(self, asked: Quotation) -> Priced:
        """What a ride would cost. Raises ASSET_NOT_FOUND, PRICE_PLAN_NOT_FOUND, FEE_NOT_IN_PLAN, DISCOUNT_*."""
        plan, kind = await self._plan(asked)
        starts_at = asked.starts_at or self._clock.now()
        passes: list[RidePass] = []
        if asked.renter_id is not None:
            passes = await self._store.usable_passes(asked.renter_id, asked.partner_id, kind, starts_at)
        ends_at = starts_at + asked.takes
        return Priced(plan.price_plan_id, ends_at, _priced(plan.terms, Ride(starts_at, ends_at, asked.usage), passes))

    async def estimate(self, caller: Caller, rental_id: RentalId, usage: Usage) -> Priced:
        """What a running rental would cost if it ended now.

        Raises RENTAL_NOT_FOUND, RENTAL_NOT_ACTIVE, FEE_NOT_IN_PLAN, DISCOUNT_*.
        """
        rental = await self._reading.get(caller, rental_id)
        if rental.state not in RUNNING or rental.started_at is None:
            raise rental_not_active(rental.state)
        plan = await self._store.plan(rental.partner_id, rental.price_plan_id)
        whose = (rental.renter_id, rental.partner_id, rental.asset_kind)
        passes = await self._store.usable_passes(*whose, rental.started_at)
        now = max(self._clock.now(), rental.started_at)
        return Priced(plan.price_plan_id, now, _priced(plan.terms, Ride(rental.started_at, now, usage), passes))

    async def receipt(self, caller: Caller, rental_id: RentalId) -> tuple[Rental, Priced]:
        """What an ended rental cost, computed anew from what it pinned. Raises RENTAL_NOT_FOUND, RENTAL_NOT_ENDED."""
        rental = await self._reading.get(caller, rental_id)
        if rental.charge is None or rental.started_at is None or rental.ended_at is None:
            raise rental_not_ended(rental.state)
        plan = await self._store.plan(rental.partner_id, rental.price_plan_id)
        ride = Ride(rental.started_at, rental.ended_at, rental.usage)
        used = [rental.pass_used] if rental.pass_used else []
        itemisation = itemise(plan.terms, ride, used).adjusted_to(rental.charge)
        return rental, Priced(plan.price_plan_id, rental.ended_at, itemisation)

    async def _plan(self, asked: Quotation) -> tuple[PricePlan, AssetKind | None]:
        if asked.asset_code:
            return await self._store.plan_of_asset(asked.partner_id, asked.asset_code)
        if asked.price_plan_id is not None:
            return await self._store.plan(asked.partner_id, asked.price_plan_id), None
        return await self._store.newest_plan(asked.partner_id, asked.price_plan_name), None


def _priced(terms: PriceTerms, ride: Ride, passes: list[RidePass]) -> Itemisation:
    refusal = check_usage(terms, ride.usage, ride.started_at)
    if refusal is not None:
        raise refusal
    return itemise(terms, ride, passes)
