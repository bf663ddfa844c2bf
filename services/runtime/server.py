"""A service's doors: a public port for apps and people, an internal one with mutual TLS, and a plain one for health.

Health has a port of its own, so that overload never fails a probe. Its names are registered before anything is served:
"" and "readiness" follow the service, "liveness" says that the event loop turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import grpc
import structlog
from google.protobuf import message_factory
from google.protobuf.descriptor import ServiceDescriptor
from grpc_channelz.v1 import channelz
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from services.runtime import tls
from services.runtime.addresses import address_reader, parse_networks
from services.runtime.certificates import internal_pair, public_pair
from services.runtime.interceptors import Door, deadlines, internal_admit, public_admit
from services.runtime.interceptors.authentication import Authenticate
from services.runtime.lockout import Lockout
from services.runtime.rates import Limit, rates_of
from services.runtime.settings import ServiceSettings
from services.runtime.telemetry import Tracer
from services.values.access import Rule

Cell = TypeVar("Cell")

log = structlog.get_logger(__name__)

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
MESSAGE_BYTES = 4 * 2**20


@dataclass(frozen=True, slots=True)
class PublicService:
    """A proto service on the public port, with the rule of each of its RPCs, and the limits of some (by short name)."""

    descriptor: ServiceDescriptor
    add: Any
    servicer: Any
    access: Mapping[str, Rule]
    limits: Mapping[str, Limit] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InternalService:
    """A proto service on the internal port, with the services that may call each of its RPCs (by short name)."""

    descriptor: ServiceDescriptor
    add: Any
    servicer: Any
    callers: Mapping[str, frozenset[str]]


@dataclass
class Ports:
    """Where the doors are, once open."""

    public: int = 0
    internal: int = 0
    health: int = 0


@dataclass
class Server:
    """One service's servers.

    Raises (from `start`):
        ValueError: an RPC of a public service has no entry in its access, or one of an internal service in its callers;
            or there is a limit for what is no RPC.
        CertificateError: a certificate is missing or can't be used.
        RuntimeError: a port is taken.
    """

    service: str
    settings: ServiceSettings
    authenticate: Authenticate
    public: Sequence[PublicService]
    internal: Sequence[InternalService]
    tracer: Tracer = field(default_factory=Tracer)
    ports: Ports = field(default_factory=Ports)

    async def start(self) -> None:
        """Opens health (NOT_SERVING), then the two doors, then says SERVING."""
        self._health = health.aio.HealthServicer()
        await self._say(NOT_SERVING)
        await self._health.set("liveness", SERVING)
        self._servers = [self._health_server(), self._public_server(), self._internal_server()]
        for server in self._servers:
            await server.start()
        await self._say(SERVING)

    async def _say(self, status: Any) -> None:
        for name in ("", "readiness", *_names(self.public), *_names(self.internal)):
            await self._health.set(name, status)

    async def ready(self, is_ready: bool) -> None:
        """Follows the service's own database; never another service."""
        await self._say(SERVING if is_ready else NOT_SERVING)

    async def drain(self) -> None:
        """NOT_SERVING, a pause for load balancers to notice, then no new calls and time for those under way."""
        await self._say(NOT_SERVING)
        await asyncio.sleep(self.settings.pre_stop_seconds)
        health_server, *doors = self._servers
        await asyncio.gather(*(door.stop(self.settings.drain_seconds) for door in doors))
        await health_server.stop(0)

    def _health_server(self) -> Any:
        server = grpc.aio.server()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        channelz.add_channelz_servicer(server)
        self.ports.health = _bind(server, f"{self.settings.host}:{self.settings.health_port}", None)
        return server

    def _public_server(self) -> Any:
        access = {path: rule for service in self.public for path, rule in _listed(service, service.access).items()}
        limits = {path: limit for service in self.public for path, limit in _limited(service).items()}
        settings, rates = self.settings, rates_of(self.settings, limits)
        address_of = address_reader(parse_networks(settings.trusted_proxies))
        lockout = Lockout(settings.authentication_failures)
        admit = public_admit(self.authenticate, access, lockout, rates, address_of)
        door = Door(admit, deadlines.public_deadline, _messages(self.public), self.tracer, rates.count_request)
        server = grpc.aio.server(interceptors=[door], options=self._options())
        for service in self.public:
            service.add(service.servicer, server)
        reflection.enable_server_reflection([*_names(self.public), reflection.SERVICE_NAME], server)
        folder = settings.public_tls_dir
        credentials = None if folder is None else tls.server_credentials(public_pair(folder))
        self.ports.public = _bind(server, f"{settings.host}:{settings.public_port}", credentials)
        return server

    def _internal_server(self) -> Any:
        listed = {path: who for service in self.internal for path, who in _listed(service, service.callers).items()}
        door = Door(internal_admit(listed), deadlines.internal_deadline, _messages(self.internal), self.tracer)
        server = grpc.aio.server(interceptors=[door], options=self._options())
        for service in self.internal:
            service.add(service.servicer, server)
        credentials = tls.server_credentials(internal_pair(self.settings.tls_dir, self.service))
        self.ports.internal = _bind(server, f"{self.settings.host}:{self.settings.internal_port}", credentials)
        return server

    def _options(self) -> list[tuple[str, int]]:
        return [
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", MESSAGE_BYTES),
            ("grpc.max_connection_age_ms", self.settings.max_connection_age_seconds * 1000),
            ("grpc.max_connection_age_grace_ms", 30_000),
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.max_ping_strikes", 0),
        ]


def _names(services: Sequence[PublicService | InternalService]) -> list[str]:
    return [service.descriptor.full_name for service in services]


def _listed(service: PublicService | InternalService, cells: Mapping[str, Cell]) -> dict[str, Cell]:
    """Each RPC's cell by its full name; an RPC without one is a mistake, and so is a cell without an RPC."""
    names = {method.name for method in service.descriptor.methods}
    if names != set(cells):
        odd = ", ".join(sorted(names ^ set(cells)))
        raise ValueError(f"{service.descriptor.full_name}: RPCs and entries do not match: {odd}")
    return {f"/{service.descriptor.full_name}/{name}": cell for name, cell in cells.items()}


def _limited(service: PublicService) -> dict[str, Limit]:
    """Each limit by the full name of its RPC, whose request has the field that it counts by."""
    for name, limit in service.limits.items():
        method = service.descriptor.methods_by_name.get(name)
        if method is None or limit.field not in method.input_type.fields_by_name:
            raise ValueError(f"{service.descriptor.full_name}: no RPC {name} whose request has {limit.field}")
    return {f"/{service.descriptor.full_name}/{name}": limit for name, limit in service.limits.items()}


def _messages(services: Sequence[PublicService | InternalService]) -> dict[str, Any]:
    return {
        f"/{service.descriptor.full_name}/{method.name}": message_factory.GetMessageClass(method.input_type)
        for service in services
        for method in service.descriptor.methods
    }


def _bind(server: Any, address: str, credentials: grpc.ServerCredentials | None) -> int:
    if credentials is None:
        return int(server.add_insecure_port(address))
    return int(server.add_secure_port(address, credentials))
