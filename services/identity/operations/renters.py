"""People: registration, verification by the registry, and links to partners."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.identity.domain import (
    Access,
    DocumentType,
    Person,
    Renter,
    is_adult,
    local_day,
    parse_document,
    parse_phone,
    renter_not_found,
    tidy_text,
    verified_until,
)
from services.identity.operations.ports import (
    AccessStore,
    FoundRenter,
    NewRenter,
    Registry,
    RenterStore,
    Spawn,
    Unverified,
    Vault,
)
from services.values.callers import Caller, Role
from services.values.clock import Clock
from services.values.ids import bucket_of, new_id, new_renter_id
from services.values.requests import Request, fingerprint

ANSWER_SECONDS = 2.0
"""How long RegisterRenter waits for the registry before it answers PENDING."""
LEASE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(minutes=5)
"""How long one question may take; the pause doubles with each that was not answered, up to the longest."""
_BATCH = 64


@dataclass(frozen=True, slots=True)
class Registration:
    """A person as an app describes them; `repr` shows nothing."""

    request_id: str
    document_type: DocumentType
    document_number: str
    full_name: str
    phone: str

    def __repr__(self) -> str:
        return "Registration(…)"


class Renters:
    """Registers people and verifies them."""

    def __init__(
        self,
        store: RenterStore,
        accesses: AccessStore,
        vault: Vault,
        registry: Registry,
        spawn: Spawn,
        clock: Clock,
        real: Clock,
    ) -> None:
        self._store = store
        self._accesses = accesses
        self._vault = vault
        self._registry = registry
        self._spawn = spawn
        self._clock = clock
        self._real = real

    async def register(self, partner_id: str, registration: Registration, patience: float = ANSWER_SECONDS) -> Renter:
        """A new person, linked to the partner; VERIFIED if the registry answers within two seconds.

        Args:
            patience: seconds that the caller has; less than two shortens the wait.

        Raises:
            Refusal: DOCUMENT_NUMBER_INVALID, DOCUMENT_EXPIRED, PHONE_INVALID, INVALID_FIELD,
                DOCUMENT_ALREADY_REGISTERED, REQUEST_ID_REUSED.
        """
        now = self._clock.now()
        person = _person(registration, now)
        content = fingerprint(self._vault.fingerprint(person))
        request = Request(0, partner_id, "RegisterRenter", registration.request_id, content)
        fresh = self._sealed(partner_id, person, now)
        renter_id = await self._store.register(request, fresh)
        if renter_id == fresh.renter_id:
            verification = self._spawn(self._verify(renter_id, 1, person), "verification")
            await asyncio.wait([verification], timeout=max(0.0, min(ANSWER_SECONDS, patience)))
        found = await self._store.find_renter(renter_id)
        if found is None:
            raise renter_not_found()
        return found.account.as_renter(self._clock.now())

    def _sealed(self, partner_id: str, person: Person, now: datetime) -> NewRenter:
        renter_id = new_renter_id("rnt")
        return NewRenter(
            renter_id,
            partner_id,
            self._vault.document_index(person.document_type, person.document_key),
            is_adult(person.birth_date, local_day(now)),
            self._vault.seal(renter_id, person),
            now,
            self._real.now() + LEASE,
        )

    async def get(self, caller: Caller, renter_id: str) -> Renter:
        """A person's state, for themselves, linked partners and operators. Raises RENTER_NOT_FOUND."""
        found = await self._store.find_renter(renter_id, caller.partner_id or "")
        if found is None or not may_see(caller, found):
            raise renter_not_found()
        return found.account.as_renter(self._clock.now())

    async def link(self, renter_id: str, request_id: str, partner_id: str) -> datetime:
        """Lets a further partner rent to the caller. Raises PARTNER_NOT_FOUND, REQUEST_ID_REUSED."""
        request = Request(bucket_of(renter_id), renter_id, "LinkPartner", request_id, fingerprint(partner_id))
        return await self._store.link(request, renter_id, partner_id, self._clock.now())

    async def verify_due(self) -> int:
        """Asks the registry about everybody whose verification is due; answers how many.

        One whose verification fails holds nobody else up; the first failure is raised when all are through.
        """
        due = await self._store.lease_unverified(self._real.now(), LEASE, LONGEST_PAUSE, _BATCH)
        outcomes = await asyncio.gather(*(self._verify_again(person) for person in due), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return len(due)

    async def _verify_again(self, due: Unverified) -> None:
        await self._verify(due.renter_id, due.verify_round, self._vault.open(due.renter_id, due.sealed))

    async def _verify(self, renter_id: str, verify_round: int, person: Person) -> None:
        now = self._clock.now()
        seen = Access(new_id("acc"), renter_id, "registry", ("document_number", "full_name"), "verification", now)
        await self._accesses.record([seen])
        verdict = await self._registry.verify(f"{renter_id}.{verify_round}", person)
        if verdict is not None:
            now = self._clock.now()
            until = verified_until(person, now)
            await self._store.finish_verification(renter_id, verify_round, verdict, until, now)


def may_see(caller: Caller, found: FoundRenter) -> bool:
    """Whether a caller may know that this person exists: operators, the person, and linked partners."""
    return {
        Role.OPERATOR: True,
        Role.RENTER: caller.id == found.account.renter_id,
        Role.PARTNER: found.linked,
    }.get(caller.role, False)


def _person(registration: Registration, now: datetime) -> Person:
    document = parse_document(registration.document_type, registration.document_number, local_day(now))
    name, phone = tidy_text("full_name", registration.full_name), parse_phone(registration.phone)
    return Person(
        document.document_type, document.number, name, phone, document.birth_date, document.key, document.expires_on
    )
