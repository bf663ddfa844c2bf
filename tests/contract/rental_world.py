"""Rental over its sockets: the real service, between small servers that speak its neighbours' internal contracts.

The neighbours stand behind mutual TLS like the real ones; they are told what to answer and remember what they heard.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2
from joserfc import jwt
from joserfc.jwk import OKPKey
from pydantic import SecretStr

from freehold.deposits.v1 import deposits_internal_service_pb2 as deposits
from freehold.deposits.v1 import deposits_internal_service_pb2_grpc as deposits_rpc
from freehold.deposits.v1.deposits_service_pb2 import AdmittanceOutcome, DepositState, PaymentStatus
from freehold.errors.v1 import item_status_pb2
from freehold.identity.v1 import identity_internal_service_pb2 as identity
from freehold.identity.v1 import identity_internal_service_pb2_grpc as identity_rpc
from freehold.money.v1 import money_pb2
from freehold.rental.v1 import rental_internal_service_pb2_grpc, rental_service_pb2_grpc
from freehold.rental.v1 import rental_service_pb2 as pb
from freehold.scoring.v1 import scoring_internal_service_pb2 as scoring
from freehold.scoring.v1 import scoring_internal_service_pb2_grpc as scoring_rpc
from services.rental import app
from services.runtime import certificates, tls
from services.runtime.channels import open_channel
from services.runtime.database import Database
from services.runtime.frames import Push, serve_frames
from services.runtime.server import Server
from services.runtime.telemetry import Tracer
from services.values.ids import new_id, new_renter_id

WAIVED, HELD, PENDING = (DepositState.Value(f"DEPOSIT_STATE_{name}") for name in ("WAIVED", "HELD", "PENDING"))
DECLINED, CLOSED = (DepositState.Value(f"DEPOSIT_STATE_{name}") for name in ("DECLINED", "CLOSED"))
NONE, DUE, BUSY, PAID = (
    PaymentStatus.Value(f"PAYMENT_STATUS_{name}") for name in ("NONE", "DUE", "IN_PROGRESS", "PAID")
)
SIGNER = OKPKey.generate_key("Ed25519", {"kid": "test", "use": "sig", "alg": "Ed25519"})


def token(role: str, subject: str, partner_id: str | None = None) -> str:
    """A token as identity would issue it."""
    now = int(time.time())
    claims = {"iss": "freehold", "aud": "freehold", "sub": subject, "role": role, "partner_id": partner_id}
    times = {"iat": now, "nbf": now, "exp": now + 600, "jti": new_id("jti")}
    return jwt.encode({"alg": "Ed25519", "kid": "test"}, claims | times, SIGNER, algorithms=["Ed25519"])


@dataclass
class IdentityStandIn(identity_rpc.IdentityInternalServiceServicer):
    """Knows the keys it is given; everybody may rent and consents, unless told otherwise."""

    keys: dict[bytes, str] = field(default_factory=dict)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    frames: list[int] = field(default_factory=list)

    async def Authenticate(self, request: Any, context: Any) -> Any:
        return identity.AuthenticateResponse(results=[self._key(item.key_digest) for item in request.items])

    def _key(self, digest: bytes) -> Any:
        if digest in self.keys:
            return identity.AuthenticateResult(api_key_id="key_1", partner_id=self.keys[digest])
        unknown = item_status_pb2.ItemStatus(code=16, reason="CREDENTIALS_INVALID")
        return identity.AuthenticateResult(status=unknown)

    async def GetVerificationKeys(self, request: Any, context: Any) -> Any:
        jwks = {"keys": [SIGNER.as_dict(private=False)]}
        return identity.GetVerificationKeysResponse(jwks_json=json.dumps(jwks))

    async def WatchCredentials(self, request: Any, context: Any) -> AsyncIterator[Any]:
        while True:
            yield identity.WatchCredentialsResponse()
            await asyncio.sleep(0.2)

    async def CheckRenters(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        def response(results: Any) -> Any:
            return identity.CheckRentersResponse(results=results)

        async for frame in serve_frames(requests, self._check, response):
            yield frame

    async def _check(self, items: Any, push: Push) -> list[Any]:
        self.frames.append(len(items))
        good = {"verified": True, "linked": True, "old_enough": True, "scoring_consent": True}
        return [
            identity.CheckRenterResult(item_id=item.item_id, **(good | self.answers.get(item.renter_id, {})))
            for item in items
        ]


@dataclass
class DepositsStandIn(deposits_rpc.DepositsInternalServiceServicer):
    """Waives unless told otherwise; a pending deposit becomes what `becomes` says after `delay` seconds."""

    plan: dict[str, int] = field(default_factory=dict)
    refusals: dict[str, tuple[int, str]] = field(default_factory=dict)
    becomes: int = HELD
    delay: float | None = 0.1
    states: dict[str, int] = field(default_factory=dict)
    secured: list[Any] = field(default_factory=list)
    settled: dict[str, Any] = field(default_factory=dict)
    corrected: dict[str, Any] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)

    async def SecureDeposits(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        async for frame in serve_frames(requests, self._secure, lambda r: deposits.SecureDepositsResponse(results=r)):
            yield frame

    async def SettleDeposits(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        async for frame in serve_frames(requests, self._settle, lambda r: deposits.SettleDepositsResponse(results=r)):
            yield frame

    async def CorrectCharges(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        async for frame in serve_frames(requests, self._correct, lambda r: deposits.CorrectChargesResponse(results=r)):
            yield frame

    async def CancelDeposits(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        async for frame in serve_frames(requests, self._cancel, lambda r: deposits.CancelDepositsResponse(results=r)):
            yield frame

    async def _secure(self, items: Any, push: Push) -> list[Any]:
        self.frames.append(len(items))
        self.secured.extend(items)
        for item in items:
            self.states.setdefault(item.rental_id, self.plan.get(item.renter_id, WAIVED))
            if self.states[item.rental_id] == PENDING and self.delay is not None:
                asyncio.get_running_loop().call_later(self.delay, self._decide, item, push)
        return [self._result(item) for item in items]

    def _decide(self, item: Any, push: Push) -> None:
        self.states[item.rental_id] = self.becomes
        push(self._result(item))

    def _result(self, item: Any) -> Any:
        state = self.states[item.rental_id]
        if item.renter_id in self.refusals:
            code, reason = self.refusals[item.renter_id]
            return deposits.SecureDepositResult(
                item_id=item.item_id, status=item_status_pb2.ItemStatus(code=code, reason=reason)
            )
        return deposits.SecureDepositResult(
            item_id=item.item_id,
            rental_id=item.rental_id,
            deposit_id=item.rental_id.replace("rtl_", "dep_"),
            state=state,
            outcome=AdmittanceOutcome.Value(f"ADMITTANCE_OUTCOME_{'ADMITTED' if state == WAIVED else 'NOT_ADMITTED'}"),
            reason_codes=[] if state == WAIVED else ["FEW_RENTALS"],
            amount=money_pb2.Money(currency_code="CNY", amount_minor=9900),
            decline_code="insufficient_funds" if state == DECLINED else "",
        )

    async def _settle(self, items: Any, push: Push) -> list[Any]:
        self.settled |= {item.rental_id: item for item in items}
        return [
            deposits.SettleDepositResult(
                item_id=item.item_id,
                state=self.states[item.rental_id] if item.charge.amount_minor else CLOSED,
                payment_status=BUSY if item.charge.amount_minor else NONE,
                purchase_minor=min(item.purchase_minor, 9900),
            )
            for item in items
        ]

    async def _correct(self, items: Any, push: Push) -> list[Any]:
        self.corrected |= {item.correction_id: item for item in items}
        return [deposits.CorrectChargeResult(item_id=item.item_id, state=CLOSED, payment_status=PAID) for item in items]

    async def _cancel(self, items: Any, push: Push) -> list[Any]:
        self.cancelled += [item.rental_id for item in items]
        state = DepositState.Value("DEPOSIT_STATE_CANCELLED")
        return [deposits.CancelDepositResult(item_id=item.item_id, state=state) for item in items]


@dataclass
class ScoringStandIn(scoring_rpc.ScoringInternalServiceServicer):
    """Takes every fact and remembers it."""

    facts: list[tuple[str, str]] = field(default_factory=list)

    async def Deliver(self, request: Any, context: Any) -> Any:
        self.facts += [(event.fact.renter_id, event.fact.fact_id) for event in request.events]
        return scoring.DeliverResponse(statuses=[item_status_pb2.ItemStatus() for _ in request.events])


@dataclass
class Neighbour:
    """A stand-in that listens, can go away and come back at the same address."""

    name: str
    add: Callable[[Any, Any], None]
    servicer: Any
    tls_dir: Path
    port: int = 0
    server: Any = None

    async def up(self) -> None:
        """Listens."""
        self.server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        self.add(self.servicer, self.server)
        credentials = tls.server_credentials(certificates.internal_pair(self.tls_dir, self.name))
        self.port = self.server.add_secure_port(f"127.0.0.1:{self.port}", credentials)
        await self.server.start()

    async def down(self) -> None:
        """Goes away, breaking its streams."""
        await self.server.stop(0)


@dataclass
class World:
    """The service under test, its neighbours, and a partner with a key."""

    server: Server
    db: Database
    tls_dir: Path
    identity: Neighbour
    deposits: Neighbour
    scoring: Neighbour
    channel: grpc.aio.Channel
    partner_id: str
    partner_key: str

    @property
    def rentals(self) -> Any:
        """RentalService as an app calls it."""
        return rental_service_pb2_grpc.RentalServiceStub(self.channel)

    def internal(self, service: str) -> grpc.aio.Channel:
        """A channel to the internal door, with the certificate of a service."""
        return open_channel(f"127.0.0.1:{self.server.ports.internal}", app.SERVICE, self.tls_dir, service)

    def events(self, channel: grpc.aio.Channel) -> Any:
        """RentalInternalService on a channel to the internal door."""
        return rental_internal_service_pb2_grpc.RentalInternalServiceStub(channel)

    async def call(self, method: str, request: Any, bearer: str | None = None, timeout: float | None = 10) -> Any:
        """One call, by the partner unless somebody else's credential is given."""
        metadata = (("authorization", f"Bearer {bearer or self.partner_key}"),)
        return await getattr(self.rentals, method)(request, timeout=timeout, metadata=metadata)

    async def bikes(self, *codes: str) -> None:
        """Bikes at ¥1.5 per half hour."""
        plan = await self.call(
            "CreatePricePlan",
            pb.CreatePricePlanRequest(
                request_id=new_id("req"),
                currency_code="CNY",
                segments=[pb.PriceSegment(rate_minor=150, interval_minutes=30)],
            ),
        )
        plan_id = plan.price_plan.price_plan_id
        for code in codes:
            scan = {"code": code, "price_plan_id": plan_id, "asset_kind": "ASSET_KIND_BIKE"}
            await self.call("CreateAsset", pb.CreateAssetRequest(request_id=code, **scan))

    async def start(self, code: str, renter_id: str = "", request_id: str = "s-1", timeout: float = 10) -> Any:
        """A scan by somebody."""
        request = pb.StartRentalRequest(
            request_id=request_id, renter_id=renter_id or new_renter_id("rnt"), asset_code=code
        )
        return (await self.call("StartRental", request, timeout=timeout)).rental

    async def end(self, rental_id: str, request_id: str = "e-1") -> Any:
        """A return."""
        return (await self.call("EndRental", pb.EndRentalRequest(request_id=request_id, rental_id=rental_id))).rental

    async def get(self, rental_id: str, bearer: str | None = None) -> Any:
        """The rental as it stands."""
        return (await self.call("GetRental", pb.GetRentalRequest(rental_id=rental_id), bearer)).rental

    async def until(self, holds: Callable[[], Any], seconds: float = 10) -> None:
        """Waits for what follows in the background."""
        ends = time.monotonic() + seconds
        while True:
            result = holds()
            if (await result) if asyncio.iscoroutine(result) else result:
                return
            assert time.monotonic() < ends, "it did not come about"
            await asyncio.sleep(0.02)


def refusal_of(error: grpc.aio.AioRpcError) -> tuple[str, str, dict[str, str], list[str]]:
    """Code, reason, metadata and the fields to blame."""
    details = dict(error.trailing_metadata())["grpc-status-details-bin"]
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status_pb2.Status.FromString(details).details:
        detail.Unpack(info) or detail.Unpack(bad)
    return error.code().name, info.reason, dict(info.metadata), [v.field for v in bad.field_violations]


@asynccontextmanager
async def rental_world(dsn: str, folder: Path, **settings: Any) -> AsyncIterator[World]:
    """A world on an emptied database; `settings` differ from the service's own."""
    tls_dir = folder / "tls"
    if not tls_dir.exists():
        tls.create_certificates(tls_dir, ["identity", "scoring", "deposits", "rental"])
    key, partner_id = f"fhk_{new_id('k')}", new_id("ptn")
    who = IdentityStandIn({hashlib.sha256(key.encode()).digest(): partner_id})
    neighbours = {
        "identity": Neighbour("identity", identity_rpc.add_IdentityInternalServiceServicer_to_server, who, tls_dir),
        "deposits": Neighbour(
            "deposits", deposits_rpc.add_DepositsInternalServiceServicer_to_server, DepositsStandIn(), tls_dir
        ),
        "scoring": Neighbour(
            "scoring", scoring_rpc.add_ScoringInternalServiceServicer_to_server, ScoringStandIn(), tls_dir
        ),
    }
    async with AsyncExitStack() as stack:
        for neighbour in neighbours.values():
            await neighbour.up()
            stack.push_async_callback(neighbour.down)
        db = await Database.connect(dsn, pool_size=2)
        stack.push_async_callback(db.close)
        await db.execute("TRUNCATE price_plans, assets, rentals, requests, outbox, passes CASCADE")
        ports = {f"{door}_port": 0 for door in ("public", "internal", "health", "metrics")}
        addresses = {f"{name}_address": f"127.0.0.1:{n.port}" for name, n in neighbours.items()}
        own = app.Settings(dsn=SecretStr(dsn), tls_dir=tls_dir, drain_seconds=2, **ports, **addresses, **settings)
        server = await stack.enter_async_context(app.build(own, Tracer()))
        await server.start()
        stack.push_async_callback(server.drain)
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{server.ports.public}")
        stack.push_async_callback(channel.close)
        yield World(server, db, tls_dir, **neighbours, channel=channel, partner_id=partner_id, partner_key=key)


def now() -> datetime:
    """The machine's time."""
    return datetime.now(UTC)
