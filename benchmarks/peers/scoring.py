"""Scoring, plainly: one read per decision, five statements per fact."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from benchmarks.peers import contract
from benchmarks.peers.identity import _nobody
from freehold.errors.v1 import item_status_pb2
from freehold.scoring.v1 import fact_pb2
from freehold.scoring.v1 import scoring_internal_service_pb2 as pb
from services.runtime.database import Database
from services.runtime.server import Server
from services.runtime.telemetry import Tracer
from services.scoring.app import SERVICE, Settings
from services.scoring.domain import FactKind, Model, Observed, Standing, admit, assess, summarise
from services.scoring.models import read_model
from services.values.ids import bucket_of

READ = "SELECT score, facts_open, reason_codes, model_version FROM scores WHERE bucket = $1 AND renter_id = $2"
INSERT = """
INSERT INTO facts (bucket, fact_id, renter_id, kind, occurred_at, recorded_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (bucket, renter_id, fact_id, revision) DO NOTHING"""
SUMMARISE = """
SELECT kind, about, count(*)::int AS facts, count(DISTINCT (occurred_at AT TIME ZONE 'UTC')::date)::int AS days,
       min(occurred_at) AS first_at, max(occurred_at) AS last_at
FROM facts WHERE bucket = $1 AND renter_id = $2 AND superseded_at IS NULL AND state = 'COUNTED' GROUP BY kind, about"""
LOCK = "SELECT renter_id FROM scores WHERE bucket = $1 AND renter_id = $2 FOR UPDATE"
SAVE = """
UPDATE scores SET score = $3, reason_codes = $4, assessment = $5, facts = $6, model_version = $7, computed_at = $8,
                  facts_version = facts_version + 1
WHERE bucket = $1 AND renter_id = $2 RETURNING facts_version"""
HISTORY = """
INSERT INTO score_history (bucket, renter_id, computed_at, facts, score, model_version, facts_version)
VALUES ($1, $2, $3, $4, $5, $6, $7)"""


class PeerScoring:
    """Is the score above the threshold? And what happened?"""

    def __init__(self, db: Database, model: Model) -> None:
        self._db, self._model = db, model

    async def Admit(self, request: pb.AdmitItem, context: Any) -> pb.AdmitResult:
        row = await self._db.fetchrow(READ, bucket_of(request.renter_id), request.renter_id)
        standing = Standing(None, False, (), self._model.version)
        if row is not None:
            standing = Standing(row["score"], not row["facts_open"], tuple(row["reason_codes"]), row["model_version"])
        decided = admit(standing, request.threshold)
        return pb.AdmitResult(
            item_id=request.item_id,
            outcome=pb.Outcome.Value(f"OUTCOME_{decided.outcome}"),
            reason_codes=decided.reason_codes,
            model_version=decided.model_version,
            score=decided.score,
        )

    async def Record(self, request: pb.ScoringEvent, context: Any) -> pb.DeliverResponse:
        fact, now = request.fact, datetime.now(UTC)
        key = (bucket_of(fact.renter_id), fact.renter_id)
        kind = fact_pb2.FactKind.Name(fact.kind).removeprefix("FACT_KIND_")

        async def work(connection: Any) -> None:
            await connection.fetchval(LOCK, *key)
            moment = fact.occurred_at.ToDatetime(tzinfo=UTC)
            await connection.execute(INSERT, key[0], fact.fact_id, key[1], kind, moment, now)
            rows = await connection.fetch(SUMMARISE, *key)
            observed = [Observed(FactKind(kind), *rest) for kind, *rest in rows]
            made = assess(self._model, summarise(observed, now))
            codes = [reason.code for reason in made.reasons]
            saved = (made.score, codes, asdict(made), made.facts, self._model.version, now)
            version = await connection.fetchval(SAVE, *key, *saved)
            await connection.execute(HISTORY, *key, now, made.facts, made.score, self._model.version, version)

        await self._db.transaction(work)
        return pb.DeliverResponse(statuses=[item_status_pb2.ItemStatus()])


@asynccontextmanager
async def build(settings: Settings, tracer: Tracer) -> AsyncIterator[Server]:
    """The service."""
    db = await Database.connect(settings.dsn.get_secret_value(), pool_size=settings.pool_size)
    servicer = PeerScoring(db, read_model(settings.scorecard))
    service = contract.internal("PeerScoring", servicer)
    try:
        yield Server(SERVICE, settings, _nobody, [], [service], tracer)
    finally:
        await db.close()
