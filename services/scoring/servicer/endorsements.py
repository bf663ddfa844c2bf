"""EndorsementService: people vouch for each other."""

from __future__ import annotations

from freehold.scoring.v1 import endorsement_service_pb2 as pb
from freehold.scoring.v1.endorsement_service_pb2_grpc import EndorsementServiceServicer
from services.runtime.interceptors import Context, current_call
from services.scoring.domain import Endorsement
from services.scoring.operations import Endorsements
from services.scoring.servicer.encoding import set_moment, timestamp_pb
from services.values.access import Reach, Rule

ENDORSEMENT_ACCESS = {
    "AskEndorsement": Rule(renter=Reach.OWN),
    "Endorse": Rule(renter=Reach.OWN),
    "EndEndorsement": Rule(renter=Reach.OWN),
    "ListMyEndorsements": Rule(renter=Reach.OWN),
}
"""Who may call what."""


class EndorsementServicer(EndorsementServiceServicer):
    """EndorsementService."""

    def __init__(self, endorsements: Endorsements) -> None:
        self._endorsements = endorsements

    async def AskEndorsement(self, request: pb.AskEndorsementRequest, context: Context) -> pb.AskEndorsementResponse:
        code, until = await self._endorsements.ask(current_call().caller.id, request.request_id)
        return pb.AskEndorsementResponse(code=code, expires_at=timestamp_pb(until))

    async def Endorse(self, request: pb.EndorseRequest, context: Context) -> pb.EndorseResponse:
        whose = current_call().caller.id
        given = await self._endorsements.endorse(whose, request.request_id, request.code)
        return pb.EndorseResponse(endorsement=_endorsement(given, whose))

    async def EndEndorsement(self, request: pb.EndEndorsementRequest, context: Context) -> pb.EndEndorsementResponse:
        whose = current_call().caller.id
        ended = await self._endorsements.end(whose, request.request_id, request.endorsement_id)
        return pb.EndEndorsementResponse(endorsement=_endorsement(ended, whose))

    async def ListMyEndorsements(
        self, request: pb.ListMyEndorsementsRequest, context: Context
    ) -> pb.ListMyEndorsementsResponse:
        whose = current_call().caller.id
        found = await self._endorsements.list_mine(whose)
        return pb.ListMyEndorsementsResponse(endorsements=[_endorsement(one, whose) for one in found])


def _endorsement(one: Endorsement, whose: str) -> pb.Endorsement:
    shown = pb.Endorsement(
        endorsement_id=one.endorsement_id, given=one.endorser_id == whose, given_at=timestamp_pb(one.given_at)
    )
    set_moment(shown.ended_at, one.ended_at)
    if one.end_reason is not None:
        shown.end = pb.EndorsementEnd.Value(f"ENDORSEMENT_END_{one.end_reason}")
    return shown
