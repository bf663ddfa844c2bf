"""DisputeService: people disagree, operators decide."""

from __future__ import annotations

from freehold.scoring.v1 import dispute_service_pb2 as pb
from freehold.scoring.v1.dispute_service_pb2_grpc import DisputeServiceServicer
from services.runtime.interceptors import Context, current_call
from services.scoring.domain import DisputeState
from services.scoring.operations import Case, Disputes, Ruling
from services.scoring.servicer.encoding import fact_from, known_fact_pb, set_moment, timestamp_pb, use_pb
from services.values.access import Reach, Rule
from services.values.clock import Clock

DISPUTE_ACCESS = {
    "OpenDispute": Rule(renter=Reach.OWN),
    "WithdrawDispute": Rule(renter=Reach.OWN),
    "ListMyDisputes": Rule(renter=Reach.OWN),
    "ListOpenDisputes": Rule(operator=Reach.ANY),
    "DecideDispute": Rule(operator=Reach.ANY),
}
"""Who may call what."""


class DisputeServicer(DisputeServiceServicer):
    """DisputeService."""

    def __init__(self, disputes: Disputes, clock: Clock) -> None:
        self._disputes = disputes
        self._clock = clock

    async def OpenDispute(self, request: pb.OpenDisputeRequest, context: Context) -> pb.OpenDisputeResponse:
        case = await self._disputes.open(
            current_call().caller.id, request.request_id, request.fact_id, request.use_id, request.statement
        )
        return pb.OpenDisputeResponse(dispute=self._case(case))

    async def WithdrawDispute(self, request: pb.WithdrawDisputeRequest, context: Context) -> pb.WithdrawDisputeResponse:
        case = await self._disputes.withdraw(current_call().caller.id, request.request_id, request.dispute_id)
        return pb.WithdrawDisputeResponse(dispute=self._case(case))

    async def ListMyDisputes(self, request: pb.ListMyDisputesRequest, context: Context) -> pb.ListMyDisputesResponse:
        whose = current_call().caller.id
        found, more = await self._disputes.list_mine(whose, request.page_size, request.page_token)
        return pb.ListMyDisputesResponse(disputes=[self._case(case) for case in found], next_page_token=more)

    async def ListOpenDisputes(
        self, request: pb.ListOpenDisputesRequest, context: Context
    ) -> pb.ListOpenDisputesResponse:
        found, more = await self._disputes.list_open(request.page_size, request.page_token)
        return pb.ListOpenDisputesResponse(disputes=[self._case(case) for case in found], next_page_token=more)

    async def DecideDispute(self, request: pb.DecideDisputeRequest, context: Context) -> pb.DecideDisputeResponse:
        ruling = Ruling(
            DisputeState(pb.DisputeState.Name(request.decision).removeprefix("DISPUTE_STATE_")),
            current_call().caller.id,
            request.reason,
            fact_from(request.corrected) if request.HasField("corrected") else None,
        )
        case = await self._disputes.decide(request.request_id, request.dispute_id, ruling)
        return pb.DecideDisputeResponse(dispute=self._case(case))

    def _case(self, case: Case) -> pb.Dispute:
        dispute = case.dispute
        shown = pb.Dispute(
            dispute_id=dispute.dispute_id,
            renter_id=dispute.renter_id,
            fact=None if case.fact is None else known_fact_pb(case.fact, self._clock.now()),
            use=None if case.use is None else use_pb(case.use),
            statement=dispute.statement,
            state=pb.DisputeState.Value(f"DISPUTE_STATE_{dispute.state}"),
            opened_at=timestamp_pb(dispute.opened_at),
            due_at=timestamp_pb(dispute.due_at),
            reason=dispute.reason,
            score_before=dispute.score_before,
            score_after=dispute.score_after,
        )
        set_moment(shown.decided_at, dispute.decided_at)
        return shown
