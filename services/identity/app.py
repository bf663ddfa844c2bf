"""Where identity's objects meet."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp
from joserfc.jwk import KeySet
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from freehold.identity.v1 import (
    identity_internal_service_pb2,
    identity_internal_service_pb2_grpc,
    identity_service_pb2,
    identity_service_pb2_grpc,
    privacy_internal_service_pb2,
    privacy_internal_service_pb2_grpc,
    privacy_service_pb2,
    privacy_service_pb2_grpc,
)
from services.identity.clients import Asks, HttpCarrier, HttpRegistry, ScoringEvents
from services.identity.domain import Standing
from services.identity.key_ring import FileKeyRing
from services.identity.keys import Keys, load_keys, sign_statement, sign_token, verification_keys
from services.identity.operations import Access, Accounts, Checks, Consents, Partners, Privacy, Renters, Rewrapping
from services.identity.operations.checks import Check
from services.identity.operations.ports import Enrolment, FoundRenter, SignReceipt, SignToken
from services.identity.servicer import (
    ACCESS,
    PRIVACY_ACCESS,
    InternalServicer,
    PrivacyInternalServicer,
    PrivacyServicer,
    PublicServicer,
)
from services.identity.store import (
    AccessStore,
    AccountStore,
    CodeStore,
    ConsentStore,
    News,
    PartnerStore,
    PrivacyStore,
    RenterStore,
    SessionStore,
    WrapStore,
)
from services.identity.vault import Vault
from services.runtime.authenticators import Credentials, KnownKey, invalid_credentials, known_key
from services.runtime.batching import Batcher
from services.runtime.channels import open_channel
from services.runtime.clock import SystemClock, clock_of
from services.runtime.database import Database
from services.runtime.migrations import verify
from services.runtime.outbox import Relay
from services.runtime.server import InternalService, PublicService, Server
from services.runtime.service import run
from services.runtime.settings import ServiceSettings
from services.runtime.sweeper import Sweeper
from services.runtime.tasks import Tasks
from services.runtime.telemetry import Tracer
from services.values.errors import Refusal

SERVICE = "identity"
CALLS: frozenset[str] = frozenset()
PUBLISHES_TO = frozenset({"scoring", "deposits", "rental"})
_OTHERS = frozenset({"scoring", "deposits", "rental"})
INTERNAL_CALLERS = dict.fromkeys(("Authenticate", "GetVerificationKeys", "WatchCredentials", "CheckRenters"), _OTHERS)
PRIVACY_CALLERS = {"DeliverAnswers": _OTHERS}
"""Which services may call what."""
VERIFY_EVERY_SECONDS, REWRAP_EVERY_SECONDS, PRIVACY_EVERY_SECONDS = 2.0, 5.0, 5.0
RECEIPT_AUDIENCE = "erasure-receipt"
TOKEN_LIFE = timedelta(hours=1)


class Settings(ServiceSettings):
    """Identity's settings, from FREEHOLD_IDENTITY_…"""

    model_config = SettingsConfigDict(env_prefix="FREEHOLD_IDENTITY_", frozen=True, extra="ignore")

    keys_dir: Path
    scoring_address: str
    deposits_address: str
    rental_address: str
    registry_url: str
    registry_secret: SecretStr
    carrier_url: str
    carrier_secret: SecretStr


@asynccontextmanager
async def build(settings: Settings, tracer: Tracer) -> AsyncIterator[Server]:
    """An identity server that is ready to start; what it opened is closed at the end."""
    dsn = settings.dsn.get_secret_value()
    keys = load_keys(settings.keys_dir)
    await verify(dsn, "services.identity")
    db = await Database.connect(dsn, pool_size=settings.pool_size)
    channels = {
        peer: open_channel(address, peer, settings.tls_dir, SERVICE)
        for peer, address in (
            ("scoring", settings.scoring_address),
            ("deposits", settings.deposits_address),
            ("rental", settings.rental_address),
        )
    }
    relays = [
        Relay(db, "scoring", ScoringEvents(channels["scoring"]).deliver),
        Relay(db, "deposits", Asks(channels["deposits"]).deliver),
        Relay(db, "rental", Asks(channels["rental"]).deliver),
    ]

    def wake() -> None:
        for relay in relays:
            relay.wake()

    clock = clock_of(settings.clock_scale, settings.clock_epoch_real, settings.clock_epoch_virtual)
    tasks = Tasks()
    async with aiohttp.ClientSession() as session:
        registry = HttpRegistry(session, settings.registry_url, settings.registry_secret.get_secret_value())
        carrier = HttpCarrier(session, settings.carrier_url, settings.carrier_secret.get_secret_value())
        real, vault = SystemClock(), Vault(keys, FileKeyRing(settings.keys_dir))
        news = News(real.now, wake)
        people, accesses = RenterStore(db, news), AccessStore(db)
        together = _Together(db, news)
        renters = Renters(together, accesses, vault, registry, tasks.spawn, lambda: sweeper.wake(), clock, real)
        codes, sessions, sign = CodeStore(db, news), SessionStore(db), _signer(keys)
        access = Access(people, codes, sessions, accesses, vault, carrier, sign, tasks.spawn, clock, real)
        partners = Partners(PartnerStore(db), vault, clock, real)
        sweeper = Sweeper("verification", renters.verify_due, VERIFY_EVERY_SECONDS)
        rewrapping = Sweeper("rewrapping", Rewrapping(WrapStore(db), vault).run, REWRAP_EVERY_SECONDS)
        accounts = Accounts(people, AccountStore(db, news), accesses, vault, registry, sweeper.wake, clock, real)
        consents = Consents(ConsentStore(db, news), clock)
        public = PublicServicer(partners, renters, accounts, access, consents, _jwks(keys))
        privacy = Privacy(PrivacyStore(db, news), accesses, vault, _receipts(keys), clock, real)
        jobs = Sweeper("privacy", privacy.sweep, PRIVACY_EVERY_SECONDS)
        background = [
            *(asyncio.create_task(relay.run(), name="relay") for relay in relays),
            asyncio.create_task(jobs.run(), name="privacy sweeper"),
            asyncio.create_task(sweeper.run(), name="verification sweeper"),
            asyncio.create_task(rewrapping.run(), name="rewrapping sweeper"),
        ]
        try:
            yield _server(settings, tracer, keys, partners, Checks(people, accesses, vault, clock), public, privacy)
        finally:
            await tasks.drain(settings.drain_seconds)
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await asyncio.gather(*(channel.close() for channel in channels.values()))
            await db.close()


class _Together(RenterStore):
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


def _jwks(keys: Keys) -> str:
    return json.dumps(verification_keys(keys).as_dict(private=False))


def _server(
    settings: Settings,
    tracer: Tracer,
    keys: Keys,
    partners: Partners,
    checks: Checks,
    public: PublicServicer,
    privacy: Privacy,
) -> Server:
    verifying = verification_keys(keys)

    async def resolve(digests: list[bytes]) -> list[KnownKey | Refusal]:
        found = await partners.resolve(digests)
        return [
            known_key(key.api_key_id, key.partner_id, key.scopes, key.expires_at) if key else invalid_credentials()
            for key in found
        ]

    async def fetch_keys() -> KeySet:
        return verifying

    async def check(items: list[tuple[str, Check]]) -> list[Standing | Refusal]:
        return await checks.check([item for _, item in items])

    batcher: Batcher[tuple[str, Check], Standing] = Batcher("check_renters", check, key=lambda item: item[0])
    public_service = PublicService(
        identity_service_pb2.DESCRIPTOR.services_by_name["IdentityService"],
        identity_service_pb2_grpc.add_IdentityServiceServicer_to_server,
        public,
        ACCESS,
    )
    internal_service = InternalService(
        identity_internal_service_pb2.DESCRIPTOR.services_by_name["IdentityInternalService"],
        identity_internal_service_pb2_grpc.add_IdentityInternalServiceServicer_to_server,
        InternalServicer(partners, batcher, _jwks(keys)),
        INTERNAL_CALLERS,
    )
    publics, internals = [public_service, _privacy_public(privacy)], [internal_service, _privacy_internal(privacy)]
    credentials = Credentials(resolve, fetch_keys)
    return Server(SERVICE, settings, credentials.authenticate, publics, internals, tracer)


def _privacy_public(privacy: Privacy) -> PublicService:
    return PublicService(
        privacy_service_pb2.DESCRIPTOR.services_by_name["PrivacyService"],
        privacy_service_pb2_grpc.add_PrivacyServiceServicer_to_server,
        PrivacyServicer(privacy),
        PRIVACY_ACCESS,
    )


def _privacy_internal(privacy: Privacy) -> InternalService:
    return InternalService(
        privacy_internal_service_pb2.DESCRIPTOR.services_by_name["PrivacyInternalService"],
        privacy_internal_service_pb2_grpc.add_PrivacyInternalServiceServicer_to_server,
        PrivacyInternalServicer(privacy),
        PRIVACY_CALLERS,
    )


def main() -> int:
    """`freehold serve identity`."""
    return run(SERVICE, Settings, build)
