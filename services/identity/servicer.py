"""Proto ⇄ domain for identity: decode, call once, encode."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from freehold.assets.v1 import asset_kind_pb2
from freehold.identity.v1 import identity_internal_service_pb2, identity_service_pb2
from freehold.identity.v1.identity_internal_service_pb2_grpc import IdentityInternalServiceServicer
from freehold.identity.v1.identity_service_pb2_grpc import IdentityServiceServicer
from services.identity.domain import ApiKey, Consent, DocumentType, Renter, Standing
from services.identity.operations import Access, Consents, Partners, Renters
from services.identity.operations.checks import Check
from services.identity.operations.renters import Registration
from services.runtime.authenticators import invalid_credentials
from services.runtime.batching import Batcher
from services.runtime.frames import Push, serve_frames
from services.runtime.interceptors import Context, current_call
from services.runtime.statuses import to_item_status
from services.values.callers import Role
from services.values.errors import Refusal

public = identity_service_pb2
internal = identity_internal_service_pb2

BEAT_SECONDS = 0.2
ANSWER_MARGIN_SECONDS = 0.3
_OPERATOR, _PARTNER, _RENTER = frozenset({Role.OPERATOR}), frozenset({Role.PARTNER}), frozenset({Role.RENTER})
ACCESS = {
    "RegisterPartner": _OPERATOR,
    "CreateApiKey": _OPERATOR,
    "RevokeApiKey": _OPERATOR,
    "RegisterRenter": _PARTNER,
    "GetRenter": _PARTNER | _RENTER | _OPERATOR,
    "SendRenterCode": _PARTNER,
    "IssueRenterToken": _PARTNER,
    "LinkPartner": _RENTER,
    "GrantConsent": _RENTER,
    "WithdrawConsent": _RENTER,
    "ListConsents": _RENTER,
}


class PublicServicer(IdentityServiceServicer):
    """IdentityService: operators, partners' apps and people."""

    def __init__(self, partners: Partners, renters: Renters, access: Access, consents: Consents) -> None:
        self._partners = partners
        self._renters = renters
        self._access = access
        self._consents = consents

    async def RegisterPartner(
        self, request: public.RegisterPartnerRequest, context: Context
    ) -> public.RegisterPartnerResponse:
        made = await self._partners.register(_caller_id(), request.request_id, request.display_name)
        return public.RegisterPartnerResponse(
            partner=public.Partner(
                partner_id=made.partner_id, display_name=made.display_name, created_at=_timestamp(made.created_at)
            )
        )

    async def CreateApiKey(self, request: public.CreateApiKeyRequest, context: Context) -> public.CreateApiKeyResponse:
        key, secret = await self._partners.create_key(
            _caller_id(), request.request_id, request.partner_id, request.display_name
        )
        return public.CreateApiKeyResponse(api_key=_api_key(key), secret=secret)

    async def RevokeApiKey(self, request: public.RevokeApiKeyRequest, context: Context) -> public.RevokeApiKeyResponse:
        key = await self._partners.revoke_key(_caller_id(), request.request_id, request.api_key_id)
        return public.RevokeApiKeyResponse(api_key=_api_key(key))

    async def RegisterRenter(
        self, request: public.RegisterRenterRequest, context: Context
    ) -> public.RegisterRenterResponse:
        kind = DocumentType(public.DocumentType.Name(request.document_type).removeprefix("DOCUMENT_TYPE_"))
        registration = Registration(request.request_id, kind, request.document_number, request.full_name, request.phone)
        patience = current_call().remaining() - ANSWER_MARGIN_SECONDS
        renter = await self._renters.register(_caller_id(), registration, patience)
        return public.RegisterRenterResponse(renter=_renter(renter))

    async def GetRenter(self, request: public.GetRenterRequest, context: Context) -> public.GetRenterResponse:
        renter = await self._renters.get(current_call().caller, request.renter_id)
        return public.GetRenterResponse(renter=_renter(renter))

    async def SendRenterCode(
        self, request: public.SendRenterCodeRequest, context: Context
    ) -> public.SendRenterCodeResponse:
        expires_at = await self._access.send_code(_caller_id(), request.request_id, request.renter_id)
        return public.SendRenterCodeResponse(expires_at=_timestamp(expires_at))

    async def IssueRenterToken(
        self, request: public.IssueRenterTokenRequest, context: Context
    ) -> public.IssueRenterTokenResponse:
        token = await self._access.issue_token(_caller_id(), request.request_id, request.renter_id, request.code)
        return public.IssueRenterTokenResponse(token=token.text, expires_at=_timestamp(token.expires_at))

    async def LinkPartner(self, request: public.LinkPartnerRequest, context: Context) -> public.LinkPartnerResponse:
        linked_at = await self._renters.link(_caller_id(), request.request_id, request.partner_id)
        return public.LinkPartnerResponse(linked_at=_timestamp(linked_at))

    async def GrantConsent(self, request: public.GrantConsentRequest, context: Context) -> public.GrantConsentResponse:
        purpose = _purpose(request.purpose)
        consent = await self._consents.grant(
            _caller_id(), request.request_id, request.partner_id, purpose, request.text_version
        )
        return public.GrantConsentResponse(consent=_consent(consent))

    async def WithdrawConsent(
        self, request: public.WithdrawConsentRequest, context: Context
    ) -> public.WithdrawConsentResponse:
        purpose = _purpose(request.purpose)
        consent = await self._consents.withdraw(_caller_id(), request.request_id, request.partner_id, purpose)
        return public.WithdrawConsentResponse(consent=_consent(consent))

    async def ListConsents(self, request: public.ListConsentsRequest, context: Context) -> public.ListConsentsResponse:
        found, more = await self._consents.list(_caller_id(), request.page_size, request.page_token)
        return public.ListConsentsResponse(consents=[_consent(consent) for consent in found], next_page_token=more)


class InternalServicer(IdentityInternalServiceServicer):
    """IdentityInternalService: what the other services ask."""

    def __init__(self, partners: Partners, checks: Batcher[tuple[str, Check], Standing], jwks_json: str) -> None:
        self._partners = partners
        self._checks = checks
        self._jwks_json = jwks_json

    async def Authenticate(
        self, request: internal.AuthenticateRequest, context: Context
    ) -> internal.AuthenticateResponse:
        found = await self._partners.resolve([item.key_digest for item in request.items])
        unknown = to_item_status(invalid_credentials())
        return internal.AuthenticateResponse(
            results=[
                internal.AuthenticateResult(api_key_id=known[0], partner_id=known[1])
                if known
                else internal.AuthenticateResult(status=unknown)
                for known in found
            ]
        )

    async def GetVerificationKeys(
        self, request: internal.GetVerificationKeysRequest, context: Context
    ) -> internal.GetVerificationKeysResponse:
        return internal.GetVerificationKeysResponse(jwks_json=self._jwks_json)

    async def WatchCredentials(
        self, request: internal.WatchCredentialsRequest, context: Context
    ) -> AsyncIterator[internal.WatchCredentialsResponse]:
        while True:
            revoked = await self._partners.recently_revoked()
            yield internal.WatchCredentialsResponse(revoked_api_key_ids=revoked)
            await asyncio.sleep(BEAT_SECONDS)

    async def CheckRenters(
        self, requests: AsyncIterator[internal.CheckRentersRequest], context: Context
    ) -> AsyncIterator[internal.CheckRentersResponse]:
        async for response in serve_frames(requests, self._check, _check_response):
            yield response

    async def _check(self, items: Sequence[internal.CheckRenterItem], push: Push) -> list[internal.CheckRenterResult]:
        outcomes = await self._checks.submit_many([(item.item_id, _check(item)) for item in items])
        return [_check_result(item.item_id, outcome) for item, outcome in zip(items, outcomes, strict=True)]


def _caller_id() -> str:
    return current_call().caller.id


def _purpose(value: int) -> str:
    known = public.ConsentPurpose.DESCRIPTOR.values_by_number
    return known[value].name.removeprefix("CONSENT_PURPOSE_") if value in known else ""


def _check(item: internal.CheckRenterItem) -> Check:
    kind = asset_kind_pb2.AssetKind.Name(item.asset_kind).removeprefix("ASSET_KIND_")
    return Check(item.renter_id, item.partner_id, "" if kind == "UNSPECIFIED" else kind)


def _check_response(results: Sequence[Any]) -> internal.CheckRentersResponse:
    return internal.CheckRentersResponse(results=results)


def _check_result(item_id: str, outcome: Standing | Refusal) -> internal.CheckRenterResult:
    if isinstance(outcome, Refusal):
        return internal.CheckRenterResult(item_id=item_id, status=to_item_status(outcome))
    return internal.CheckRenterResult(
        item_id=item_id,
        verified=outcome.verified,
        linked=outcome.linked,
        old_enough=outcome.old_enough,
        scoring_consent=outcome.scoring_consent,
    )


def _timestamp(moment: datetime) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp


def _renter(renter: Renter) -> public.Renter:
    return public.Renter(
        renter_id=renter.renter_id,
        state=public.RenterState.Value(f"RENTER_STATE_{renter.state}"),
        phone_verified=renter.phone_verified,
        created_at=_timestamp(renter.created_at),
    )


def _api_key(key: ApiKey) -> public.ApiKey:
    return public.ApiKey(
        api_key_id=key.api_key_id,
        partner_id=key.partner_id,
        display_name=key.display_name,
        created_at=_timestamp(key.created_at),
        revoked_at=_timestamp(key.revoked_at) if key.revoked_at else None,
    )


def _consent(consent: Consent) -> public.Consent:
    return public.Consent(
        consent_id=consent.consent_id,
        partner_id=consent.partner_id,
        purpose=public.ConsentPurpose.Value(f"CONSENT_PURPOSE_{consent.purpose}"),
        text_version=consent.text_version,
        granted_at=_timestamp(consent.granted_at),
        withdrawn_at=_timestamp(consent.withdrawn_at) if consent.withdrawn_at else None,
    )
