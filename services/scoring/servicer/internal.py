"""ScoringInternalService: deposits asks, everybody delivers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import structlog

from freehold.assets.v1 import asset_kind_pb2
from freehold.scoring.v1 import scoring_internal_service_pb2 as pb
from freehold.scoring.v1.scoring_internal_service_pb2_grpc import ScoringInternalServiceServicer
from services.runtime.batching import Batcher
from services.runtime.frames import Push, serve_frames
from services.runtime.interceptors import Context
from services.runtime.statuses import to_item_status
from services.scoring.domain import Admittance, ConsentChange, Event, Use
from services.scoring.operations import PURPOSE_NOT_ALLOWED, Facts, Question, Scoring, Uses
from services.scoring.servicer.encoding import fact_from, moment_from
from services.values.errors import Refusal

log = structlog.get_logger(__name__)
UNKNOWN_PURPOSE = "UNKNOWN"


class InternalServicer(ScoringInternalServiceServicer):
    """ScoringInternalService."""

    def __init__(
        self, scoring: Scoring, facts: Facts, uses: Uses, admissions: Batcher[tuple[str, Question], Admittance]
    ) -> None:
        self._scoring = scoring
        self._facts = facts
        self._uses = uses
        self._admissions = admissions

    async def Admit(
        self, requests: AsyncIterator[pb.AdmitRequest], context: Context
    ) -> AsyncIterator[pb.AdmitResponse]:
        async for response in serve_frames(requests, self._admit, _admit_response):
            yield response

    async def _admit(self, items: Sequence[pb.AdmitItem], push: Push) -> list[pb.AdmitResult]:
        outcomes = await self._admissions.submit_many([(item.item_id, _question(item)) for item in items])
        for item, outcome in zip(items, outcomes, strict=True):
            if isinstance(outcome, Refusal) and outcome.reason == PURPOSE_NOT_ALLOWED:
                log.warning("purpose_refused", purpose=_question(item).purpose or UNKNOWN_PURPOSE)
        return [_admit_result(item.item_id, outcome) for item, outcome in zip(items, outcomes, strict=True)]

    async def Deliver(self, request: pb.DeliverRequest, context: Context) -> pb.DeliverResponse:
        told = [event for event in request.events if event.WhichOneof("body") not in ("scores_used", "fact_withdrawn")]
        if told:
            await self._scoring.deliver([_event(event) for event in told])
        for event in request.events:
            if event.HasField("fact_withdrawn"):
                withdrawn = event.fact_withdrawn
                await self._facts.withdraw(event.event_id, withdrawn.renter_id, withdrawn.fact_id)
        await self._uses.told([_use(use) for event in request.events for use in event.scores_used.uses])
        return pb.DeliverResponse(statuses=[to_item_status(None) for _ in request.events])


def _question(item: pb.AdmitItem) -> Question:
    purpose = pb.Purpose.Name(item.purpose) if item.purpose in pb.Purpose.values() else ""
    lines = (item.threshold, purpose.removeprefix("PURPOSE_"), tuple(item.higher_thresholds))
    return Question(item.renter_id, *lines, item.clean_record_years)


def _admit_response(results: Sequence[Any]) -> pb.AdmitResponse:
    return pb.AdmitResponse(results=results)


def _admit_result(item_id: str, outcome: Admittance | Refusal) -> pb.AdmitResult:
    if isinstance(outcome, Refusal):
        return pb.AdmitResult(item_id=item_id, status=to_item_status(outcome))
    return pb.AdmitResult(
        item_id=item_id,
        outcome=pb.Outcome.Value(f"OUTCOME_{outcome.outcome}"),
        reason_codes=outcome.reason_codes,
        model_version=outcome.model_version,
        score=outcome.score,
        facts_version=outcome.facts_version,
        tier=outcome.tier,
    )


def _event(event: pb.ScoringEvent) -> Event:
    if event.WhichOneof("body") == "fact":
        return fact_from(event.fact)
    granted = event.WhichOneof("body") == "consent_granted"
    body = event.consent_granted if granted else event.consent_withdrawn
    return ConsentChange(body.renter_id, granted, moment_from(body.occurred_at))


def _use(use: pb.ScoreUsed) -> Use:
    return Use(
        use.use_id,
        use.renter_id,
        use.partner_id,
        asset_kind_pb2.AssetKind.Name(use.asset_kind).removeprefix("ASSET_KIND_"),
        pb.UseKind.Name(use.kind).removeprefix("USE_KIND_"),
        use.threshold,
        pb.Outcome.Name(use.outcome).removeprefix("OUTCOME_"),
        tuple(use.reason_codes),
        use.model_version,
        use.facts_version,
        moment_from(use.used_at),
    )
