"""ScoringService: people read and comment, operators record and put right."""

from __future__ import annotations

from freehold.scoring.v1 import scoring_service_pb2 as pb
from freehold.scoring.v1.scoring_service_pb2_grpc import ScoringServiceServicer
from services.runtime.interceptors import Context, current_call
from services.runtime.statuses import to_item_status
from services.scoring.operations import Facts, Scorecards, Scoring, Told, Uses
from services.scoring.servicer.encoding import explained_pb, fact_from, known_fact_pb, past_pb, use_pb
from services.values.access import Reach, Rule
from services.values.clock import Clock

ACCESS = {
    "GetMyScore": Rule(renter=Reach.OWN),
    "ListMyScores": Rule(renter=Reach.OWN),
    "ListMyFacts": Rule(renter=Reach.OWN),
    "ListMyScoreUses": Rule(renter=Reach.OWN),
    "SetStatement": Rule(renter=Reach.OWN),
    "RecordFacts": Rule(operator=Reach.ANY),
    "CorrectFact": Rule(operator=Reach.ANY),
    "RetractFact": Rule(operator=Reach.ANY),
}
"""Who may call what."""


class PublicServicer(ScoringServiceServicer):
    """ScoringService."""

    def __init__(self, scoring: Scoring, facts: Facts, uses: Uses, cards: Scorecards, clock: Clock) -> None:
        self._scoring = scoring
        self._facts = facts
        self._uses = uses
        self._cards = cards
        self._clock = clock

    async def GetMyScore(self, request: pb.GetMyScoreRequest, context: Context) -> pb.GetMyScoreResponse:
        return explained_pb(await self._scoring.explain(current_call().caller.id), self._cards.served.champion.version)

    async def ListMyScores(self, request: pb.ListMyScoresRequest, context: Context) -> pb.ListMyScoresResponse:
        whose = current_call().caller.id
        found, more = await self._scoring.history(whose, request.page_size, request.page_token)
        return pb.ListMyScoresResponse(scores=[past_pb(one) for one in found], next_page_token=more)

    async def ListMyFacts(self, request: pb.ListMyFactsRequest, context: Context) -> pb.ListMyFactsResponse:
        whose = current_call().caller.id
        found, more = await self._facts.list_mine(whose, request.page_size, request.page_token)
        return pb.ListMyFactsResponse(facts=[self._known(told) for told in found], next_page_token=more)

    async def ListMyScoreUses(self, request: pb.ListMyScoreUsesRequest, context: Context) -> pb.ListMyScoreUsesResponse:
        whose = current_call().caller.id
        found, more = await self._uses.list_mine(whose, request.page_size, request.page_token)
        return pb.ListMyScoreUsesResponse(uses=[use_pb(use) for use in found], next_page_token=more)

    async def SetStatement(self, request: pb.SetStatementRequest, context: Context) -> pb.SetStatementResponse:
        whose = current_call().caller.id
        told = await self._facts.set_statement(whose, request.request_id, request.fact_id, request.statement)
        return pb.SetStatementResponse(fact=self._known(told))

    async def RecordFacts(self, request: pb.RecordFactsRequest, context: Context) -> pb.RecordFactsResponse:
        outcomes = await self._scoring.record_facts([fact_from(fact) for fact in request.facts])
        return pb.RecordFactsResponse(statuses=[to_item_status(outcome) for outcome in outcomes])

    async def CorrectFact(self, request: pb.CorrectFactRequest, context: Context) -> pb.CorrectFactResponse:
        who, fact = current_call().caller.id, fact_from(request.corrected)
        told = await self._facts.correct(who, request.request_id, fact, request.reason)
        return pb.CorrectFactResponse(fact=self._known(told))

    async def RetractFact(self, request: pb.RetractFactRequest, context: Context) -> pb.RetractFactResponse:
        told = await self._facts.retract(
            current_call().caller.id, request.request_id, request.renter_id, request.fact_id, request.reason
        )
        return pb.RetractFactResponse(fact=self._known(told))

    def _known(self, told: Told) -> pb.KnownFact:
        return known_fact_pb(told, self._clock.now())
