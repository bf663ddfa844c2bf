"""What happens to a rental between its start and its end, by command: pauses, losses, finds, disputes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from services.rental.domain import (
    Change,
    Moment,
    Pricing,
    Rental,
    RentalId,
    found,
    lost,
    paused,
    resumed,
    return_accepted,
    return_refused,
    return_reported,
)
from services.rental.domain.refusals import payment_under_way, rental_not_found
from services.rental.operations.changing import Changing
from services.rental.operations.closing import ClosingRentals
from services.rental.operations.ports import RentalStore
from services.rental.operations.reading import may_read
from services.values.callers import Caller
from services.values.errors import Refusal
from services.values.ids import bucket_of
from services.values.requests import Request, fingerprint

Decision = Callable[[Rental, Pricing, Moment], Change | Refusal]

_ROUNDS = 4
"""A round is lost only when somebody else moved the rental on, and a rental has few moves."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Whose command it is, under which client-made id, about which rental."""

    caller: Caller
    request_id: str
    rental_id: RentalId


class Living:
    """Each command is carried out once per request_id; a repeat gives the rental as it stands.

    Raises RENTAL_NOT_FOUND, also for another's rental, REQUEST_ID_REUSED, and what each decision refuses.
    """

    def __init__(self, store: RentalStore, changing: Changing, closing: ClosingRentals) -> None:
        self._store = store
        self._changing = changing
        self._closing = closing

    async def pause(self, ask: Ask) -> Rental:
        """ACTIVE → PAUSED."""
        return await self._command(ask, "PauseRental", (), lambda rental, _, __: paused(rental))

    async def resume(self, ask: Ask) -> Rental:
        """PAUSED → ACTIVE."""
        return await self._command(ask, "ResumeRental", (), lambda rental, _, __: resumed(rental))

    async def report_lost(self, ask: Ask) -> Rental:
        """→ LOST: the renter buys it."""
        return await self._command(ask, "ReportLost", (), lost)

    async def report_found(self, ask: Ask, returned_at: datetime | None) -> Rental:
        """LOST → RETURNED: the purchase is undone."""
        return await self._command(
            ask,
            "ReportFound",
            (returned_at,),
            lambda rental, pricing, moment: found(rental, pricing, returned_at, moment),
        )

    async def report_return(self, ask: Ask, claimed_end_at: datetime | None, evidence: tuple[str, ...]) -> Rental:
        """Opens a dispute about the return."""
        return await self._command(
            ask,
            "ReportReturn",
            (claimed_end_at, *evidence),
            lambda rental, _, moment: return_reported(rental, claimed_end_at, evidence, moment),
        )

    async def resolve_return(self, ask: Ask, accepted: bool) -> Rental:
        """Answers a dispute about the return."""
        decide: Decision = return_accepted if accepted else lambda rental, _, __: return_refused(rental)
        return await self._command(ask, "ResolveReturn", (accepted,), decide)

    async def _command(self, ask: Ask, method: str, content: tuple[object, ...], decide: Decision) -> Rental:
        rental = await self._own(ask)
        said = fingerprint(ask.rental_id, *content)
        request = Request(bucket_of(ask.rental_id), ask.caller.id, method, ask.request_id, said)
        for _ in range(_ROUNDS):
            if await self._store.was_done(request):
                return await self._own(ask)
            row = (await self._store.read_priced([rental]))[ask.rental_id]
            moment = self._changing.moment()
            outcome = decide(row.rental, row.pricing, moment)
            if isinstance(outcome, Refusal):
                raise outcome
            change = replace(outcome, request=request)
            if (await self._store.save([change], moment.wall, moment.now))[0]:
                return await self._closing.follow(change.after)
        raise payment_under_way()

    async def _own(self, ask: Ask) -> Rental:
        rental = (await self._store.read([ask.rental_id])).get(ask.rental_id)
        if rental is None or not may_read(ask.caller, rental):
            raise rental_not_found()
        return rental
