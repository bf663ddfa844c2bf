"""Proto ⇄ domain for scoring's values."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from freehold.assets.v1 import asset_kind_pb2
from freehold.scoring.v1 import fact_pb2, scoring_service_pb2
from services.scoring.domain import (
    Assessment,
    Fact,
    FactKind,
    Gap,
    NegativeRecord,
    Use,
    band_of,
    characteristics_of,
    expiry_of,
    next_band,
)
from services.scoring.operations import Explained, PastScore, Told

pb = scoring_service_pb2


def fact_from(fact: fact_pb2.Fact) -> Fact:
    """A fact from the wire."""
    return Fact(
        fact.fact_id,
        fact.renter_id,
        FactKind(fact_pb2.FactKind.Name(fact.kind).removeprefix("FACT_KIND_")),
        moment_from(fact.occurred_at),
        fact.subject,
        fact.partner_id,
        fact.rental_seconds if fact.HasField("rental_seconds") else None,
        _record_from(fact.negative_record) if fact.HasField("negative_record") else None,
        fact.outside_score if fact.HasField("outside_score") else None,
    )


def _record_from(record: fact_pb2.NegativeRecord) -> NegativeRecord:
    return NegativeRecord(
        record.source,
        record.case_number,
        moment_from(record.settled_at) if record.HasField("settled_at") else None,
        moment_from(record.expires_at) if record.HasField("expires_at") else None,
    )


def fact_pb(fact: Fact) -> fact_pb2.Fact:
    """A fact for the wire."""
    shown = fact_pb2.Fact(
        fact_id=fact.fact_id,
        renter_id=fact.renter_id,
        kind=fact_pb2.FactKind.Value(f"FACT_KIND_{fact.kind}"),
        occurred_at=timestamp_pb(fact.occurred_at),
        subject=fact.subject,
        partner_id=fact.partner_id,
        rental_seconds=fact.rental_seconds,
        outside_score=fact.outside_score,
    )
    if fact.record is not None:
        record = fact_pb2.NegativeRecord(source=fact.record.source, case_number=fact.record.case_number)
        set_moment(record.settled_at, fact.record.settled_at)
        set_moment(record.expires_at, fact.record.expires_at)
        shown.negative_record.CopyFrom(record)
    return shown


def known_fact_pb(told: Told, now: datetime) -> scoring_service_pb2.KnownFact:
    """A fact as its person reads it."""
    recorded = told.recorded
    shown = pb.KnownFact(
        fact=fact_pb(recorded.fact),
        state=pb.FactState.Value(f"FACT_STATE_{recorded.state_at(now)}"),
        characteristics=characteristics_of(recorded.fact),
        recorded_at=timestamp_pb(recorded.recorded_at),
        revision=recorded.revision,
        change_reason=recorded.change_reason,
        statement=told.statement,
    )
    set_moment(shown.expires_at, expiry_of(recorded.fact))
    return shown


def explained_pb(explained: Explained, model_version: str) -> scoring_service_pb2.GetMyScoreResponse:
    """A person's own score, or why there is none."""
    response = pb.GetMyScoreResponse(model_version=model_version)
    if explained.unscored is not None:
        response.unscored_reason = pb.UnscoredReason.Value(f"UNSCORED_REASON_{explained.unscored}")
    if explained.assessment is not None and explained.computed_at is not None:
        response.MergeFrom(_assessment_pb(explained.assessment))
        response.computed_at.FromDatetime(explained.computed_at)
        response.improvements.extend(pb.Improvement(**asdict(step)) for step in explained.improvements)
        response.thresholds_missed.extend(_gap_pb(gap) for gap in explained.gaps)
        response.facts_version = explained.facts_version
    return response


def _assessment_pb(assessment: Assessment) -> scoring_service_pb2.GetMyScoreResponse:
    response = pb.GetMyScoreResponse(
        base_points=assessment.base_points,
        points=[pb.Points(**asdict(line)) for line in assessment.lines],
        reasons=[pb.Reason(code=r.code, text_en=r.text_en, text_zh=r.text_zh) for r in assessment.reasons],
        model_version=assessment.model_version,
    )
    if assessment.score is not None:
        response.score = assessment.score
        response.band = pb.Band.Value(f"BAND_{band_of(assessment.score)}")
        above = next_band(assessment.score)
        if above is not None:
            response.next_band = pb.Band.Value(f"BAND_{above[0]}")
            response.points_to_next_band = above[1]
    return response


def _gap_pb(gap: Gap) -> scoring_service_pb2.ThresholdGap:
    return pb.ThresholdGap(
        partner_id=gap.asked.partner_id,
        asset_kind=asset_kind_pb2.AssetKind.Value(f"ASSET_KIND_{gap.asked.asset_kind}"),
        threshold=gap.asked.threshold,
        points_short=gap.points_short,
        asked_at=timestamp_pb(gap.asked.asked_at),
    )


def past_pb(one: PastScore) -> scoring_service_pb2.PastScore:
    """One entry of a person's history."""
    return pb.PastScore(
        facts=one.facts,
        model_version=one.model_version,
        score=one.score,
        facts_version=one.facts_version,
        computed_at=timestamp_pb(one.computed_at),
    )


def use_pb(use: Use) -> scoring_service_pb2.ScoreUse:
    """One use of a score, as its person reads it: the threshold stands in ThresholdGap alone."""
    return pb.ScoreUse(
        use_id=use.use_id,
        partner_id=use.partner_id,
        asset_kind=asset_kind_pb2.AssetKind.Value(f"ASSET_KIND_{use.asset_kind}"),
        kind=use.kind,
        outcome=use.outcome,
        reason_codes=use.reason_codes,
        model_version=use.model_version,
        facts_version=use.facts_version,
        used_at=timestamp_pb(use.used_at),
        negative_record_ids=use.negative_record_ids,
    )


def moment_from(timestamp: Timestamp) -> datetime:
    """A moment from the wire, in UTC."""
    return timestamp.ToDatetime(tzinfo=UTC)


def timestamp_pb(moment: datetime) -> Timestamp:
    """A moment for the wire."""
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp


def set_moment(timestamp: Timestamp, moment: datetime | None) -> None:
    """Fills in a moment, unless there is none."""
    if moment is not None:
        timestamp.FromDatetime(moment)
