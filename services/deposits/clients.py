"""Calls of deposits to other services: admittance from scoring, standing from identity, events to both neighbours."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import grpc

from freehold.assets.v1 import asset_kind_pb2
from freehold.deposits.v1 import deposits_service_pb2
from freehold.identity.v1 import identity_internal_service_pb2 as identity
from freehold.identity.v1.identity_internal_service_pb2_grpc import IdentityInternalServiceStub
from freehold.rental.v1 import rental_internal_service_pb2 as rental
from freehold.rental.v1.rental_internal_service_pb2_grpc import RentalInternalServiceStub
from freehold.scoring.v1 import fact_pb2
from freehold.scoring.v1 import scoring_internal_service_pb2 as scoring
from freehold.scoring.v1.scoring_internal_service_pb2_grpc import ScoringInternalServiceStub
from services.deposits.domain import AdmittanceOutcome, AssuranceLevel
from services.deposits.operations.ports import Answer, Question, RenterAtPartner
from services.runtime.frames import FrameClient
from services.runtime.outbox import OutboxRow
from services.runtime.statuses import of_item_status
from services.values.errors import Refusal

ADMIT_SECONDS = 1.0
CHECK_SECONDS = 2.0
DELIVER_SECONDS = 5.0
SCORES_USED = "SCORES_USED"


class ScoringClient:
    """Implements `Scoring` over a stream of frames."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._numbers = itertools.count()
        self._frames: FrameClient[scoring.AdmitItem, scoring.AdmitResult] = FrameClient(
            ScoringInternalServiceStub(channel).Admit,
            lambda items: scoring.AdmitRequest(items=items),
            lambda response: response.results,
        )

    async def admit(self, questions: Sequence[Question]) -> list[Answer | Refusal]:
        """One answer per question; UPSTREAM_UNAVAILABLE when scoring does not answer within a second."""
        items = [
            scoring.AdmitItem(
                item_id=str(next(self._numbers)),
                renter_id=question.renter_id,
                threshold=question.threshold,
                purpose=scoring.PURPOSE_DEPOSIT_WAIVER,
                traceparent=question.traceparent,
                higher_thresholds=question.higher,
                clean_record_years=question.clean_record_years,
            )
            for question in questions
        ]
        results = await self._frames.ask(items, ADMIT_SECONDS)
        return [r if isinstance(r, Refusal) else of_item_status(r.status) or _answer(r) for r in results]

    async def close(self) -> None:
        """Ends the stream."""
        await self._frames.close()


def _answer(result: scoring.AdmitResult) -> Answer:
    outcome = AdmittanceOutcome(scoring.Outcome.Name(result.outcome).removeprefix("OUTCOME_"))
    score = result.score if result.HasField("score") else None
    codes = tuple(result.reason_codes)
    return Answer(outcome, codes, result.model_version, score, result.facts_version, result.tier)


class IdentityClient:
    """Implements `Identity`, and asks for consent on behalf of the relay."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._numbers = itertools.count()
        self._frames: FrameClient[identity.CheckRenterItem, identity.CheckRenterResult] = FrameClient(
            IdentityInternalServiceStub(channel).CheckRenters,
            lambda items: identity.CheckRentersRequest(items=items),
            lambda response: response.results,
        )

    async def check(self, renter_id: str, partner_id: str) -> RenterAtPartner:
        """One person; raises RENTER_NOT_FOUND or UPSTREAM_UNAVAILABLE."""
        (standing,) = await self.check_all([(renter_id, partner_id)])
        if isinstance(standing, Refusal):
            raise standing
        return standing

    async def check_all(self, people: Sequence[tuple[str, str]]) -> list[RenterAtPartner | Refusal]:
        """One answer per (renter_id, partner_id), in order, in one frame."""
        items = [
            identity.CheckRenterItem(item_id=str(next(self._numbers)), renter_id=renter_id, partner_id=partner_id)
            for renter_id, partner_id in people
        ]
        results = await self._frames.ask(items, CHECK_SECONDS)
        return [
            r
            if isinstance(r, Refusal)
            else of_item_status(r.status)
            or RenterAtPartner(r.linked, r.scoring_consent, AssuranceLevel(r.assurance_level))
            for r in results
        ]

    async def close(self) -> None:
        """Ends the stream."""
        await self._frames.close()


class ScoringEvents:
    """Delivers facts to scoring, but only of people who consent at this very moment, and uses of its own answers."""

    def __init__(self, channel: grpc.aio.Channel, identity_client: IdentityClient) -> None:
        self._stub = ScoringInternalServiceStub(channel)
        self._identity = identity_client

    async def deliver(self, rows: Sequence[OutboxRow]) -> list[bool]:
        """Whether each event is done with: taken, or not to be told because there is no consent.

        Uses are told without asking: scoring was asked only about people who consented then.
        """
        silent = await self._silent([row for row in rows if row.kind != SCORES_USED])
        told = [row for row in rows if row.event_id not in silent]
        taken: set[str] = set()
        if told:
            request = scoring.DeliverRequest(events=[_event(row) for row in told])
            answer = await self._stub.Deliver(request, timeout=DELIVER_SECONDS)
            taken = {row.event_id for row, status in zip(told, answer.statuses, strict=True) if status.code == 0}
        return [row.event_id in taken or silent.get(row.event_id, False) for row in rows]

    async def _silent(self, facts: Sequence[OutboxRow]) -> dict[str, bool]:
        """The facts that are not told now, and whether they never will be: their people do not consent, or are gone."""
        standings = await self._identity.check_all([(row.renter_id, "") for row in facts]) if facts else []
        return {
            row.event_id: _keeps_silent(standing)
            for row, standing in zip(facts, standings, strict=True)
            if isinstance(standing, Refusal) or not standing.scoring_consent
        }


def _keeps_silent(standing: RenterAtPartner | Refusal) -> bool:
    """Nothing is told of people who do not consent, or who are no more."""
    if isinstance(standing, Refusal):
        return standing.reason == "RENTER_NOT_FOUND"
    return not standing.scoring_consent


def _event(row: OutboxRow) -> scoring.ScoringEvent:
    event = scoring.ScoringEvent(event_id=row.event_id)
    if row.kind == SCORES_USED:
        event.scores_used.uses.extend(_use(use) for use in row.payload["uses"])
        return event
    event.fact.fact_id = row.payload["fact_id"]
    event.fact.renter_id = row.renter_id
    event.fact.kind = fact_pb2.FactKind.Value(f"FACT_KIND_{row.kind}")
    event.fact.occurred_at.FromDatetime(datetime.fromisoformat(row.payload["occurred_at"]))
    return event


def _use(use: dict[str, Any]) -> scoring.ScoreUsed:
    used = scoring.ScoreUsed(
        use_id=use["use_id"],
        renter_id=use["renter_id"],
        partner_id=use["partner_id"],
        asset_kind=asset_kind_pb2.AssetKind.Value(f"ASSET_KIND_{use['asset_kind']}"),
        kind=scoring.UseKind.Value(f"USE_KIND_{use['kind']}"),
        threshold=use["threshold"],
        outcome=scoring.Outcome.Value(f"OUTCOME_{use['outcome']}"),
        reason_codes=use["reason_codes"],
        model_version=use["model_version"],
        facts_version=use["facts_version"],
    )
    used.used_at.FromDatetime(datetime.fromisoformat(use["used_at"]))
    return used


class RentalEvents:
    """Tells rental how far deposits and charges have come."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = RentalInternalServiceStub(channel)

    async def deliver(self, rows: Sequence[OutboxRow]) -> list[bool]:
        """Whether rental took each event."""
        request = rental.DeliverRequest(events=[_deposit_event(row) for row in rows])
        answer = await self._stub.Deliver(request, timeout=DELIVER_SECONDS)
        return [status.code == 0 for status in answer.statuses]


def _deposit_event(row: OutboxRow) -> rental.DepositEvent:
    payload = row.payload
    event = rental.DepositEvent(
        event_id=row.event_id,
        rental_id=payload["rental_id"],
        deposit_state=deposits_service_pb2.DepositState.Value(f"DEPOSIT_STATE_{payload['deposit_state']}"),
        payment_status=deposits_service_pb2.PaymentStatus.Value(f"PAYMENT_STATUS_{payload['payment_status']}"),
    )
    if payload.get("hold_event"):
        event.hold_event = rental.HoldEvent.Value(f"HOLD_EVENT_{payload['hold_event']}")
    event.occurred_at.FromDatetime(datetime.fromisoformat(payload["occurred_at"]))
    return event
