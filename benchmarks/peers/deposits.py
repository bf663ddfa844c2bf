"""Deposits, plainly: one read, one call to scoring, one transaction of two statements. Waivers only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from benchmarks.peers import contract
from benchmarks.peers.identity import _nobody
from freehold.deposits.v1 import deposits_internal_service_pb2 as pb
from freehold.deposits.v1 import deposits_service_pb2
from freehold.money.v1 import money_pb2
from freehold.scoring.v1 import scoring_internal_service_pb2 as scoring
from services.deposits.app import SERVICE, Settings
from services.runtime.channels import open_channel
from services.runtime.database import Database
from services.runtime.server import Server
from services.runtime.telemetry import Tracer
from services.values.ids import bucket_of, new_id_of

KNOWN = """
SELECT p.policy_id, p.threshold, p.currency, p.deposit_minor, p.max_open_waived, m.processor_ref,
       EXISTS (SELECT 1 FROM deposits d WHERE d.bucket = $1 AND d.rental_id = $4) AS known
FROM policies p
LEFT JOIN payment_methods m ON m.bucket = $1 AND m.renter_id = $2 AND m.is_default
WHERE p.partner_id = $3 AND p.asset_kind = 'BIKE' ORDER BY p.version DESC LIMIT 1"""
EXPOSE = """
INSERT INTO exposures AS e (bucket, renter_id, open_count) VALUES ($1, $2, 1)
ON CONFLICT (bucket, renter_id) DO UPDATE SET open_count = e.open_count + 1 WHERE e.open_count < $3
RETURNING open_count"""
SECURE = """
INSERT INTO deposits (bucket, deposit_id, rental_id, renter_id, partner_id, state, outcome, reason_codes, policy_id,
                      model_version, score, currency, amount_minor, payment_ref, decided_at)
VALUES ($1, $2, $3, $4, $5, 'WAIVED', 'ADMITTED', '{}', $6, $7, $8, $9, $10, $11, $12)"""


class PeerDeposits:
    """Waives the deposit."""

    def __init__(self, db: Database, channel: Any) -> None:
        self._db = db
        self._admit = contract.call(channel, "PeerScoring", "Admit")

    async def Secure(self, request: pb.SecureDepositItem, context: Any) -> pb.SecureDepositResult:
        bucket, renter = bucket_of(request.renter_id), request.renter_id
        known = await self._db.fetchrow(KNOWN, bucket, renter, request.partner_id, request.rental_id)
        assert known is not None
        assert not known["known"]
        asked = scoring.AdmitItem(
            item_id=request.item_id,
            renter_id=renter,
            threshold=known["threshold"],
            purpose=scoring.PURPOSE_DEPOSIT_WAIVER,
        )
        answer = await self._admit(asked)
        assert answer.outcome == scoring.OUTCOME_ADMITTED
        deposit_id = new_id_of("dep", renter)

        async def work(connection: Any) -> None:
            assert await connection.fetchval(EXPOSE, bucket, renter, known["max_open_waived"]) is not None
            whose = (bucket, deposit_id, request.rental_id, renter, request.partner_id)
            why = (known["policy_id"], answer.model_version, answer.score)
            what = (known["currency"], known["deposit_minor"], known["processor_ref"])
            await connection.execute(SECURE, *whose, *why, *what, datetime.now(UTC))

        await self._db.transaction(work)
        return pb.SecureDepositResult(
            item_id=request.item_id,
            deposit_id=deposit_id,
            state=deposits_service_pb2.DEPOSIT_STATE_WAIVED,
            outcome=deposits_service_pb2.ADMITTANCE_OUTCOME_ADMITTED,
            policy_id=known["policy_id"],
            amount=money_pb2.Money(currency_code=known["currency"], amount_minor=known["deposit_minor"]),
        )


@asynccontextmanager
async def build(settings: Settings, tracer: Tracer) -> AsyncIterator[Server]:
    """The service."""
    db = await Database.connect(settings.dsn.get_secret_value(), pool_size=settings.pool_size)
    channel = open_channel(settings.scoring_address, "scoring", settings.tls_dir, SERVICE)
    servicer = PeerDeposits(db, channel)
    service = contract.internal("PeerDeposits", servicer)
    try:
        yield Server(SERVICE, settings, _nobody, [], [service], tracer)
    finally:
        await channel.close()
        await db.close()
