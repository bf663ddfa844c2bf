"""Identity's use cases over their stores, keys and neighbours, and what time makes happen in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from services.identity.app.settings import Settings
from services.identity.clients import HttpCarrier, HttpRegistry
from services.identity.keys import Keys, sign_statement, sign_token
from services.identity.operations import (
    Access,
    Accounts,
    Checks,
    Consents,
    Logins,
    Notices,
    Partners,
    Privacy,
    Renters,
    Rewrapping,
    Staff,
)
from services.identity.operations.ports import Enrolment, FoundRenter, SignReceipt, SignToken
from services.identity.passwords import Passwords
from services.identity.store import (
    AccessStore,
    AccountStore,
    CodeStore,
    ConsentStore,
    News,
    NoticeStore,
    PartnerStore,
    PrivacyStore,
    RenterStore,
    SessionStore,
    StaffStore,
    WrapStore,
)
from services.identity.vault import Vault
from services.runtime.batching import Batcher
from services.runtime.clock import SystemClock, clock_of
from services.runtime.database import Database
from services.runtime.key_ring import FileKeyRing
from services.runtime.sweeper import Sweeper
from services.runtime.tasks import Tasks
from services.values.errors import Refusal

VERIFY_EVERY_SECONDS, REWRAP_EVERY_SECONDS, PRIVACY_EVERY_SECONDS, FORGET_EVERY_SECONDS = 2.0, 5.0, 5.0, 60.0
RECEIPT_AUDIENCE = "erasure-receipt"
TOKEN_LIFE = timedelta(hours=1)


class Rooms:
    """The use cases, joined. `published` is called after a commit that wrote events."""

    def __init__(
        self,
        settings: Settings,
        keys: Keys,
        db: Database,
        registry: HttpRegistry,
        carrier: HttpCarrier,
        published: Callable[[], None],
    ) -> None:
        clock = clock_of(settings.clock_scale, settings.clock_epoch_real, settings.clock_epoch_virtual)
        real, vault, self.tasks = SystemClock(), Vault(keys, FileKeyRing(settings.keys_dir)), Tasks()
        news = News(real.now, published)
        people, accesses, spawn = Together(db, news), AccessStore(db), self.tasks.spawn
        self.renters = Renters(people, accesses, vault, registry, spawn, lambda: verification.wake(), clock, real)
        verification = Sweeper("verification", self.renters.verify_due, VERIFY_EVERY_SECONDS)
        codes, sessions, sign = CodeStore(db, news), SessionStore(db), _signer(keys)
        self.access = Access(people, codes, sessions, accesses, vault, carrier, sign, spawn, clock, real)
        self.partners = Partners(PartnerStore(db), vault, clock, real)
        self.accounts = Accounts(
            people, AccountStore(db, news), accesses, vault, registry, verification.wake, clock, real
        )
        self.consents = Consents(ConsentStore(db, news), clock)
        self.checks = Checks(people, accesses, vault, clock)
        self.privacy = Privacy(PrivacyStore(db, news), accesses, vault, _receipts(keys), clock, real)
        self.notices = Notices(people, NoticeStore(db), accesses, vault, carrier, clock)
        members, self.passwords = StaffStore(db, real.now), Passwords()
        self.staff = Staff(members, vault, self.passwords, clock, real)
        self.logins = Logins(members, vault, self.passwords, clock, real)
        self.sweepers = [
            verification,
            Sweeper("rewrapping", Rewrapping(WrapStore(db), vault).run, REWRAP_EVERY_SECONDS),
            Sweeper("privacy", self.privacy.sweep, PRIVACY_EVERY_SECONDS),
            Sweeper("staff", self.logins.forget, FORGET_EVERY_SECONDS),
        ]


class Together(RenterStore):
    """Registrations and reads that come together go together; two with one document go one after the other."""

    def __init__(self, db: Database, news: News) -> None:
        super().__init__(db, news)
        self._registering: Batcher[Enrolment, str] = Batcher(
            "register_renters", super().register, key=lambda one: one.renter.document_index
        )
        self._finding: Batcher[tuple[str, str], FoundRenter] = Batcher(
            "find_renters", super().find_renters, key=lambda _: object()
        )

    async def register(self, enrolments: Sequence[Enrolment]) -> list[str | Refusal]:
        return await self._registering.submit_many(enrolments)

    async def find_renters(self, people: Sequence[tuple[str, str]]) -> list[FoundRenter | Refusal]:
        return await self._finding.submit_many(people)


def _signer(keys: Keys) -> SignToken:
    def sign(renter_id: str, partner_id: str, now: datetime) -> tuple[str, datetime]:
        return sign_token(keys, "renter", renter_id, now, TOKEN_LIFE, partner_id=partner_id)

    return sign


def _receipts(keys: Keys) -> SignReceipt:
    return lambda statement: sign_statement(keys, RECEIPT_AUDIENCE, statement)
