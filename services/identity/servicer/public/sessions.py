"""Codes, tokens, links and agreements of people."""

from __future__ import annotations

import structlog

from freehold.identity.v1 import identity_service_pb2 as public
from services.identity.domain import PURPOSES
from services.identity.operations import Access, Consents, Renters
from services.identity.servicer.encoding import consent_pb, timestamp
from services.runtime.interceptors import Context, current_call
from services.values.callers import Caller

log = structlog.get_logger(__name__)
UNKNOWN_PURPOSE = "UNKNOWN"


class SessionRpcs:
    """Codes, tokens, links and agreements of people."""

    _access: Access
    _renters: Renters
    _consents: Consents
    _jwks_json: str

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
            log.warning("purpose_refused", partner_id=request.partner_id, purpose=purpose or UNKNOWN_PURPOSE)
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


def _purpose(value: int) -> str:
    known = public.ConsentPurpose.DESCRIPTOR.values_by_number
    return known[value].name.removeprefix("CONSENT_PURPOSE_") if value in known else ""


def _caller() -> Caller:
    return current_call().caller
