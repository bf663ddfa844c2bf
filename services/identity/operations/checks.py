"""The hot question: may these people rent here, and do they consent to scoring? One read for n people."""

from __future__ import annotations

from dataclasses import dataclass

from services.identity.domain import RenterState, Standing, local_day, old_enough, renter_not_found
from services.identity.operations.ports import CheckedRow, RenterStore, Vault
from services.values.clock import Clock
from services.values.errors import Refusal


@dataclass(frozen=True, slots=True)
class Check:
    """One person at one partner ("" for any) about to rent one kind ("" for none)."""

    renter_id: str
    partner_id: str
    asset_kind: str


class Checks:
    """Reads standing, link and consent fresh with each batch."""

    def __init__(self, store: RenterStore, vault: Vault, clock: Clock) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock

    async def check(self, checks: list[Check]) -> list[Standing | Refusal]:
        """One standing per check; RENTER_NOT_FOUND for whom nobody knows."""
        rows = await self._store.check([(check.renter_id, check.partner_id) for check in checks])
        return [self._standing(check, row) for check, row in zip(checks, rows, strict=True)]

    def _standing(self, check: Check, row: CheckedRow | None) -> Standing | Refusal:
        if row is None:
            return renter_not_found()
        return Standing(
            verified=row.state is RenterState.VERIFIED,
            linked=row.linked,
            old_enough=row.adult or self._minor_may(check, row),
            scoring_consent=row.consenting,
        )

    def _minor_may(self, check: Check, row: CheckedRow) -> bool:
        """Only for those who were minors when they registered is anything decrypted."""
        if row.sealed is None:
            return False
        person = self._vault.open(check.renter_id, row.sealed)
        return old_enough(person.birth_date, check.asset_kind, local_day(self._clock.now()))
