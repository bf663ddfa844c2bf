"""People, as partners, operators and they themselves see and change them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from freehold.assets.v1 import asset_kind_pb2
from freehold.identity.v1 import identity_service_pb2 as public
from services.identity.domain import DocumentType, Renter, ReviewDecision, Standing, renter_not_found
from services.identity.operations import Accounts, Renters
from services.identity.operations.checks import Check
from services.identity.operations.renters import Registration
from services.identity.servicer.encoding import access_pb, renter_pb
from services.runtime.interceptors import Context, current_call
from services.runtime.statuses import OK, to_item_status
from services.values.callers import Caller
from services.values.errors import Refusal

ANSWER_MARGIN_SECONDS = 0.3
CheckAll = Callable[[list[Check]], Awaitable[list[Standing | Refusal]]]


class RenterRpcs:
    """People, as partners, operators and they themselves see and change them."""

    _renters: Renters
    _accounts: Accounts
    _check: CheckAll

    async def RegisterRenter(
        self, request: public.RegisterRenterRequest, context: Context
    ) -> public.RegisterRenterResponse:
        patience = current_call().remaining() - ANSWER_MARGIN_SECONDS
        renter = await self._renters.register(_caller().id, _registration(request), patience)
        return public.RegisterRenterResponse(renter=renter_pb(renter))

    async def BatchRegisterRenters(
        self, request: public.BatchRegisterRentersRequest, context: Context
    ) -> public.BatchRegisterRentersResponse:
        asked = [_registration(one) for one in request.requests]
        outcomes = await self._renters.register_all(_caller().id, asked)
        return public.BatchRegisterRentersResponse(results=[_result(outcome) for outcome in outcomes])

    async def BatchGetRenters(
        self, request: public.BatchGetRentersRequest, context: Context
    ) -> public.BatchGetRentersResponse:
        outcomes = await self._renters.get_all(_caller(), request.renter_ids)
        return public.BatchGetRentersResponse(results=[_result(outcome) for outcome in outcomes])

    async def BatchCheckRenters(
        self, request: public.BatchCheckRentersRequest, context: Context
    ) -> public.BatchCheckRentersResponse:
        partner_id = _caller().id
        asked = [
            Check(one.renter_id, partner_id, asset_kind_pb2.AssetKind.Name(one.asset_kind).removeprefix("ASSET_KIND_"))
            for one in request.questions
        ]
        return public.BatchCheckRentersResponse(answers=[_answer(outcome) for outcome in await self._check(asked)])

    async def GetRenter(self, request: public.GetRenterRequest, context: Context) -> public.GetRenterResponse:
        renter = await self._renters.get(_caller(), request.renter_id)
        return public.GetRenterResponse(renter=renter_pb(renter))

    async def RetryVerification(
        self, request: public.RetryVerificationRequest, context: Context
    ) -> public.RetryVerificationResponse:
        renter = await self._accounts.retry(_caller(), request.request_id, request.renter_id)
        return public.RetryVerificationResponse(renter=renter_pb(renter))

    async def CheckFace(self, request: public.CheckFaceRequest, context: Context) -> public.CheckFaceResponse:
        renter = await self._accounts.check_face(_caller(), request.request_id, request.renter_id, request.face_token)
        return public.CheckFaceResponse(renter=renter_pb(renter))

    async def ReviewRenter(self, request: public.ReviewRenterRequest, context: Context) -> public.ReviewRenterResponse:
        decision = ReviewDecision(public.ReviewDecision.Name(request.decision).removeprefix("REVIEW_DECISION_"))
        renter = await self._accounts.review(_caller(), request.request_id, request.renter_id, decision, request.reason)
        return public.ReviewRenterResponse(renter=renter_pb(renter))

    async def FreezeRenter(self, request: public.FreezeRenterRequest, context: Context) -> public.FreezeRenterResponse:
        renter = await self._accounts.freeze(_caller(), request.request_id, request.renter_id, request.reason)
        return public.FreezeRenterResponse(renter=renter_pb(renter))

    async def UnfreezeRenter(
        self, request: public.UnfreezeRenterRequest, context: Context
    ) -> public.UnfreezeRenterResponse:
        renter = await self._accounts.unfreeze(_caller(), request.request_id, request.renter_id, request.reason)
        return public.UnfreezeRenterResponse(renter=renter_pb(renter))

    async def RecoverRenter(
        self, request: public.RecoverRenterRequest, context: Context
    ) -> public.RecoverRenterResponse:
        renter = await self._accounts.recover(
            _caller(), request.request_id, request.renter_id, request.phone, request.reason
        )
        return public.RecoverRenterResponse(renter=renter_pb(renter))

    async def MergeRenters(self, request: public.MergeRentersRequest, context: Context) -> public.MergeRentersResponse:
        renter = await self._accounts.merge(
            _caller(), request.request_id, request.from_renter_id, request.into_renter_id, request.reason
        )
        return public.MergeRentersResponse(renter=renter_pb(renter))

    async def ShowRenter(self, request: public.ShowRenterRequest, context: Context) -> public.ShowRenterResponse:
        person = await self._accounts.show(_caller(), request.renter_id, request.reason)
        return public.ShowRenterResponse(
            document_type=public.DocumentType.Value(f"DOCUMENT_TYPE_{person.document_type}"),
            document_number=person.document_number,
            full_name=person.full_name,
            phone=person.phone,
        )

    async def ListAccesses(self, request: public.ListAccessesRequest, context: Context) -> public.ListAccessesResponse:
        found, more = await self._accounts.accesses(_caller().id, request.page_size, request.page_token)
        return public.ListAccessesResponse(accesses=[access_pb(one) for one in found], next_page_token=more)


def _registration(request: public.RegisterRenterRequest) -> Registration:
    kind = DocumentType(public.DocumentType.Name(request.document_type).removeprefix("DOCUMENT_TYPE_"))
    return Registration(request.request_id, kind, request.document_number, request.full_name, request.phone)


def _result(outcome: Renter | Refusal) -> public.RenterResult:
    if isinstance(outcome, Refusal):
        return public.RenterResult(status=to_item_status(outcome))
    return public.RenterResult(status=OK, renter=renter_pb(outcome))


def _answer(outcome: Standing | Refusal) -> public.RenterAnswer:
    """To a partner that has no link to them, a person does not exist."""
    if isinstance(outcome, Refusal) or not outcome.linked:
        return public.RenterAnswer(status=to_item_status(renter_not_found()))
    obstacles = [
        obstacle
        for obstacle, stands in (
            (public.RENTER_OBSTACLE_NOT_VERIFIED, not outcome.verified),
            (public.RENTER_OBSTACLE_TOO_YOUNG, not outcome.old_enough),
        )
        if stands
    ]
    return public.RenterAnswer(status=OK, may_rent=not obstacles, obstacles=obstacles)


def _caller() -> Caller:
    return current_call().caller
