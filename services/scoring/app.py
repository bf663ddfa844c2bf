"""Where scoring's objects meet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources

from pydantic_settings import SettingsConfigDict

from freehold.identity.v1.identity_internal_service_pb2_grpc import IdentityInternalServiceStub
from freehold.scoring.v1 import (
    scoring_internal_service_pb2,
    scoring_internal_service_pb2_grpc,
    scoring_service_pb2,
    scoring_service_pb2_grpc,
)
from services.runtime.authenticators import RemoteCredentials
from services.runtime.batching import Batcher
from services.runtime.channels import open_channel
from services.runtime.clock import clock_of
from services.runtime.database import Database
from services.runtime.migrations import verify
from services.runtime.personal_data import DataHolder
from services.runtime.queries import load_queries
from services.runtime.server import InternalService, PublicService, Server
from services.runtime.service import run
from services.runtime.settings import ServiceSettings
from services.runtime.telemetry import Tracer
from services.scoring.clients import IdentityClient
from services.scoring.domain import Admittance, Model, load_model
from services.scoring.operations import Question, Scoring
from services.scoring.servicer import ACCESS, InternalServicer, PublicServicer
from services.scoring.store import Store
from services.values.errors import Refusal

SERVICE = "scoring"
CALLS = frozenset({"identity"})
PUBLISHES_TO = frozenset({"identity"})
INTERNAL_CALLERS = {
    "Admit": frozenset({"deposits"}),
    "Deliver": frozenset({"identity", "deposits", "rental"}),
}
"""Which services may call what."""


class Settings(ServiceSettings):
    """Scoring's settings, from FREEHOLD_SCORING_…"""

    model_config = SettingsConfigDict(env_prefix="FREEHOLD_SCORING_", frozen=True, extra="ignore")

    identity_address: str
    scorecard: str = "bike-1"


def read_model(name: str) -> Model:
    """The scorecard of that name in `models/`; raises ModelError or FileNotFoundError."""
    return load_model((resources.files("services.scoring") / "models" / f"{name}.json").read_text(encoding="utf-8"))


@asynccontextmanager
async def build(settings: Settings, tracer: Tracer) -> AsyncIterator[Server]:
    """A scoring server that is ready to start; what it opened is closed at the end."""
    dsn = settings.dsn.get_secret_value()
    await verify(dsn, "services.scoring")
    db = await Database.connect(dsn, pool_size=settings.pool_size)
    channel = open_channel(settings.identity_address, "identity", settings.tls_dir, SERVICE)
    identity = IdentityClient(channel)
    credentials = RemoteCredentials(IdentityInternalServiceStub(channel))
    model = read_model(settings.scorecard)
    clock = clock_of(settings.clock_scale, settings.clock_epoch_real, settings.clock_epoch_virtual)
    scoring = Scoring(Store(db), identity, model, clock)
    holder = DataHolder(db, load_queries("services.scoring"), channel)
    background = [
        asyncio.create_task(credentials.watch(), name="credential watch"),
        asyncio.create_task(holder.relay.run(), name="relay to identity"),
    ]
    try:
        yield _server(settings, tracer, credentials, scoring, model, holder)
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await identity.close()
        await channel.close()
        await db.close()


def _server(
    settings: Settings,
    tracer: Tracer,
    credentials: RemoteCredentials,
    scoring: Scoring,
    model: Model,
    holder: DataHolder,
) -> Server:
    async def admit(items: list[tuple[str, Question]]) -> list[Admittance | Refusal]:
        return await scoring.admit([question for _, question in items])

    admissions: Batcher[tuple[str, Question], Admittance] = Batcher("admit", admit, key=lambda item: item[0])
    public = PublicService(
        scoring_service_pb2.DESCRIPTOR.services_by_name["ScoringService"],
        scoring_service_pb2_grpc.add_ScoringServiceServicer_to_server,
        PublicServicer(scoring, model.version),
        ACCESS,
    )
    internal = InternalService(
        scoring_internal_service_pb2.DESCRIPTOR.services_by_name["ScoringInternalService"],
        scoring_internal_service_pb2_grpc.add_ScoringInternalServiceServicer_to_server,
        InternalServicer(scoring, admissions),
        INTERNAL_CALLERS,
    )
    return Server(SERVICE, settings, credentials.authenticate, [public], [internal, holder.service], tracer)


def main() -> int:
    """`freehold serve scoring`."""
    return run(SERVICE, Settings, build)
