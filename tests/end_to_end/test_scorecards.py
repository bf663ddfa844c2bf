"""Another scorecard put into service while everything runs: shadow, comparison, promotion, and back again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from town import Town, new_id, refused

from freehold.deposits.v1 import deposits_service_pb2 as deposits
from freehold.scoring.v1 import scorecard_service_pb2 as scorecards
from freehold.scoring.v1 import scoring_service_pb2 as scoring
from services.scoring.models import DEFAULT_SCORECARD

OTHER = "bike-1"
BIKE = "ASSET_KIND_BIKE"


async def call(town: Town, rpc: Any, request: Any) -> Any:
    """A call by the operator."""
    return await town.api.call(rpc, request, town.operator)


async def promote(town: Town, version: str, *, unchecked: bool = True) -> None:
    """Puts it into service and waits until everybody is recomputed."""
    request = scorecards.PromoteScorecardRequest(
        request_id=new_id(), model_version=version, reason="for the test", unchecked=unchecked
    )
    assert (await call(town, town.api.scorecards.PromoteScorecard, request)).champion == version
    await until_recomputed(town, version)


async def until_recomputed(town: Town, version: str) -> None:
    """Waits for the walk."""
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        known = await call(town, town.api.scorecards.GetScorecards, scorecards.GetScorecardsRequest())
        latest = known.recomputations[0]
        assert latest.model_version == version
        if latest.HasField("finished_at"):
            assert 0 < latest.done <= latest.total, "whoever had a new fact meanwhile was scored by that"
            return
        await asyncio.sleep(0.1)
    raise AssertionError("everybody should have been recomputed by now")


@pytest_asyncio.fixture
async def back_again(town: Town) -> AsyncIterator[None]:
    """Whatever happens, the town goes on with the scorecard that it began with."""
    yield
    known = await call(town, town.api.scorecards.GetScorecards, scorecards.GetScorecardsRequest())
    if known.champion != DEFAULT_SCORECARD:
        await promote(town, DEFAULT_SCORECARD)
    nobody = scorecards.SetChallengerRequest(request_id=new_id(), reason="the test is over")
    assert (await call(town, town.api.scorecards.SetChallenger, nobody)).challenger == ""


async def mine(town: Town, token: str) -> scoring.GetMyScoreResponse:
    """A person's own score."""
    answer: scoring.GetMyScoreResponse = await town.api.call(
        town.api.scoring.GetMyScore, scoring.GetMyScoreRequest(), token
    )
    return answer


async def test_a_challenger_is_shadowed_compared_promoted_and_taken_back(town: Town, back_again: None) -> None:
    renter = await town.new_person(score=640)
    known = await call(town, town.api.scorecards.GetScorecards, scorecards.GetScorecardsRequest())
    assert {OTHER, DEFAULT_SCORECARD} <= {card.model_version for card in known.scorecards}
    assert (known.champion, known.challenger) == (DEFAULT_SCORECARD, "")

    unknown = scorecards.SetChallengerRequest(request_id=new_id(), model_version="bike-9", reason="no")
    assert (await refused(call(town, town.api.scorecards.SetChallenger, unknown))).reason == "SCORECARD_NOT_FOUND"
    challenge = scorecards.SetChallengerRequest(request_id=new_id(), model_version=OTHER, reason="an older one")
    assert (await call(town, town.api.scorecards.SetChallenger, challenge)).challenger == OTHER
    assert (await call(town, town.api.scorecards.SetChallenger, challenge)).challenger == OTHER
    await until_recomputed(town, OTHER)
    assert (await mine(town, renter.token)).score == 640

    early = scorecards.PromoteScorecardRequest(request_id=new_id(), model_version=OTHER, reason="at once")
    assert (await refused(call(town, town.api.scorecards.PromoteScorecard, early))).reason == "SCORECARD_NOT_COMPARED"
    preview = deposits.PreviewDepositRequest(renter_id=renter.renter_id, asset_kind=BIKE)
    await town.api.call(town.api.deposits.PreviewDeposit, preview, town.key)
    started = await town.start(town.renter("above").renter_id, await town.new_bike())
    await town.end(started.rental_id)
    compared = await call(town, town.api.scorecards.CompareChallenger, scorecards.CompareChallengerRequest())
    assert (compared.champion, compared.challenger) == (DEFAULT_SCORECARD, OTHER)
    assert sum(pair.decisions for pair in compared.decisions) >= 2
    assert sum(cell.people for cell in compared.shifts) > 0

    await promote(town, OTHER)
    after = await mine(town, renter.token)
    assert after.model_version == OTHER
    assert after.score == after.base_points + sum(line.points for line in after.points)
    (ours,) = [card for card in known.scorecards if card.model_version == DEFAULT_SCORECARD]
    assert {line.characteristic for line in after.points} < set(ours.characteristics)
    await promote(town, DEFAULT_SCORECARD)
    assert (await mine(town, renter.token)).score == 640
    past = await town.api.call(town.api.scoring.ListMyScores, scoring.ListMyScoresRequest(), renter.token)
    assert [one.model_version for one in past.scores[:3]] == [DEFAULT_SCORECARD, OTHER, DEFAULT_SCORECARD]
