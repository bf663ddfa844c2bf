"""IdentityService: operators, partners' apps and people."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, timedelta

import structlog

from freehold.assets.v1 import asset_kind_pb2
from freehold.identity.v1 import identity_service_pb2 as public
from freehold.identity.v1.identity_service_pb2_grpc import IdentityServiceServicer
from services.identity.domain import (
    PURPOSES,
    ApiKeyScope,
    DocumentType,
    Renter,
    ReviewDecision,
    Standing,
    renter_not_found,
)
from services.identity.operations import Access, Accounts, Consents, Partners, Renters
from services.identity.operations.checks import Check
from services.identity.operations.renters import Registration
from services.identity.servicer.encoding import access_pb, api_key_pb, consent_pb, renter_pb, timestamp
from services.runtime.interceptors import Context, current_call
from services.runtime.statuses import OK, to_item_status
from services.values.access import ALL_STAFF, OWNERS, SERVING, Reach, Rule
from services.values.callers import Caller
from services.values.errors import Refusal

log = structlog.get_logger(__name__)
ANSWER_MARGIN_SECONDS = 0.3
ACCESS = {
    "RegisterPartner": Rule(operator=Reach.ANY),
    "CreateApiKey": Rule(operator=Reach.ANY, staff=OWNERS),
    "RotateApiKey": Rule(operator=Reach.ANY, staff=OWNERS),
    "RevokeApiKey": Rule(operator=Reach.ANY, staff=OWNERS),
    "ListApiKeys": Rule(operator=Reach.ANY, staff=OWNERS),
    "RegisterRenter": Rule(partner=Reach.OWN, scope="RENTERS"),
    "BatchRegisterRenters": Rule(partner=Reach.OWN, scope="RENTERS"),
    "BatchCheckRenters": Rule(partner=Reach.OWN, scope="RENTERS"),
    "BatchGetRenters": Rule(partner=Reach.OWN, operator=Reach.ANY, scope="RENTERS"),
    "GetRenter": Rule(partner=Reach.OWN, renter=Reach.OWN, operator=Reach.ANY, scope="RENTERS", staff=SERVING),
    "RetryVerification": Rule(partner=Reach.OWN, renter=Reach.OWN, scope="RENTERS"),
    "CheckFace": Rule(partner=Reach.OWN, scope="RENTERS"),
    "ReviewRenter": Rule(operator=Reach.ANY),
    "FreezeRenter": Rule(renter=Reach.OWN, operator=Reach.ANY),
    "UnfreezeRenter": Rule(operator=Reach.ANY),
    "RecoverRenter": Rule(operator=Reach.ANY),
    "MergeRenters": Rule(operator=Reach.ANY),
    "ShowRenter": Rule(operator=Reach.ANY),
    "ListAccesses": Rule(renter=Reach.OWN),
    "SendRenterCode": Rule(partner=Reach.OWN, scope="RENTERS"),
    "IssueRenterToken": Rule(partner=Reach.OWN, scope="RENTERS"),
    "RefreshRenterToken": Rule(partner=Reach.OWN, scope="RENTERS"),
    "EndRenterSessions": Rule(renter=Reach.OWN),
    "GetTokenKeys": Rule(partner=Reach.ANY, renter=Reach.ANY, operator=Reach.ANY, staff=ALL_STAFF),
    "LinkPartner": Rule(renter=Reach.OWN),
    "GrantConsent": Rule(renter=Reach.OWN),
    "WithdrawConsent": Rule(renter=Reach.OWN),
    "WithdrawAllConsents": Rule(renter=Reach.OWN),
    "ListConsents": Rule(renter=Reach.OWN),
}
"""Who may call what."""


class PublicServicer(IdentityServiceServicer):
    """IdentityService: operators, partners' apps and people."""

    def __init__(
        self,
        partners: Partners,
        renters: Renters,
        accounts: Accounts,
        access: Access,
        consents: Consents,
        check: Callable[[list[Check]], Awaitable[list[Standing | Refusal]]],
        jwks_json: str,
    ) -> None:
        self._partners = partners
        self._renters = renters
        self._accounts = accounts
        self._access = access
        self._consents = consents
        self._check = check
        self._jwks_json = jwks_json

    async def RegisterPartner(
        self, request: public.RegisterPartnerRequest, context: Context
    ) -> public.RegisterPartnerResponse:
        made = await self._partners.register(_caller().id, request.request_id, request.display_name)
        return public.RegisterPartnerResponse(
            partner=public.Partner(
                partner_id=made.partner_id, display_name=made.display_name, created_at=timestamp(made.created_at)
            )
        )

    async def CreateApiKey(self, request: public.CreateApiKeyRequest, context: Context) -> public.CreateApiKeyResponse:
        scopes = (public.ApiKeyScope.Name(scope).removeprefix("API_KEY_SCOPE_") for scope in request.scopes)
        key, secret = await self._partners.create_key(
            _caller(),
            request.request_id,
            request.partner_id,
            request.display_name,
            tuple(ApiKeyScope(scope) for scope in scopes),
            request.expires_at.ToDatetime(tzinfo=UTC) if request.HasField("expires_at") else None,
        )
        return public.CreateApiKeyResponse(api_key=api_key_pb(key), secret=secret)

    async def RotateApiKey(self, request: public.RotateApiKeyRequest, context: Context) -> public.RotateApiKeyResponse:
        overlap = timedelta(seconds=request.overlap_seconds)
        key, secret = await self._partners.rotate_key(_caller(), request.request_id, request.api_key_id, overlap)
        return public.RotateApiKeyResponse(api_key=api_key_pb(key), secret=secret)

    async def ListApiKeys(self, request: public.ListApiKeysRequest, context: Context) -> public.ListApiKeysResponse:
        found, more = await self._partners.list_keys(
            _caller(), request.partner_id, request.page_size, request.page_token
        )
        return public.ListApiKeysResponse(api_keys=[api_key_pb(key) for key in found], next_page_token=more)

    async def RevokeApiKey(self, request: public.RevokeApiKeyRequest, context: Context) -> public.RevokeApiKeyResponse:
        key = await self._partners.revoke_key(_caller(), request.request_id, request.api_key_id)
        return public.RevokeApiKeyResponse(api_key=api_key_pb(key))

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

    async def SendRenterCode(
        self, request: public.SendRenterCodeRequest, context: Context
    ) -> public.SendRenterCodeResponse:
        expires_at = await self._access.send_code(_caller().id, request.request_id, request.renter_id)
        return public.SendRenterCodeResponse(expires_at=timestamp(expires_at))

    async def IssueRenterToken(
        self, request: public.IssueRenterTokenRequest, context: Context
    ) -> public.IssueRenterTokenResponse:
        issued = await self._access.issue_token(_caller().id, request.request_id, request.renter_id, request.code)
        return public.IssueRenterTokenResponse(
            token=issued.token,
            expires_at=timestamp(issued.expires_at),
            refresh_token=issued.refresh,
            refresh_expires_at=timestamp(issued.refresh_expires_at),
        )

    async def RefreshRenterToken(
        self, request: public.RefreshRenterTokenRequest, context: Context
    ) -> public.RefreshRenterTokenResponse:
        issued = await self._access.refresh(_caller().id, request.request_id, request.refresh_token)
        return public.RefreshRenterTokenResponse(
            token=issued.token,
            expires_at=timestamp(issued.expires_at),
            refresh_token=issued.refresh,
            refresh_expires_at=timestamp(issued.refresh_expires_at),
        )

    async def EndRenterSessions(
        self, request: public.EndRenterSessionsRequest, context: Context
    ) -> public.EndRenterSessionsResponse:
        ended = await self._access.end_sessions(_caller().id, request.request_id)
        return public.EndRenterSessionsResponse(ended=ended)

    async def GetTokenKeys(self, request: public.GetTokenKeysRequest, context: Context) -> public.GetTokenKeysResponse:
        return public.GetTokenKeysResponse(jwks_json=self._jwks_json)

    async def LinkPartner(self, request: public.LinkPartnerRequest, context: Context) -> public.LinkPartnerResponse:
        linked_at = await self._renters.link(_caller().id, request.request_id, request.partner_id)
        return public.LinkPartnerResponse(linked_at=timestamp(linked_at))

    async def GrantConsent(self, request: public.GrantConsentRequest, context: Context) -> public.GrantConsentResponse:
        purpose = _purpose(request.purpose)
        if purpose not in PURPOSES:
            log.warning("purpose_refused", partner_id=request.partner_id)
        consent = await self._consents.grant(
            _caller().id, request.request_id, request.partner_id, purpose, request.text_version
        )
        return public.GrantConsentResponse(consent=consent_pb(consent))

    async def WithdrawAllConsents(
        self, request: public.WithdrawAllConsentsRequest, context: Context
    ) -> public.WithdrawAllConsentsResponse:
        ended = await self._consents.withdraw_all(_caller().id, request.request_id)
        return public.WithdrawAllConsentsResponse(withdrawn=ended)

    async def WithdrawConsent(
        self, request: public.WithdrawConsentRequest, context: Context
    ) -> public.WithdrawConsentResponse:
        purpose = _purpose(request.purpose)
        consent = await self._consents.withdraw(_caller().id, request.request_id, request.partner_id, purpose)
        return public.WithdrawConsentResponse(consent=consent_pb(consent))

    async def ListConsents(self, request: public.ListConsentsRequest, context: Context) -> public.ListConsentsResponse:
        found, more = await self._consents.list(_caller().id, request.page_size, request.page_token)
        return public.ListConsentsResponse(consents=[consent_pb(consent) for consent in found], next_page_token=more)


def _caller() -> Caller:
    return current_call().caller


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


def _purpose(value: int) -> str:
    known = public.ConsentPurpose.DESCRIPTOR.values_by_number
    return known[value].name.removeprefix("CONSENT_PURPOSE_") if value in known else ""
