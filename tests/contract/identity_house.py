"""Identity over its sockets: the real service between a registry and a carrier that are processes of their own.

Scoring, which only listens, is a small server behind mutual TLS. What may go wrong with an RPC is read from the
comments of the proto, which is what callers are promised.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import grpc
import pyotp
import pytest
from pydantic import SecretStr
from rental_world import Neighbour, refusal_of
from sandbox.stand_ins import SECRET, start

from freehold.errors.v1 import item_status_pb2
from freehold.identity.v1 import identity_service_pb2 as pb
from freehold.identity.v1 import staff_service_pb2 as staff_pb
from freehold.identity.v1.identity_service_pb2_grpc import IdentityServiceStub
from freehold.identity.v1.staff_service_pb2_grpc import StaffServiceStub
from freehold.scoring.v1 import scoring_internal_service_pb2 as scoring
from freehold.scoring.v1 import scoring_internal_service_pb2_grpc as scoring_rpc
from services.cli.seeding.inbox import Inbox
from services.identity import app
from services.identity.keys import create_keys, mint_operator_token
from services.runtime import tls
from services.runtime.channels import open_channel
from services.runtime.server import Server
from services.runtime.telemetry import Tracer
from services.sandbox.people import Person, person
from services.values.ids import new_id

PROTO = (Path(__file__).parents[2] / "protos/freehold/identity/v1/identity_service.proto").read_text()
PROMISES = {
    name: " ".join(comment.replace("//", " ").split())
    for comment, name in re.findall(r"((?: *//.*\n)+) *rpc (\w+)\(", PROTO)
}
"""The comment of each RPC."""
ANYWHERE = {"CREDENTIALS_MISSING", "CREDENTIALS_INVALID", "CALLER_NOT_ALLOWED", "INVALID_FIELD"}
_people = itertools.count(1)


@dataclass
class ScoringStandIn:
    """Takes every event and remembers what it is, about whom."""

    heard: list[tuple[str, str]] = field(default_factory=list)

    async def Deliver(self, request: Any, context: Any) -> Any:
        for event in request.events:
            kind = str(event.WhichOneof("body"))
            self.heard.append((getattr(event, kind).renter_id, kind))
        return scoring.DeliverResponse(statuses=[item_status_pb2.ItemStatus() for _ in request.events])

    async def Admit(self, requests: Any, context: Any) -> None:
        raise NotImplementedError("identity does not ask")


@dataclass
class House:
    """The running service, two partners with their keys, an operator, and everybody's phones."""

    server: Server
    tls_dir: Path
    stub: Any
    staff: Any
    inbox: Inbox
    heard: list[tuple[str, str]]
    held: dict[str, str]
    partners: dict[str, str] = field(default_factory=dict)

    async def call(self, method: str, who: str = "partner", /, **fields: Any) -> Any:
        """One call by "partner", "stranger" (another partner), "operator", "nobody" or whoever has a token."""
        request_type = getattr(pb, f"{method}Request")
        if "request_id" in request_type.DESCRIPTOR.fields_by_name:
            fields = {"request_id": new_id("req")} | fields
        metadata = () if who == "nobody" else (("authorization", f"Bearer {self.held.get(who, who)}"),)
        return await getattr(self.stub, method)(request_type(**fields), timeout=10, metadata=metadata)

    async def refused(self, method: str, who: str = "partner", /, **fields: Any) -> tuple[str, str, list[str]]:
        """Code, reason and fields to blame; the reason must be one that is promised for this RPC."""
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await self.call(method, who, **fields)
        code, reason, _, blamed = refusal_of(raised.value)
        promised = reason in ANYWHERE or re.search(rf"\b{reason}\b", PROMISES[method])
        assert promised, f"{method} never promised {reason}"
        return code, reason, blamed

    async def reason(self, method: str, who: str = "partner", /, **fields: Any) -> str:
        """Why a call is refused."""
        return (await self.refused(method, who, **fields))[1]

    async def outcome(self, method: str, who: str, /, **fields: Any) -> str:
        """Why a call is refused; empty when it is not."""
        try:
            await self.call(method, who, **fields)
        except grpc.aio.AioRpcError as error:
            return str(refusal_of(error)[1])
        return ""

    async def register(self, who: Person | None = None, **changed: Any) -> Any:
        """A person whom the registry knows, unless it is told otherwise, at the partner."""
        return (await self.call("RegisterRenter", **registration(who or newcomer()) | changed)).renter

    async def signed_in(self, who: Person | None = None) -> tuple[str, Any]:
        """Somebody new who has shown the code that their phone received; their id and tokens."""
        who = who or newcomer()
        renter_id = (await self.register(who)).renter_id
        code = await self.code(renter_id, who)
        return renter_id, await self.call("IssueRenterToken", renter_id=renter_id, code=code)

    async def code(self, renter_id: str, who: Person) -> str:
        """The code that the phone receives."""
        before = await self.inbox.message_ids(who.phone)
        await self.call("SendRenterCode", renter_id=renter_id)
        return await self.inbox.code(who.phone, before)

    async def new_partner(self, name: str) -> None:
        """A partner and its key, made by the operator."""
        made = (await self.call("RegisterPartner", "operator", display_name=name)).partner
        key = await self.call("CreateApiKey", "operator", partner_id=made.partner_id, display_name="app")
        self.partners[name], self.held[name] = made.partner_id, key.secret

    async def new_staff(self, role: str) -> str:
        """The session of somebody of the partner's staff who was invited by the operator."""
        login, password = f"{new_id('log')}@bikes.example", "a horse of another colour"
        partner_id, bearer = self.partners["partner"], (("authorization", f"Bearer {self.held['operator']}"),)
        invite = staff_pb.InviteStaffRequest(
            request_id=new_id("req"), partner_id=partner_id, login=login, role=f"STAFF_ROLE_{role}"
        )
        shown = {"invitation": (await self.staff.InviteStaff(invite, metadata=bearer, timeout=10)).invitation}
        accept = staff_pb.AcceptInvitationRequest(
            request_id=new_id("req"), display_name="Eve", password=password, **shown
        )
        uri = (await self.staff.AcceptInvitation(accept, timeout=10)).otpauth_uri
        totp, now = pyotp.TOTP(parse_qs(urlsplit(uri).query)["secret"][0]), datetime.now(UTC)
        confirm = staff_pb.ConfirmSecondFactorRequest(request_id=new_id("req"), code=totp.at(now), **shown)
        await self.staff.ConfirmSecondFactor(confirm, timeout=10)
        log_in = staff_pb.LogInRequest(
            request_id=new_id("req"),
            partner_id=partner_id,
            login=login,
            password=password,
            code=totp.at(now + timedelta(seconds=30)),
        )
        return str((await self.staff.LogIn(log_in, timeout=10)).token)

    def internal(self, service: str) -> grpc.aio.Channel:
        """A channel to the internal door, with the certificate of a service."""
        return open_channel(f"127.0.0.1:{self.server.ports.internal}", app.SERVICE, self.tls_dir, service)


def newcomer() -> Person:
    """Somebody whom no test has met."""
    return person(next(_people))


def registration(who: Person) -> dict[str, Any]:
    """What an app says of a person."""
    document = {"document_type": pb.DOCUMENT_TYPE_RESIDENT_ID_CARD, "document_number": who.resident_id_number}
    return document | {"full_name": who.name, "phone": who.phone}


def state(renter: pb.Renter) -> str:
    """The name of a person's state."""
    return pb.RenterState.Name(renter.state).removeprefix("RENTER_STATE_")


def level(renter: pb.Renter) -> str:
    """The name of a person's assurance level."""
    return pb.AssuranceLevel.Name(renter.assurance_level).removeprefix("ASSURANCE_LEVEL_")


@asynccontextmanager
async def identity_house(dsn: str, folder: Path) -> AsyncIterator[House]:
    """A house on an empty database."""
    keys, tls_dir, listener = folder / "keys", folder / "tls", ScoringStandIn()
    create_keys(keys)
    tls.create_certificates(tls_dir, ["identity", "scoring", "deposits", "rental"])
    neighbour = Neighbour("scoring", scoring_rpc.add_ScoringInternalServiceServicer_to_server, listener, tls_dir)
    async with AsyncExitStack() as stack:
        registry = await start("registry", folder / "registry", "--slow-seconds", "2.8")
        stack.push_async_callback(registry.stop)
        carrier = await start("carrier", folder / "carrier")
        stack.push_async_callback(carrier.stop)
        inbox = Inbox(carrier.address, SECRET)
        stack.push_async_callback(inbox.close)
        await neighbour.up()
        stack.push_async_callback(neighbour.down)
        addresses: dict[str, Any] = {"registry_url": registry.address, "carrier_url": carrier.address}
        addresses |= {f"{door}_port": 0 for door in ("public", "internal", "health", "metrics")}
        own = app.Settings(
            dsn=SecretStr(dsn),
            tls_dir=tls_dir,
            keys_dir=keys,
            drain_seconds=2,
            renter_rate="1000/second",
            staff_rate="1000/second",
            anonymous_rate="1000/second",
            scoring_address=f"127.0.0.1:{neighbour.port}",
            deposits_address=f"127.0.0.1:{neighbour.port}",
            rental_address=f"127.0.0.1:{neighbour.port}",
            registry_secret=SecretStr(SECRET),
            carrier_secret=SecretStr(SECRET),
            **addresses,
        )
        server = await stack.enter_async_context(app.build(own, Tracer()))
        await server.start()
        stack.push_async_callback(server.drain)
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{server.ports.public}")
        stack.push_async_callback(channel.close)
        held = {"operator": mint_operator_token(keys, "ann", 1, datetime.now(UTC))}
        stubs = (IdentityServiceStub(channel), StaffServiceStub(channel))
        house = House(server, tls_dir, *stubs, inbox, listener.heard, held)
        for name in ("partner", "stranger"):
            await house.new_partner(name)
        yield house
