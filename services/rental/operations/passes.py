"""GrantPass and ListPasses: a partner gives passes to the renters who are linked to it."""

from __future__ import annotations

from services.rental.domain import GrantPass, PartnerId, Pass, PassId, RenterId, RidePass, check_pass, fingerprint
from services.rental.domain.refusals import ends_the_rental, for_now, renter_not_linked
from services.rental.operations.ports import CheckItem, Identity, Origin, PricingStore
from services.values.clock import Clock
from services.values.errors import Refusal
from services.values.ids import new_id_of

MOST_PASSES = 100


class Passes:
    """Grants and lists passes."""

    def __init__(self, store: PricingStore, identity: Identity, clock: Clock) -> None:
        self._store = store
        self._identity = identity
        self._clock = clock

    async def grant(self, command: GrantPass, origin: Origin) -> Pass:
        """A pass for a linked renter; one that this request granted before stays, whatever became of the link.

        Raises INVALID_FIELD, RENTER_NOT_FOUND, RENTER_NOT_LINKED, REQUEST_ID_REUSED.
        """
        mark = fingerprint(command)
        before = await self._store.granted(command, mark)
        if before is not None:
            return before
        new = self._new(command)
        check_pass(new)
        (standing,) = await self._identity.check([CheckItem(command.renter_id, command.caller, None, origin)])
        if isinstance(standing, Refusal):
            raise standing if ends_the_rental(standing) else for_now(standing)
        if not standing.linked:
            raise renter_not_linked()
        return await self._store.grant(command, mark, new)

    async def list_passes(self, renter_id: RenterId, partner_id: PartnerId | None) -> list[Pass]:
        """The renter's passes at a partner or at all, those that end last first."""
        return await self._store.passes(renter_id, partner_id, MOST_PASSES)

    def _new(self, command: GrantPass) -> Pass:
        now = self._clock.now()
        pass_id = PassId(new_id_of("pas", command.renter_id))
        return Pass(
            gives=RidePass(pass_id, command.free_minutes, command.percent_off),
            partner_id=command.caller,
            renter_id=command.renter_id,
            asset_kind=command.asset_kind,
            valid_from=command.valid_from or now,
            valid_until=command.valid_until,
            granted_at=now,
        )
