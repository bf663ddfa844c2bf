"""Rental, plainly: five statements and two unary calls per StartRental; each fact told to scoring by two more calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.peers import contract
from freehold.assets.v1 import asset_kind_pb2
from freehold.deposits.v1 import deposits_internal_service_pb2 as deposits
from freehold.deposits.v1 import deposits_service_pb2
from freehold.identity.v1 import identity_internal_service_pb2 as identity
from freehold.identity.v1.identity_internal_service_pb2_grpc import IdentityInternalServiceStub
from freehold.rental.v1 import rental_service_pb2 as pb
from freehold.rental.v1 import rental_service_pb2_grpc as rpc
from freehold.scoring.v1 import fact_pb2
from freehold.scoring.v1 import scoring_internal_service_pb2 as scoring
from services.rental.app import SERVICE, Settings
from services.rental.servicer import ACCESS
from services.runtime.authenticators import RemoteCredentials
from services.runtime.channels import open_channel
from services.runtime.database import Database
from services.runtime.interceptors import current_call
from services.runtime.outbox import OutboxRow, Relay
from services.runtime.server import PublicService, Server
from services.runtime.telemetry import Tracer
from services.values.ids import bucket_of, new_id, new_id_of
from services.values.requests import fingerprint

ASSET = """
SELECT a.asset_id, a.asset_kind, a.price_plan_id, p.currency
FROM assets a JOIN price_plans p ON p.partner_id = a.partner_id AND p.price_plan_id = a.price_plan_id
WHERE a.partner_id = $1 AND a.code = $2 AND a.state = 'AVAILABLE'"""
CLAIM = """
UPDATE assets SET state = 'RENTED', rental_id = $3 WHERE partner_id = $1 AND asset_id = $2 AND state = 'AVAILABLE'
RETURNING asset_id"""
REQUEST = """
INSERT INTO rentals (
    bucket, rental_id, version, partner_id, renter_id, asset_id, asset_code, asset_kind, price_plan_id, currency,
    start_request_id, fingerprint, requested_at, activate_by, state, payment_status, reason_codes, decline_code,
    cancel_reason, follow_up, follow_up_at)
VALUES ($1, $2, 1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'REQUESTED', 'NONE', '{}', '', '', 'SECURE', $13)"""
ACTIVATE = """
UPDATE rentals SET version = 2, state = 'ACTIVE', deposit_id = $3, deposit_state = 'WAIVED', outcome = 'ADMITTED',
    deposit_currency = $4, deposit_amount_minor = $5, started_at = $6, follow_up = 'NONE', follow_up_at = NULL
WHERE bucket = $1 AND rental_id = $2 AND version = 1"""
TELL = """
INSERT INTO outbox (bucket, event_id, destination, kind, renter_id, payload, created_at, lease_until, attempts)
VALUES ($1, $2, 'scoring', 'RENTAL_STARTED', $3, $4, $5, $5, 0)"""


class PeerRental(rpc.RentalServiceServicer):
    """Starts rentals."""

    def __init__(self, db: Database, channels: dict[str, Any], relay_wake: Any) -> None:
        self._db = db
        self._check = contract.call(channels["identity"], "PeerIdentity", "Check")
        self._secure = contract.call(channels["deposits"], "PeerDeposits", "Secure")
        self._wake = relay_wake

    async def StartRental(self, request: pb.StartRentalRequest, context: Any) -> pb.StartRentalResponse:
        partner, renter, now = current_call().caller.id, request.renter_id, datetime.now(UTC)
        bucket, rental_id = bucket_of(renter), new_id_of("rtl", renter)
        asset = await self._db.fetchrow(ASSET, partner, request.asset_code)
        assert asset is not None
        await self._request(request, partner, rental_id, asset, now)
        person = await self._check(
            identity.CheckRenterItem(
                item_id=rental_id,
                renter_id=renter,
                partner_id=partner,
                asset_kind=asset_kind_pb2.ASSET_KIND_BIKE,
            )
        )
        assert person.verified
        assert person.linked
        secured = await self._secure(
            deposits.SecureDepositItem(
                item_id=rental_id,
                rental_id=rental_id,
                renter_id=renter,
                partner_id=partner,
                asset_kind=asset_kind_pb2.ASSET_KIND_BIKE,
                scoring_consent=person.scoring_consent,
            )
        )
        assert secured.state == deposits_service_pb2.DEPOSIT_STATE_WAIVED

        async def work(connection: Any) -> None:
            amount = secured.amount
            values = (bucket, rental_id, secured.deposit_id, amount.currency_code, amount.amount_minor, now)
            await connection.execute(ACTIVATE, *values)
            payload = {"fact_id": f"{rental_id}:started", "occurred_at": now.isoformat(), "partner_id": partner}
            await connection.execute(TELL, bucket, new_id("evt"), renter, payload, now)

        await self._db.transaction(work)
        self._wake()
        return pb.StartRentalResponse(
            rental=pb.Rental(
                rental_id=rental_id,
                renter_id=renter,
                asset_code=request.asset_code,
                state=pb.RENTAL_STATE_ACTIVE,
                deposit_id=secured.deposit_id,
                deposit_state=secured.state,
                outcome=secured.outcome,
            )
        )

    async def _request(
        self, request: pb.StartRentalRequest, partner: str, rental_id: str, asset: Any, now: datetime
    ) -> None:
        async def work(connection: Any) -> None:
            assert await connection.fetchval(CLAIM, partner, asset["asset_id"], rental_id) is not None
            whose = (bucket_of(request.renter_id), rental_id, partner, request.renter_id)
            what = (
                asset["asset_id"],
                request.asset_code,
                *(asset[n] for n in ("asset_kind", "price_plan_id", "currency")),
            )
            content = fingerprint(partner, request.renter_id, request.asset_code)
            until = now + timedelta(seconds=60)
            await connection.execute(REQUEST, *whose, *what, request.request_id, content, now, until)

        await self._db.transaction(work)


class Teller:
    """Tells scoring each fact, after asking identity for consent."""

    def __init__(self, channels: dict[str, Any]) -> None:
        self._check = contract.call(channels["identity"], "PeerIdentity", "Check")
        self._record = contract.call(channels["scoring"], "PeerScoring", "Record")

    async def deliver(self, rows: Sequence[OutboxRow]) -> list[bool]:
        return list(await asyncio.gather(*(self._tell(row) for row in rows)))

    async def _tell(self, row: OutboxRow) -> bool:
        partner = row.payload["partner_id"]
        person = await self._check(
            identity.CheckRenterItem(item_id=row.event_id, renter_id=row.renter_id, partner_id=partner)
        )
        if not person.scoring_consent:
            return True
        fact = fact_pb2.Fact(
            fact_id=row.payload["fact_id"], renter_id=row.renter_id, kind=fact_pb2.FACT_KIND_RENTAL_STARTED
        )
        fact.occurred_at.FromDatetime(datetime.fromisoformat(row.payload["occurred_at"]))
        await self._record(scoring.ScoringEvent(event_id=row.event_id, fact=fact))
        return True


@asynccontextmanager
async def build(settings: Settings, tracer: Tracer) -> AsyncIterator[Server]:
    """The service."""
    db = await Database.connect(settings.dsn.get_secret_value(), pool_size=settings.pool_size)
    addresses = {
        "identity": settings.identity_address,
        "deposits": settings.deposits_address,
        "scoring": settings.scoring_address,
    }
    channels = {peer: open_channel(at, peer, settings.tls_dir, SERVICE) for peer, at in addresses.items()}
    credentials = RemoteCredentials(IdentityInternalServiceStub(channels["identity"]))
    relay = Relay(db, "scoring", Teller(channels).deliver)
    servicer = PeerRental(db, channels, relay.wake)  # type: ignore[abstract]  # the other RPCs are not built
    descriptor = pb.DESCRIPTOR.services_by_name["RentalService"]
    public = PublicService(descriptor, rpc.add_RentalServiceServicer_to_server, servicer, ACCESS)
    background = [asyncio.create_task(credentials.watch()), asyncio.create_task(relay.run())]
    try:
        yield Server(SERVICE, settings, credentials.authenticate, [public], [], tracer)
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await asyncio.gather(*(channel.close() for channel in channels.values()))
        await db.close()
