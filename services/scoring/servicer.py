"""Proto ⇄ domain for scoring: decode, call once, encode."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import structlog
from google.protobuf.timestamp_pb2 import Timestamp

from freehold.scoring.v1 import fact_pb2, scoring_internal_service_pb2, scoring_service_pb2
from freehold.scoring.v1.scoring_internal_service_pb2_grpc import ScoringInternalServiceServicer
from freehold.scoring.v1.scoring_service_pb2_grpc import ScoringServiceServicer
from services.runtime.batching import Batcher
from services.runtime.frames import Push, serve_frames
from services.runtime.interceptors import Context, current_call
from services.runtime.statuses import to_item_status
from services.scoring.domain import Admittance, Assessment, ConsentChange, Event, Fact, FactKind, band_of, next_band
from services.scoring.operations import PURPOSE_NOT_ALLOWED, PastScore, Question, Scoring
from services.values.access import Reach, Rule
from services.values.errors import Refusal

log = structlog.get_logger(__name__)
UNKNOWN_PURPOSE = "UNKNOWN"
public = scoring_service_pb2
internal = scoring_internal_service_pb2

ACCESS = {
    "GetMyScore": Rule(renter=Reach.OWN),
    "ListMyScores": Rule(renter=Reach.OWN),
    "RecordFacts": Rule(operator=Reach.ANY),
}
"""Who may call what."""


class PublicServicer(ScoringServiceServicer):
    """ScoringService: people and operators."""

    def __init__(self, scoring: Scoring, model_version: str) -> None:
        self._scoring = scoring
        self._model_version = model_version

    async def GetMyScore(self, request: public.GetMyScoreRequest, context: Context) -> public.GetMyScoreResponse:
        explained = await self._scoring.explain(current_call().caller.id)
        response = public.GetMyScoreResponse(model_version=self._model_version)
        if explained.unscored is not None:
            response.unscored_reason = public.UnscoredReason.Value(f"UNSCORED_REASON_{explained.unscored}")
        if explained.assessment is not None and explained.computed_at is not None:
            response.MergeFrom(_assessment(explained.assessment))
            response.computed_at.FromDatetime(explained.computed_at)
            response.improvements.extend(public.Improvement(**asdict(step)) for step in explained.improvements)
        return response

    async def ListMyScores(self, request: public.ListMyScoresRequest, context: Context) -> public.ListMyScoresResponse:
        whose = current_call().caller.id
        found, more = await self._scoring.history(whose, request.page_size, request.page_token)
        return public.ListMyScoresResponse(scores=[_past(one) for one in found], next_page_token=more)

    async def RecordFacts(self, request: public.RecordFactsRequest, context: Context) -> public.RecordFactsResponse:
        outcomes = await self._scoring.record_facts([_fact(fact) for fact in request.facts])
        return public.RecordFactsResponse(statuses=[to_item_status(outcome) for outcome in outcomes])


class InternalServicer(ScoringInternalServiceServicer):
    """ScoringInternalService: deposits asks, everybody delivers."""

    def __init__(self, scoring: Scoring, admissions: Batcher[tuple[str, Question], Admittance]) -> None:
        self._scoring = scoring
        self._admissions = admissions

    async def Admit(
        self, requests: AsyncIterator[internal.AdmitRequest], context: Context
    ) -> AsyncIterator[internal.AdmitResponse]:
        async for response in serve_frames(requests, self._admit, _admit_response):
            yield response

    async def _admit(self, items: Sequence[internal.AdmitItem], push: Push) -> list[internal.AdmitResult]:
        outcomes = await self._admissions.submit_many([(item.item_id, _question(item)) for item in items])
        for item, outcome in zip(items, outcomes, strict=True):
            if isinstance(outcome, Refusal) and outcome.reason == PURPOSE_NOT_ALLOWED:
                log.warning("purpose_refused", purpose=_question(item).purpose or UNKNOWN_PURPOSE)
        return [_admit_result(item.item_id, outcome) for item, outcome in zip(items, outcomes, strict=True)]

    async def Deliver(self, request: internal.DeliverRequest, context: Context) -> internal.DeliverResponse:
        await self._scoring.deliver([_event(event) for event in request.events])
        return internal.DeliverResponse(statuses=[to_item_status(None) for _ in request.events])


def _assessment(assessment: Assessment) -> public.GetMyScoreResponse:
    response = public.GetMyScoreResponse(
        base_points=assessment.base_points,
        points=[
            public.Points(
                factor=line.factor,
                characteristic=line.characteristic,
                bin=line.bin,
                points=line.points,
                best_points=line.best_points,
            )
            for line in assessment.lines
        ],
        reasons=[public.Reason(code=r.code, text_en=r.text_en, text_zh=r.text_zh) for r in assessment.reasons],
        model_version=assessment.model_version,
    )
    if assessment.score is not None:
        response.score = assessment.score
        response.band = public.Band.Value(f"BAND_{band_of(assessment.score)}")
        above = next_band(assessment.score)
        if above is not None:
            response.next_band = public.Band.Value(f"BAND_{above[0]}")
            response.points_to_next_band = above[1]
    return response


def _past(one: PastScore) -> public.PastScore:
    past = public.PastScore(facts=one.facts, model_version=one.model_version, score=one.score)
    past.computed_at.FromDatetime(one.computed_at)
    return past


def _question(item: internal.AdmitItem) -> Question:
    purpose = internal.Purpose.Name(item.purpose) if item.purpose in internal.Purpose.values() else ""
    return Question(item.renter_id, item.threshold, purpose.removeprefix("PURPOSE_"))


def _admit_response(results: Sequence[Any]) -> internal.AdmitResponse:
    return internal.AdmitResponse(results=results)


def _admit_result(item_id: str, outcome: Admittance | Refusal) -> internal.AdmitResult:
    if isinstance(outcome, Refusal):
        return internal.AdmitResult(item_id=item_id, status=to_item_status(outcome))
    return internal.AdmitResult(
        item_id=item_id,
        outcome=internal.Outcome.Value(f"OUTCOME_{outcome.outcome}"),
        reason_codes=outcome.reason_codes,
        model_version=outcome.model_version,
        score=outcome.score,
    )


def _fact(fact: fact_pb2.Fact) -> Fact:
    kind = FactKind(fact_pb2.FactKind.Name(fact.kind).removeprefix("FACT_KIND_"))
    return Fact(fact.fact_id, fact.renter_id, kind, _moment(fact.occurred_at))


def _event(event: internal.ScoringEvent) -> Event:
    if event.WhichOneof("body") == "fact":
        return _fact(event.fact)
    granted = event.WhichOneof("body") == "consent_granted"
    body = event.consent_granted if granted else event.consent_withdrawn
    return ConsentChange(body.renter_id, granted, _moment(body.occurred_at))


def _moment(timestamp: Timestamp) -> datetime:
    return timestamp.ToDatetime(tzinfo=UTC)
