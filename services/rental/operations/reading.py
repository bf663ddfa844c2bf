"""GetRental and ListRentals: a partner reads its own rentals, a renter their own, an operator any."""

from __future__ import annotations

from dataclasses import replace

from services.rental.domain import Rental, RentalId, Reservation
from services.rental.domain.refusals import rental_not_found
from services.rental.operations.ports import Page, RentalStore
from services.values.callers import Caller, Role


class Reading:
    """Reads rentals."""

    def __init__(self, store: RentalStore) -> None:
        self._store = store

    async def get(self, caller: Caller, rental_id: RentalId) -> Rental:
        """One rental. Raises RENTAL_NOT_FOUND, also for another's: which of them is not told."""
        rental = (await self._store.read([rental_id])).get(rental_id)
        if rental is None or not may_read(caller, rental):
            raise rental_not_found()
        return rental

    async def list_rentals(self, page: Page) -> tuple[list[Rental], bool]:
        """A page of rentals, newest first, and whether there are more."""
        rentals = await self._store.list_rentals(replace(page, size=page.size + 1))
        return rentals[: page.size], len(rentals) > page.size


def may_read(caller: Caller, rental: Rental | Reservation) -> bool:
    """Whether it is the caller's to see: their own, their business's, or anybody's for an operator."""
    match caller.role:
        case Role.PARTNER | Role.STAFF:
            return caller.partner_id == rental.partner_id
        case Role.RENTER:
            return caller.id == rental.renter_id
        case Role.OPERATOR:
            return True
        case _:
            return False
