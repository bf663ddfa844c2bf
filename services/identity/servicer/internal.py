"""IdentityInternalService: what the other services ask."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from freehold.assets.v1 import asset_kind_pb2
from freehold.identity.v1 import identity_internal_service_pb2 as internal
from freehold.identity.v1.identity_internal_service_pb2_grpc import IdentityInternalServiceServicer
from services.identity.domain import Standing
from services.identity.operations import Partners
from services.identity.operations.checks import Check
from services.identity.servicer.encoding import timestamp
from services.runtime.authenticators import invalid_credentials
from services.runtime.batching import Batcher
from services.runtime.frames import Push, serve_frames
from services.runtime.interceptors import Context
from services.runtime.statuses import to_item_status
from services.values.errors import Refusal

BEAT_SECONDS = 0.2


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
                internal.AuthenticateResult(
                    api_key_id=key.api_key_id,
                    partner_id=key.partner_id,
                    scopes=key.scopes,
                    expires_at=timestamp(key.expires_at) if key.expires_at else None,
                )
                if key
                else internal.AuthenticateResult(status=unknown)
                for key in found
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
