"""PrivacyService, for people; and PrivacyInternalService, for what the other services answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from freehold.identity.v1 import privacy_internal_service_pb2 as internal
from freehold.identity.v1 import privacy_service_pb2 as public
from freehold.identity.v1.privacy_internal_service_pb2_grpc import PrivacyInternalServiceServicer
from freehold.identity.v1.privacy_service_pb2_grpc import PrivacyServiceServicer
from services.identity.domain.privacy import HOLDERS, OURSELVES, Erasure, Export, Step, StepState
from services.identity.operations import Privacy
from services.identity.operations.ports import NewPart
from services.identity.servicer.encoding import timestamp
from services.runtime.interceptors import Context, current_call
from services.runtime.statuses import OK
from services.values.access import ALL_STAFF, Reach, Rule

CHUNK_BYTES = 2**16
PRIVACY_ACCESS = {
    "ExportMyData": Rule(renter=Reach.OWN),
    "GetExport": Rule(renter=Reach.OWN),
    "DownloadExport": Rule(renter=Reach.OWN),
    "EraseMe": Rule(renter=Reach.OWN),
    "CancelErasure": Rule(renter=Reach.OWN),
    "GetErasure": Rule(partner=Reach.ANY, renter=Reach.ANY, operator=Reach.ANY, staff=ALL_STAFF),
}
"""Who may call what."""


class PrivacyServicer(PrivacyServiceServicer):
    """PrivacyService: people, with their own token."""

    def __init__(self, privacy: Privacy) -> None:
        self._privacy = privacy

    async def ExportMyData(self, request: public.ExportMyDataRequest, context: Context) -> public.ExportMyDataResponse:
        export = await self._privacy.export(_renter(), request.request_id)
        return public.ExportMyDataResponse(export=_export(export))

    async def GetExport(self, request: public.GetExportRequest, context: Context) -> public.GetExportResponse:
        export = await self._privacy.get_export(_renter(), request.export_id)
        return public.GetExportResponse(export=_export(export))

    async def DownloadExport(
        self, request: public.DownloadExportRequest, context: Context
    ) -> AsyncIterator[public.DownloadExportResponse]:
        archive = await self._privacy.download(_renter(), request.export_id)
        for at in range(0, len(archive), CHUNK_BYTES):
            yield public.DownloadExportResponse(data=archive[at : at + CHUNK_BYTES])

    async def EraseMe(self, request: public.EraseMeRequest, context: Context) -> public.EraseMeResponse:
        erasure = await self._privacy.erase(_renter(), request.request_id)
        return public.EraseMeResponse(erasure=_erasure(erasure))

    async def CancelErasure(
        self, request: public.CancelErasureRequest, context: Context
    ) -> public.CancelErasureResponse:
        erasure = await self._privacy.cancel(_renter(), request.request_id, request.erasure_id)
        return public.CancelErasureResponse(erasure=_erasure(erasure))

    async def GetErasure(self, request: public.GetErasureRequest, context: Context) -> public.GetErasureResponse:
        erasure = await self._privacy.get_erasure(request.erasure_id)
        return public.GetErasureResponse(erasure=_erasure(erasure))


class PrivacyInternalServicer(PrivacyInternalServiceServicer):
    """PrivacyInternalService: the data holders, each known by its certificate."""

    def __init__(self, privacy: Privacy) -> None:
        self._privacy = privacy

    async def DeliverAnswers(
        self, request: internal.DeliverAnswersRequest, context: Context
    ) -> internal.DeliverAnswersResponse:
        holder = current_call().caller.id
        for answer in request.answers:
            await self._take(holder, answer)
        return internal.DeliverAnswersResponse(statuses=[OK for _ in request.answers])

    async def _take(self, holder: str, answer: internal.PrivacyAnswer) -> None:
        if answer.WhichOneof("body") == "export_part":
            part = answer.export_part
            new = NewPart(answer.job_id, part.number, part.last, part.data)
            await self._privacy.take_part(holder, answer.renter_id, new)
        else:
            await self._privacy.take_answer(holder, answer.renter_id, answer.job_id, _step_of(answer))


def _step_of(answer: internal.PrivacyAnswer) -> Step:
    body = answer.WhichOneof("body")
    if body == "ready":
        return Step(StepState.READY)
    if body == "blocked":
        return Step(StepState.BLOCKED, tuple(answer.blocked.reasons))
    return Step(StepState.ERASED, (), dict(answer.erased.erased), dict(answer.erased.kept))


def _renter() -> str:
    return current_call().caller.id


def _export(export: Export) -> public.Export:
    return public.Export(
        export_id=export.export_id,
        state=public.ExportState.Value(f"EXPORT_STATE_{export.state}"),
        asked_at=timestamp(export.asked_at),
        ready_at=_maybe(export.ready_at),
        expires_at=_maybe(export.expires_at),
    )


def _erasure(erasure: Erasure) -> public.Erasure:
    order = [*HOLDERS, OURSELVES]
    return public.Erasure(
        erasure_id=erasure.erasure_id,
        state=public.ErasureState.Value(f"ERASURE_STATE_{erasure.state}"),
        asked_at=timestamp(erasure.asked_at),
        erased_at=_maybe(erasure.erased_at),
        steps=[_step(service, erasure.steps[service]) for service in order if service in erasure.steps],
        receipt=erasure.receipt,
    )


def _step(service: str, step: Step) -> public.ErasureStep:
    return public.ErasureStep(
        service=service,
        state=public.ErasureStepState.Value(f"ERASURE_STEP_STATE_{step.state}"),
        reasons=step.reasons,
        erased=step.erased,
        kept=step.kept,
    )


def _maybe(moment: datetime | None) -> Timestamp | None:
    return None if moment is None else timestamp(moment)
