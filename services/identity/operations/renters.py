"""People: registration, verification by the registry, and links to partners."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.identity.domain import (
    Person,
    Renter,
    age_on,
    local_day,
    parse_phone,
    parse_resident_id_card,
    state_after,
    tidy_name,
)
from services.identity.domain.people import ADULT_AGE
from services.identity.operations.ports import NewRenter, Registry, Spawn, Store, Vault, renter_not_found
from services.values.callers import Caller, Role
from services.values.clock import Clock
from services.values.ids import bucket_of, new_renter_id
from services.values.requests import Request, fingerprint

ANSWER_SECONDS = 2.0
"""How long RegisterRenter waits for the registry before it answers PENDING."""
LEASE = timedelta(seconds=10)
_BATCH = 64


@dataclass(frozen=True, slots=True)
class Registration:
    """A person as an app describes them; `repr` shows nothing."""

    request_id: str
    document_type: str
    document_number: str
    full_name: str
    phone: str

    def __repr__(self) -> str:
        return "Registration(…)"


class Renters:
    """Registers people and verifies them."""

    def __init__(self, store: Store, vault: Vault, registry: Registry, spawn: Spawn, clock: Clock, real: Clock) -> None:
        self._store = store
        self._vault = vault
        self._registry = registry
        self._spawn = spawn
        self._clock = clock
        self._real = real

    async def register(self, partner_id: str, registration: Registration) -> Renter:
        """A new person, linked to the partner; VERIFIED if the registry answers within two seconds.

        Raises:
            Refusal: DOCUMENT_NUMBER_INVALID, PHONE_INVALID, INVALID_FIELD, DOCUMENT_ALREADY_REGISTERED,
                REQUEST_ID_REUSED.
        """
        now = self._clock.now()
        person = _person(registration, now)
        mark = self._vault.fingerprint(person)
        request = Request(0, partner_id, "RegisterRenter", registration.request_id, fingerprint(mark))
        renter_id = new_renter_id("rnt")
        adult = age_on(person.birth_date, local_day(now)) >= ADULT_AGE
        index = self._vault.document_index(person.document_type, person.document_number)
        fresh = NewRenter(renter_id, partner_id, index, adult, self._vault.seal(renter_id, person))
        registered = await self._store.register(request, fresh, now, self._real.now() + LEASE)
        if registered == renter_id:
            verification = self._spawn(self._verify(renter_id, person), "verification")
            await asyncio.wait([verification], timeout=ANSWER_SECONDS)
        return await self._read(registered)

    async def get(self, caller: Caller, renter_id: str) -> Renter:
        """A person's state, for themselves, linked partners and operators. Raises RENTER_NOT_FOUND."""
        found = await self._store.find_renter(renter_id, caller.partner_id or "")
        allowed = {
            Role.OPERATOR: True,
            Role.RENTER: caller.id == renter_id,
            Role.PARTNER: found is not None and found.linked,
        }
        if found is None or not allowed.get(caller.role, False):
            raise renter_not_found()
        return found.renter

    async def link(self, renter_id: str, request_id: str, partner_id: str) -> datetime:
        """Lets a further partner rent to the caller. Raises PARTNER_NOT_FOUND, REQUEST_ID_REUSED."""
        request = Request(bucket_of(renter_id), renter_id, "LinkPartner", request_id, fingerprint(partner_id))
        return await self._store.link(request, renter_id, partner_id, self._clock.now())

    async def verify_due(self) -> int:
        """Asks the registry about everybody whose verification is due; answers how many."""
        now = self._real.now()
        due = await self._store.lease_unverified(now, now + LEASE, _BATCH)
        await asyncio.gather(*(self._verify(d.renter_id, self._vault.open(d.renter_id, d.sealed)) for d in due))
        return len(due)

    async def _verify(self, renter_id: str, person: Person) -> None:
        verdict = await self._registry.verify(renter_id, person)
        if verdict is not None:
            await self._store.finish_verification(renter_id, state_after(verdict), self._clock.now())

    async def _read(self, renter_id: str) -> Renter:
        found = await self._store.find_renter(renter_id)
        if found is None:
            raise renter_not_found()
        return found.renter


def _person(registration: Registration, now: datetime) -> Person:
    card = parse_resident_id_card(registration.document_number, local_day(now))
    name, phone = tidy_name(registration.full_name), parse_phone(registration.phone)
    return Person(registration.document_type, card.number, name, phone, card.birth_date)
