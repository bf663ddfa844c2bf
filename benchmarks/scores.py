"""Scoring under load: admittance as deposits asks it, in frames over mutual TLS, and facts as rental tells them.

Every answer is checked: admitted is who lies strictly above. pgbench reads one score a statement beside it.
"""

from __future__ import annotations

import itertools
import uuid
from datetime import UTC, datetime
from typing import Any

from benchmarks.houses import House
from benchmarks.loops import closed_loop, raw_database
from benchmarks.population import SCORE, SCORED, renter_id
from benchmarks.yardstick import ADMIT
from freehold.scoring.v1 import fact_pb2
from freehold.scoring.v1 import scoring_internal_service_pb2 as scoring
from freehold.scoring.v1.scoring_internal_service_pb2_grpc import ScoringInternalServiceStub
from services.cli.ready import Ready
from services.runtime.channels import open_channel
from services.runtime.frames import FrameClient
from services.values.errors import Refusal

FRAME, FRAMES_IN_FLIGHT = 64, 8
FACTS_IN_A_CALL, CALLS_IN_FLIGHT = 64, 4
ANSWER_SECONDS = 10.0


class WrongAnswer(AssertionError):
    """A decision that does not fit the score."""


async def admittance(house: House, ready: Ready, seconds: float) -> dict[str, Any]:
    """Frames of 64, eight in flight; a lone question; and pgbench. Thresholds lie on both sides of the score."""
    channel = open_channel(ready.services["scoring"]["internal"], "scoring", ready.home.tls, "deposits")
    frames: FrameClient[scoring.AdmitItem, scoring.AdmitResult] = FrameClient(
        ScoringInternalServiceStub(channel).Admit,
        lambda items: scoring.AdmitRequest(items=items),
        lambda response: response.results,
    )
    numbers = itertools.count()

    async def ask(count: int) -> int:
        items = [_question(number) for number in itertools.islice(numbers, count)]
        for item, result in zip(items, await frames.ask(items, ANSWER_SECONDS), strict=True):
            if isinstance(result, Refusal) or result.outcome != _decided(result.score, item.threshold):
                raise WrongAnswer(str(result))
        return count

    try:
        await closed_loop(lambda: ask(FRAME), FRAMES_IN_FLIGHT, 1.0)
        framed = await closed_loop(lambda: ask(FRAME), FRAMES_IN_FLIGHT, seconds)
        lone = await closed_loop(lambda: ask(1), 1, seconds)
    finally:
        await frames.close()
        await channel.close()
    raw = await raw_database(ready, house, ADMIT, seconds)
    return {
        "vs_pgbench": round(framed.figure()["per_second"] / raw.per_second, 2),
        f"frames_of_{FRAME}": framed.figure(),
        "lone": lone.figure(),
        "pgbench": {"clients": raw.clients, "per_second": round(raw.per_second, 1)},
    }


def _decided(score: int, threshold: int) -> scoring.Outcome.ValueType:
    return scoring.OUTCOME_ADMITTED if score > threshold else scoring.OUTCOME_NOT_ADMITTED


def _question(number: int) -> scoring.AdmitItem:
    return scoring.AdmitItem(
        item_id=str(number),
        renter_id=renter_id(number % SCORED),
        threshold=SCORE - 1 + number % 2,
        purpose=scoring.PURPOSE_DEPOSIT_WAIVER,
    )


async def facts(house: House, ready: Ready, seconds: float) -> dict[str, Any]:
    """Facts that change a score: many people a call, and one alone, each timed until the new score is in force."""
    channel = open_channel(ready.services["scoring"]["internal"], "scoring", ready.home.tls, "rental")
    stub: Any = ScoringInternalServiceStub(channel)
    people = itertools.cycle(range(SCORED))

    async def tell(count: int) -> int:
        request = scoring.DeliverRequest(events=[_event(next(people)) for _ in range(count)])
        answer = await stub.Deliver(request, timeout=ANSWER_SECONDS)
        if any(status.code for status in answer.statuses):
            raise WrongAnswer(str(answer.statuses))
        return count

    try:
        batched = await closed_loop(lambda: tell(FACTS_IN_A_CALL), CALLS_IN_FLIGHT, seconds)
        lone = await closed_loop(lambda: tell(1), 1, seconds)
    finally:
        await channel.close()
    return {f"batches_of_{FACTS_IN_A_CALL}": batched.figure(), "lone": lone.figure()}


def _event(number: int) -> scoring.ScoringEvent:
    """A rental that began."""
    fact_id = uuid.uuid4().hex
    fact = fact_pb2.Fact(fact_id=fact_id, renter_id=renter_id(number), kind=fact_pb2.FACT_KIND_RENTAL_STARTED)
    fact.occurred_at.FromDatetime(datetime.now(UTC))
    return scoring.ScoringEvent(event_id=fact_id, fact=fact)
