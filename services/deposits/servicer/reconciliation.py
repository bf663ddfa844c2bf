"""Proto ⇄ domain for reconciliation: operators only."""

from __future__ import annotations

from datetime import UTC

from freehold.deposits.v1 import reconciliation_service_pb2 as pb
from freehold.deposits.v1.reconciliation_service_pb2_grpc import ReconciliationServiceServicer
from services.deposits.domain.reconciling import (
    TWO_OPERATORS,
    Amounts,
    Difference,
    DifferenceKind,
    DifferenceState,
    Run,
    Sums,
)
from services.deposits.operations.reconciling import Deciding
from services.deposits.servicer.encoding import timestamp_pb
from services.runtime.interceptors import Context, current_call
from services.values.access import Reach, Rule

_OPERATORS = Rule(operator=Reach.ANY)
RECONCILIATION_ACCESS = {
    "RunReconciliation": _OPERATORS,
    "GetReconciliation": _OPERATORS,
    "ListDifferences": _OPERATORS,
    "ConfirmRepair": _OPERATORS,
    "DismissDifference": _OPERATORS,
}
"""Who may call what."""


class ReconciliationServicer(ReconciliationServiceServicer):
    """ReconciliationService."""

    def __init__(self, deciding: Deciding) -> None:
        self._deciding = deciding

    async def RunReconciliation(
        self, request: pb.RunReconciliationRequest, context: Context
    ) -> pb.RunReconciliationResponse:
        since = request.since.ToDatetime(UTC)
        until = request.until.ToDatetime(UTC) if request.HasField("until") else None
        operator = current_call().caller.id
        run = await self._deciding.run(operator, request.request_id, request.processor, since, until)
        return pb.RunReconciliationResponse(reconciliation=_run(run))

    async def GetReconciliation(
        self, request: pb.GetReconciliationRequest, context: Context
    ) -> pb.GetReconciliationResponse:
        return pb.GetReconciliationResponse(reconciliation=_run(await self._deciding.get(request.run_id)))

    async def ListDifferences(self, request: pb.ListDifferencesRequest, context: Context) -> pb.ListDifferencesResponse:
        kind = pb.DifferenceKind.Name(request.kind).removeprefix("DIFFERENCE_KIND_")
        state = pb.DifferenceState.Name(request.state).removeprefix("DIFFERENCE_STATE_")
        found, more = await self._deciding.list(
            request.processor,
            DifferenceKind(kind) if request.kind else None,
            DifferenceState(state) if request.state else None,
            request.page_size,
            request.page_token,
        )
        return pb.ListDifferencesResponse(differences=[_difference(one) for one in found], next_page_token=more)

    async def ConfirmRepair(self, request: pb.ConfirmRepairRequest, context: Context) -> pb.ConfirmRepairResponse:
        asked = (current_call().caller.id, request.request_id, request.difference_id)
        return pb.ConfirmRepairResponse(difference=_difference(await self._deciding.confirm(*asked)))

    async def DismissDifference(
        self, request: pb.DismissDifferenceRequest, context: Context
    ) -> pb.DismissDifferenceResponse:
        asked = (current_call().caller.id, request.request_id, request.difference_id, request.reason)
        return pb.DismissDifferenceResponse(difference=_difference(await self._deciding.dismiss(*asked)))


def _run(run: Run) -> pb.Reconciliation:
    counts = run.counts
    return pb.Reconciliation(
        run_id=run.run_id,
        processor=run.processor,
        since=timestamp_pb(run.since),
        until=timestamp_pb(run.until),
        state=pb.ReconciliationState.Value(f"RECONCILIATION_STATE_{run.state}"),
        reached=timestamp_pb(run.reached),
        created_at=timestamp_pb(run.created_at),
        finished_at=timestamp_pb(run.finished_at) if run.finished_at else None,
        requested_by=run.requested_by,
        payments=counts.payments,
        in_flight=counts.in_flight,
        unsettled=counts.unsettled,
        differences=counts.differences,
        totals=[
            pb.ReconciliationTotal(currency_code=currency, ours=_sums(sides.ours), theirs=_sums(sides.theirs))
            for currency, sides in sorted(counts.totals.items())
        ],
        failure=run.failure,
    )


def _sums(sums: Sums) -> pb.ReconciliationSums:
    return pb.ReconciliationSums(
        authorized_minor=sums.authorized_minor,
        captured_minor=sums.captured_minor,
        refunded_minor=sums.refunded_minor,
        open_minor=sums.open_minor,
    )


def _difference(difference: Difference) -> pb.Difference:
    finding = difference.finding
    return pb.Difference(
        difference_id=difference.difference_id,
        kind=pb.DifferenceKind.Value(f"DIFFERENCE_KIND_{finding.kind}"),
        state=pb.DifferenceState.Value(f"DIFFERENCE_STATE_{difference.state}"),
        repair=pb.Repair.Value(f"REPAIR_{finding.repair}"),
        needs_two=finding.repair in TWO_OPERATORS,
        processor=finding.processor,
        deposit_id=finding.deposit_id,
        operation_id=finding.operation_id,
        reference=finding.reference,
        currency_code=finding.currency,
        ours=_amounts(finding.ours),
        theirs=_amounts(finding.theirs),
        occurred_at=timestamp_pb(finding.at),
        first_seen_at=timestamp_pb(difference.first_seen_at),
        last_seen_at=timestamp_pb(difference.last_seen_at),
        run_id=difference.run_id,
        confirmed_by=difference.confirmed_by,
        approved_by=difference.approved_by,
        reason=difference.reason,
        outcome=difference.outcome,
    )


def _amounts(amounts: Amounts) -> pb.PaymentAmounts:
    return pb.PaymentAmounts(
        authorized_minor=amounts.authorized_minor,
        captured_minor=amounts.captured_minor,
        released_minor=amounts.released_minor,
        expired_minor=amounts.expired_minor,
        open_minor=amounts.open_minor,
    )
