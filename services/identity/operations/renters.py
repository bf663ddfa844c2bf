"""People: registration, verification by the registry, and links to partners."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
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
    Enrolment,
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
from services.values.errors import Refusal
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
        wake: Callable[[], None],
        clock: Clock,
        real: Clock,
    ) -> None:
        self._store = store
        self._accesses = accesses
        self._vault = vault
        self._registry = registry
        self._spawn = spawn
        self._wake = wake
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
        enrolment, person = self._enrolment(partner_id, registration, self._real.now() + LEASE)
        (outcome,) = await self._store.register([enrolment])
        if isinstance(outcome, Refusal):
            raise outcome
        if outcome == enrolment.renter.renter_id:
            verification = self._spawn(self._verify(outcome, 1, person), "verification")
            await asyncio.wait([verification], timeout=max(0.0, min(ANSWER_SECONDS, patience)))
        return self._shown(await self._find(outcome, partner_id))

    async def register_all(self, partner_id: str, registrations: Sequence[Registration]) -> list[Renter | Refusal]:
        """One outcome per person, in order, as `register` has them; the registry is asked afterwards."""
        at_once = self._real.now()
        asked: list[Enrolment | Refusal] = [self._asked(partner_id, one, at_once) for one in registrations]
        made = await self._enrol([one for one in asked if isinstance(one, Enrolment)])
        self._wake()
        ids = [one if isinstance(one, Refusal) else made[one.renter.renter_id] for one in asked]
        return await self._shown_all(ids, partner_id)

    async def _enrol(self, enrolments: Sequence[Enrolment]) -> dict[str, str | Refusal]:
        """What became of each, by the id that it would have; a document that comes twice is the first one's."""
        first: dict[bytes, Enrolment] = {}
        for one in enrolments:
            first.setdefault(one.renter.document_index, one)
        outcomes = await self._store.register(list(first.values()))
        made = {one.renter.renter_id: outcome for one, outcome in zip(first.values(), outcomes, strict=True)}
        for one in enrolments:
            if one.renter.renter_id not in made:
                (made[one.renter.renter_id],) = await self._store.register([one])
        return made

    async def _shown_all(self, ids: Sequence[str | Refusal], partner_id: str) -> list[Renter | Refusal]:
        present = [one for one in ids if isinstance(one, str)]
        found = dict(zip(present, await self._store.find_renters([(i, partner_id) for i in present]), strict=True))
        outcomes = [one if isinstance(one, Refusal) else found[one] for one in ids]
        return [one if isinstance(one, Refusal) else self._shown(one) for one in outcomes]

    def _asked(self, partner_id: str, registration: Registration, verify_after: datetime) -> Enrolment | Refusal:
        try:
            return self._enrolment(partner_id, registration, verify_after)[0]
        except Refusal as refusal:
            return refusal

    def _enrolment(
        self, partner_id: str, registration: Registration, verify_after: datetime
    ) -> tuple[Enrolment, Person]:
        now = self._clock.now()
        person = _person(registration, now)
        content = fingerprint(self._vault.fingerprint(person))
        renter_id = new_renter_id("rnt")
        renter = NewRenter(
            renter_id,
            partner_id,
            self._vault.document_index(person.document_type, person.document_key),
            is_adult(person.birth_date, local_day(now)),
            self._vault.seal(renter_id, person),
            now,
            verify_after,
        )
        return Enrolment(Request(0, partner_id, "RegisterRenter", registration.request_id, content), renter), person

    async def get(self, caller: Caller, renter_id: str) -> Renter:
        """A person's state, for themselves, linked partners and operators. Raises RENTER_NOT_FOUND."""
        (found,) = await self.get_all(caller, [renter_id])
        if isinstance(found, Refusal):
            raise found
        return found

    async def get_all(self, caller: Caller, renter_ids: Sequence[str]) -> list[Renter | Refusal]:
        """One outcome per person, in order, as `get` has them."""
        found = await self._store.find_renters([(renter_id, caller.partner_id or "") for renter_id in renter_ids])
        seen = (one if isinstance(one, Refusal) or may_see(caller, one) else renter_not_found() for one in found)
        return [one if isinstance(one, Refusal) else self._shown(one) for one in seen]

    async def _find(self, renter_id: str, partner_id: str) -> FoundRenter:
        (found,) = await self._store.find_renters([(renter_id, partner_id)])
        if isinstance(found, Refusal):
            raise found
        return found

    def _shown(self, found: FoundRenter) -> Renter:
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
        Role.STAFF: found.linked,
    }.get(caller.role, False)


def _person(registration: Registration, now: datetime) -> Person:
    document = parse_document(registration.document_type, registration.document_number, local_day(now))
    name, phone = tidy_text("full_name", registration.full_name), parse_phone(registration.phone)
    return Person(
        document.document_type, document.number, name, phone, document.birth_date, document.key, document.expires_on
    )
