"""Where scoring's objects meet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import grpc
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from freehold.identity.v1.identity_internal_service_pb2_grpc import IdentityInternalServiceStub
from freehold.scoring.v1 import (
    bureau_service_pb2,
    bureau_service_pb2_grpc,
    dispute_service_pb2,
    dispute_service_pb2_grpc,
    endorsement_service_pb2,
    endorsement_service_pb2_grpc,
    proof_service_pb2,
    proof_service_pb2_grpc,
    scorecard_service_pb2,
    scorecard_service_pb2_grpc,
    scoring_internal_service_pb2,
    scoring_internal_service_pb2_grpc,
    scoring_service_pb2,
    scoring_service_pb2_grpc,
)
from services.runtime.authenticators import RemoteCredentials
from services.runtime.batching import Batcher
from services.runtime.channels import open_channel
from services.runtime.clock import SystemClock, clock_of
from services.runtime.database import Database
from services.runtime.key_ring import FileKeyRing
from services.runtime.migrations import verify
from services.runtime.outbox import Relay
from services.runtime.personal_data import DataHolder
from services.runtime.queries import load_queries
from services.runtime.server import InternalService, PublicService, Server
from services.runtime.service import CannotStart, run
from services.runtime.settings import ServiceSettings
from services.runtime.sweeper import Sweeper
from services.runtime.telemetry import Tracer
from services.runtime.vault import TextVault
from services.scoring.bureaus import HttpBureaus
from services.scoring.calibrations import read_panel
from services.scoring.clients import DepositsEvents, IdentityClient, PeopleEvents
from services.scoring.domain import Admittance, Model, ModelError
from services.scoring.models import DEFAULT_SCORECARD, read_models
from services.scoring.operations import (
    Bureaus,
    Disputes,
    Endorsements,
    Facts,
    Proofs,
    Question,
    Recomputing,
    Scorecards,
    Scoring,
    Uses,
)
from services.scoring.servicer import (
    ACCESS,
    BUREAU_ACCESS,
    DISPUTE_ACCESS,
    ENDORSEMENT_ACCESS,
    PROOF_ACCESS,
    SCORECARD_ACCESS,
    BureauServicer,
    DisputeServicer,
    EndorsementServicer,
    InternalServicer,
    ProofServicer,
    PublicServicer,
    ScorecardServicer,
)
from services.scoring.signing import Signer
from services.scoring.store import Store, shown
from services.scoring.sweeper import sweepers
from services.values.errors import Refusal

SERVICE = "scoring"
CALLS = frozenset({"identity"})
PUBLISHES_TO = frozenset({"identity", "deposits"})
INTERNAL_CALLERS = {
    "Admit": frozenset({"deposits"}),
    "Deliver": frozenset({"identity", "deposits", "rental"}),
}
"""Which services may call what."""
RECOMPUTED_PER_SECOND = 2_000
FOLLOW_SECONDS, FLUSH_SECONDS = 0.5, 2.0
ASK_SECONDS, ASKED_AT_ONCE = 5.0, 20


class Settings(ServiceSettings):
    """Scoring's settings, from FREEHOLD_SCORING_…

    `keys_dir` holds what seals the words of registers and people, and what signs proofs; `scorecards_dir` more
    scorecards than our own; a recomputation of everybody goes no faster than `recomputed_per_second` (0: no limit).
    """

    model_config = SettingsConfigDict(env_prefix="FREEHOLD_SCORING_", frozen=True, extra="ignore")

    identity_address: str
    deposits_address: str
    bureau_url: str
    bureau_secret: SecretStr
    keys_dir: Path
    scorecard: str = DEFAULT_SCORECARD
    scorecards_dir: Path | None = None
    recomputed_per_second: int = Field(default=RECOMPUTED_PER_SECOND, ge=0)


def scorecards_of(settings: Settings) -> Mapping[str, Model]:
    """All that can be served. Raises CannotStart, naming every fault of a file, or a champion that is not there."""
    try:
        known = read_models(settings.scorecards_dir)
    except ModelError as error:
        raise CannotStart(str(error)) from None
    if settings.scorecard not in known:
        raise CannotStart(f"there is no scorecard {settings.scorecard}; there are {', '.join(sorted(known))}")
    return known


@asynccontextmanager
async def build(settings: Settings, tracer: Tracer) -> AsyncIterator[Server]:
    """A scoring server that is ready to start; what it opened is closed at the end."""
    known, dsn = scorecards_of(settings), settings.dsn.get_secret_value()
    await verify(dsn, "services.scoring")
    db = await Database.connect(dsn, pool_size=settings.pool_size)
    channels = {
        peer: open_channel(address, peer, settings.tls_dir, SERVICE)
        for peer, address in (("identity", settings.identity_address), ("deposits", settings.deposits_address))
    }
    session = aiohttp.ClientSession()
    house = House(settings, known, db, channels, session)
    background: list[asyncio.Task[None]] = []
    try:
        await house.begin()
        background += [asyncio.create_task(work, name=name) for name, work in house.background()]
        yield house.server(settings, tracer)
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await house.close()
        await asyncio.gather(*(channel.close() for channel in channels.values()))
        await session.close()
        await db.close()


class House:
    """Scoring's objects, wired."""

    def __init__(
        self,
        settings: Settings,
        known: Mapping[str, Model],
        db: Database,
        channels: Mapping[str, grpc.aio.Channel],
        session: aiohttp.ClientSession,
    ) -> None:
        clock = clock_of(settings.clock_scale, settings.clock_epoch_real, settings.clock_epoch_virtual)
        vault = TextVault(FileKeyRing(settings.keys_dir))
        self.identity = IdentityClient(channels["identity"])
        self.credentials = RemoteCredentials(IdentityInternalServiceStub(channels["identity"]))
        self.holder = DataHolder(db, load_queries("services.scoring"), channels["identity"], shown(vault))
        to_deposits = Relay(db, "deposits", DepositsEvents(channels["deposits"]).deliver)
        to_people = Relay(db, "people", PeopleEvents(channels["identity"]).deliver)
        self.relays = [self.holder.relay, to_deposits, to_people]
        store = Store(db, vault, SystemClock().now, self._wake)
        self.cards = cards = Scorecards(store, known, settings.scorecard, clock)
        self.scoring, self.uses = Scoring(store, self.identity, cards, clock), Uses(store)
        disputes, endorsements = Disputes(store, cards, clock), Endorsements(store, self.identity, cards, clock)
        port = HttpBureaus(session, settings.bureau_url, settings.bureau_secret.get_secret_value())
        bureaus = Bureaus(store, port, self.identity, read_panel(), cards, clock)
        walking = Recomputing(store, cards, clock, settings.recomputed_per_second)
        self.sweepers = [
            *sweepers(self.scoring, disputes, endorsements, store.rewrap),
            Sweeper("bureaus", lambda: bureaus.refresh(ASKED_AT_ONCE), ASK_SECONDS),
            Sweeper("recomputation", walking.step, FOLLOW_SECONDS),
            Sweeper("appointments", cards.follow, FOLLOW_SECONDS),
            Sweeper("comparisons", cards.flush, FLUSH_SECONDS),
        ]
        self.facts = Facts(store, self.identity, cards, clock)
        self.public = PublicServicer(self.scoring, self.facts, self.uses, cards, clock)
        proofs = Proofs(store, self.scoring, self.identity, SystemClock())
        self.proofs = ProofServicer(proofs, Signer(settings.keys_dir))
        self.bureaus = BureauServicer(bureaus, clock)
        self.disputes, self.endorsements = DisputeServicer(disputes, clock), EndorsementServicer(endorsements)

    async def begin(self) -> None:
        """Takes up which scorecards are at work. Raises CannotStart."""
        try:
            await self.cards.begin()
        except ModelError as error:
            raise CannotStart(str(error)) from None

    async def close(self) -> None:
        """Keeps what was counted, and hangs up."""
        with suppress(Refusal):
            await self.cards.flush()
        await self.identity.close()

    def _wake(self) -> None:
        for relay in self.relays:
            relay.wake()

    def background(self) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        """What runs beside the servers, by name."""
        yield "credential watch", self.credentials.watch()
        for sweeper in self.sweepers:
            yield f"{sweeper.name} sweeper", sweeper.run()
        for relay in self.relays:
            yield "relay", relay.run()

    def server(self, settings: Settings, tracer: Tracer) -> Server:
        """The two doors."""
        public = [
            PublicService(
                scoring_service_pb2.DESCRIPTOR.services_by_name["ScoringService"],
                scoring_service_pb2_grpc.add_ScoringServiceServicer_to_server,
                self.public,
                ACCESS,
            ),
            PublicService(
                dispute_service_pb2.DESCRIPTOR.services_by_name["DisputeService"],
                dispute_service_pb2_grpc.add_DisputeServiceServicer_to_server,
                self.disputes,
                DISPUTE_ACCESS,
            ),
            PublicService(
                endorsement_service_pb2.DESCRIPTOR.services_by_name["EndorsementService"],
                endorsement_service_pb2_grpc.add_EndorsementServiceServicer_to_server,
                self.endorsements,
                ENDORSEMENT_ACCESS,
            ),
            PublicService(
                bureau_service_pb2.DESCRIPTOR.services_by_name["BureauService"],
                bureau_service_pb2_grpc.add_BureauServiceServicer_to_server,
                self.bureaus,
                BUREAU_ACCESS,
            ),
            PublicService(
                scorecard_service_pb2.DESCRIPTOR.services_by_name["ScorecardService"],
                scorecard_service_pb2_grpc.add_ScorecardServiceServicer_to_server,
                ScorecardServicer(self.cards),
                SCORECARD_ACCESS,
            ),
            PublicService(
                proof_service_pb2.DESCRIPTOR.services_by_name["ProofService"],
                proof_service_pb2_grpc.add_ProofServiceServicer_to_server,
                self.proofs,
                PROOF_ACCESS,
            ),
        ]
        internal = InternalService(
            scoring_internal_service_pb2.DESCRIPTOR.services_by_name["ScoringInternalService"],
            scoring_internal_service_pb2_grpc.add_ScoringInternalServiceServicer_to_server,
            InternalServicer(self.scoring, self.facts, self.uses, _admissions(self.scoring)),
            INTERNAL_CALLERS,
        )
        doors = [internal, self.holder.service]
        return Server(SERVICE, settings, self.credentials.authenticate, public, doors, tracer)


def _admissions(scoring: Scoring) -> Batcher[tuple[str, Question], Admittance]:
    async def admit(items: list[tuple[str, Question]]) -> list[Admittance | Refusal]:
        return await scoring.admit([question for _, question in items])

    return Batcher("admit", admit, key=lambda item: item[0])


def main() -> int:
    """`freehold serve scoring`."""
    return run(SERVICE, Settings, build)
