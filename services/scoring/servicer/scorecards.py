"""ScorecardService: operators put scorecards into service."""

from __future__ import annotations

from freehold.scoring.v1 import scorecard_service_pb2 as pb
from freehold.scoring.v1.scorecard_service_pb2_grpc import ScorecardServiceServicer
from services.runtime.interceptors import Context, current_call
from services.scoring.domain import Model
from services.scoring.domain.serving import Pass
from services.scoring.operations import Scorecards
from services.scoring.servicer.encoding import set_moment, timestamp_pb
from services.values.access import Reach, Rule

SCORECARD_ACCESS = {
    "GetScorecards": Rule(operator=Reach.ANY),
    "SetChallenger": Rule(operator=Reach.ANY),
    "CompareChallenger": Rule(operator=Reach.ANY),
    "PromoteScorecard": Rule(operator=Reach.ANY),
}
"""Who may call what."""


class ScorecardServicer(ScorecardServiceServicer):
    """ScorecardService."""

    def __init__(self, cards: Scorecards) -> None:
        self._cards = cards

    async def GetScorecards(self, request: pb.GetScorecardsRequest, context: Context) -> pb.GetScorecardsResponse:
        passes = await self._cards.passes()
        served = self._cards.served
        return pb.GetScorecardsResponse(
            scorecards=[_scorecard(model) for _, model in sorted(self._cards.known.items())],
            champion=served.champion.version,
            challenger=served.challenger.version if served.challenger else "",
            recomputations=[_pass(one) for one in passes],
        )

    async def SetChallenger(self, request: pb.SetChallengerRequest, context: Context) -> pb.SetChallengerResponse:
        served = await self._cards.challenge(
            current_call().caller.id, request.request_id, request.model_version, request.reason
        )
        return pb.SetChallengerResponse(challenger=served.challenger.version if served.challenger else "")

    async def CompareChallenger(
        self, request: pb.CompareChallengerRequest, context: Context
    ) -> pb.CompareChallengerResponse:
        found = await self._cards.compare()
        return pb.CompareChallengerResponse(
            champion=found.champion,
            challenger=found.challenger,
            decisions=[
                pb.DecisionPair(champion=pair.champion, challenger=pair.challenger, decisions=pair.decisions)
                for pair in found.pairs
            ],
            shifts=[pb.ShiftCell(from_points=shift.from_points, people=shift.people) for shift in found.shifts],
        )

    async def PromoteScorecard(
        self, request: pb.PromoteScorecardRequest, context: Context
    ) -> pb.PromoteScorecardResponse:
        who = current_call().caller.id
        served = await self._cards.promote(
            who, request.request_id, request.model_version, request.reason, unchecked=request.unchecked
        )
        return pb.PromoteScorecardResponse(champion=served.champion.version)


def _scorecard(model: Model) -> pb.Scorecard:
    return pb.Scorecard(
        model_version=model.version,
        method=model.training.method,
        rationale=model.training.rationale,
        characteristics=[characteristic.name for characteristic in model.characteristics],
        base_points=model.base_points,
        minimum_experience=model.minimum_experience,
    )


def _pass(one: Pass) -> pb.Recomputation:
    shown = pb.Recomputation(
        model_version=one.model_version,
        shadow=one.shadow,
        done=one.done,
        total=one.total,
        started_at=timestamp_pb(one.started_at),
    )
    set_moment(shown.finished_at, one.finished_at)
    return shown
