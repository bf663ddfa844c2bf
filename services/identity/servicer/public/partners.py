"""Partners and their API keys."""

from __future__ import annotations

from datetime import UTC, timedelta

from freehold.identity.v1 import identity_service_pb2 as public
from services.identity.domain import ApiKeyScope
from services.identity.operations import Partners
from services.identity.servicer.encoding import api_key_pb, timestamp
from services.runtime.interceptors import Context, current_call
from services.values.callers import Caller


class PartnerRpcs:
    """Partners and their API keys."""

    _partners: Partners

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


def _caller() -> Caller:
    return current_call().caller
