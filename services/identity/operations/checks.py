"""The hot question: may these people rent here, and do they consent to scoring? One read for n people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.identity.domain import Access, Standing, level_of, local_day, old_enough, renter_not_found
from services.identity.operations.ports import AccessStore, CheckedRow, RenterStore, Vault
from services.values.clock import Clock
from services.values.errors import Refusal
from services.values.ids import new_id


@dataclass(frozen=True, slots=True)
class Check:
    """One person at one partner ("" for any) about to rent one kind ("" for none)."""

    renter_id: str
    partner_id: str
    asset_kind: str


class Checks:
    """Reads standing, link and consent fresh with each batch."""

    def __init__(self, store: RenterStore, accesses: AccessStore, vault: Vault, clock: Clock) -> None:
        self._store = store
        self._accesses = accesses
        self._vault = vault
        self._clock = clock

    async def check(self, checks: list[Check]) -> list[Standing | Refusal]:
        """One standing per check; RENTER_NOT_FOUND for whom nobody knows."""
        now = self._clock.now()
        rows = await self._store.check([(check.renter_id, check.partner_id) for check in checks], now)
        pairs = list(zip(checks, rows, strict=True))
        minors = [check.renter_id for check, row in pairs if row and row.sealed and check.asset_kind]
        if minors:
            fields, why = ("birth_date",), "age check"
            await self._accesses.record([Access(new_id("acc"), who, "identity", fields, why, now) for who in minors])
        return [self._standing(check, row, now) for check, row in pairs]

    def _standing(self, check: Check, row: CheckedRow | None, now: datetime) -> Standing | Refusal:
        if row is None:
            return renter_not_found()
        return Standing(
            verified=row.verified,
            linked=row.linked,
            old_enough=row.adult or self._minor_may(check, row, now),
            scoring_consent=row.consenting,
            assurance_level=level_of(document=row.document_checked, face=row.face_checked),
        )

    def _minor_may(self, check: Check, row: CheckedRow, now: datetime) -> bool:
        """Only for those who were minors when they registered is anything decrypted, and that is on record."""
        if not check.asset_kind:
            return True
        if row.sealed is None:
            return False
        person = self._vault.open(check.renter_id, row.sealed)
        return old_enough(person.birth_date, check.asset_kind, local_day(now))
