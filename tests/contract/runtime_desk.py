"""A small server on the runtime's own doors, with real sockets and certificates; handlers do what a test says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2
from pydantic import SecretStr

from freehold.scoring.v1 import scoring_internal_service_pb2 as internal
from freehold.scoring.v1 import scoring_internal_service_pb2_grpc as internal_rpc
from freehold.scoring.v1 import scoring_service_pb2 as public
from freehold.scoring.v1 import scoring_service_pb2_grpc as public_rpc
from services.runtime import tls
from services.runtime.channels import open_channel
from services.runtime.frames import Push, serve_frames
from services.runtime.rates import Limit
from services.runtime.server import InternalService, PublicService, Server
from services.runtime.settings import ServiceSettings
from services.runtime.telemetry import Tracer
from services.values.access import Reach, Rule
from services.values.callers import Caller, Role
from services.values.errors import Category, Refusal

_OPERATORS = {"RecordFacts", "CorrectFact", "RetractFact"}
_RPCS = [rpc.name for rpc in public.DESCRIPTOR.services_by_name["ScoringService"].methods]
ACCESS = {name: Rule(operator=Reach.ANY) if name in _OPERATORS else Rule(renter=Reach.OWN) for name in _RPCS}
PEOPLE = {
    "renter": Caller(Role.RENTER, "rnt_1", "ptn_1"),
    "operator": Caller(Role.OPERATOR, "ann", None),
    "partner": Caller(Role.PARTNER, "ptn_1", "ptn_1"),
}


async def authenticate(bearer: str) -> Caller:
    """Who shows "renter" is the renter."""
    if bearer not in PEOPLE:
        raise Refusal(Category.UNAUTHENTICATED, "CREDENTIALS_INVALID", "unknown credential")
    return PEOPLE[bearer]


Unary = Callable[[Any], Awaitable[Any]]


async def _score(_request: Any) -> Any:
    return public.GetMyScoreResponse(model_version="test")


async def _statuses(_request: Any) -> Any:
    return public.RecordFactsResponse()


async def _delivered(_request: Any) -> Any:
    return internal.DeliverResponse()


async def _admit(items: Any, _push: Push) -> list[Any]:
    return [internal.AdmitResult(item_id=item.item_id, score=item.threshold) for item in items]


@dataclass
class Handlers(public_rpc.ScoringServiceServicer, internal_rpc.ScoringInternalServiceServicer):
    """What each RPC does."""

    get_my_score: Unary = _score
    record_facts: Unary = _statuses
    deliver: Unary = _delivered
    admit: Callable[[Any, Push], Awaitable[list[Any]]] = _admit
    frames: list[int] = field(default_factory=list)

    async def GetMyScore(self, request: Any, context: Any) -> Any:
        return await self.get_my_score(request)

    async def RecordFacts(self, request: Any, context: Any) -> Any:
        return await self.record_facts(request)

    async def Deliver(self, request: Any, context: Any) -> Any:
        return await self.deliver(request)

    async def Admit(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        async def handle(items: Any, push: Push) -> list[Any]:
            self.frames.append(len(items))
            return await self.admit(items, push)

        async for response in serve_frames(requests, handle, lambda results: internal.AdmitResponse(results=results)):
            yield response


@dataclass
class Desk:
    """The running server, and ways to call it."""

    server: Server
    handlers: Handlers
    tls_dir: Path
    channel: grpc.aio.Channel

    @property
    def internal_address(self) -> str:
        return f"127.0.0.1:{self.server.ports.internal}"

    def peer(self, service: str) -> grpc.aio.Channel:
        """A channel to the internal door, as that service."""
        return open_channel(self.internal_address, "scoring", self.tls_dir, service)

    async def call(self, method: str, request: Any, bearer: str | None = "renter", **options: Any) -> Any:
        """One public call."""
        metadata = () if bearer is None else (("authorization", f"Bearer {bearer}"),)
        stub = public_rpc.ScoringServiceStub(self.channel)
        return await getattr(stub, method)(request, **({"timeout": 5.0, "metadata": metadata} | options))

    async def score(self, bearer: str | None = "renter", **options: Any) -> Any:
        """GetMyScore."""
        return await self.call("GetMyScore", public.GetMyScoreRequest(), bearer, **options)


def settings(folder: Path, **changed: Any) -> ServiceSettings:
    """Settings on free ports."""
    ports = {f"{door}_port": 0 for door in ("public", "internal", "health", "metrics")}
    return ServiceSettings(dsn=SecretStr("unused"), tls_dir=folder, drain_seconds=1, **(ports | changed))


def server_of(
    handlers: Handlers,
    folder: Path,
    access: dict[str, Any] | None = None,
    limits: dict[str, Limit] | None = None,
    **changed: Any,
) -> Server:
    """A server that is not started yet; deposits may call its internal service."""
    descriptor = public.DESCRIPTOR.services_by_name["ScoringService"]
    other = internal.DESCRIPTOR.services_by_name["ScoringInternalService"]
    add_public = public_rpc.add_ScoringServiceServicer_to_server
    add_internal = internal_rpc.add_ScoringInternalServiceServicer_to_server
    return Server(
        "scoring",
        settings(folder, **changed),
        authenticate,
        [PublicService(descriptor, add_public, handlers, ACCESS if access is None else access, limits or {})],
        [
            InternalService(
                other, add_internal, handlers, {"Admit": frozenset({"deposits"}), "Deliver": frozenset({"deposits"})}
            )
        ],
        Tracer(1.0),
    )


@asynccontextmanager
async def a_desk(
    folder: Path, access: dict[str, Any] | None = None, limits: dict[str, Limit] | None = None, **changed: Any
) -> AsyncIterator[Desk]:
    """A server that runs until the block ends."""
    if not (folder / "ca.pem").exists():
        tls.create_certificates(folder, ["identity", "scoring", "deposits", "rental"])
    handlers = Handlers()
    server = server_of(handlers, folder, access, limits, **changed)
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.ports.public}") as channel:
        try:
            yield Desk(server, handlers, folder, channel)
        finally:
            await server.drain()


def told(error: grpc.aio.AioRpcError) -> tuple[str, str, dict[str, str], list[str]]:
    """Code, reason, metadata and fields of a failed call."""
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    status = status_pb2.Status.FromString(dict(error.trailing_metadata() or ())["grpc-status-details-bin"])
    for detail in status.details:
        detail.Unpack(info) or detail.Unpack(bad)
    assert info.domain == "freehold"
    return error.code().name, info.reason, dict(info.metadata), [v.field for v in bad.field_violations]
