"""IdentityInternalService: what the other services ask."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from freehold.assets.v1 import asset_kind_pb2
from freehold.identity.v1 import identity_internal_service_pb2 as internal
from freehold.identity.v1 import identity_service_pb2 as public
from freehold.identity.v1 import staff_service_pb2 as staff
from freehold.identity.v1.identity_internal_service_pb2_grpc import IdentityInternalServiceServicer
from services.identity.domain import ApiKey, Standing
from services.identity.domain.notices import News
from services.identity.domain.staff import StaffSession
from services.identity.operations import Logins, Notices, Partners
from services.identity.operations.checks import Check
from services.identity.operations.logins import resolve_credentials
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

    def __init__(
        self,
        partners: Partners,
        logins: Logins,
        notices: Notices,
        checks: Batcher[tuple[str, Check], Standing],
        jwks_json: str,
    ) -> None:
        self._partners = partners
        self._logins = logins
        self._notices = notices
        self._checks = checks
        self._jwks_json = jwks_json

    async def Authenticate(
        self, request: internal.AuthenticateRequest, context: Context
    ) -> internal.AuthenticateResponse:
        digests = [item.key_digest for item in request.items]
        found = await resolve_credentials(self._partners, self._logins, digests)
        return internal.AuthenticateResponse(results=[_authenticated(one) for one in found])

    async def GetVerificationKeys(
        self, request: internal.GetVerificationKeysRequest, context: Context
    ) -> internal.GetVerificationKeysResponse:
        return internal.GetVerificationKeysResponse(jwks_json=self._jwks_json)

    async def WatchCredentials(
        self, request: internal.WatchCredentialsRequest, context: Context
    ) -> AsyncIterator[internal.WatchCredentialsResponse]:
        while True:
            revoked = await self._partners.recently_revoked() + await self._logins.recently_ended()
            yield internal.WatchCredentialsResponse(revoked_api_key_ids=revoked)
            await asyncio.sleep(BEAT_SECONDS)

    async def Deliver(self, request: internal.DeliverRequest, context: Context) -> internal.DeliverResponse:
        outcomes = await asyncio.gather(*(self._tell(event) for event in request.events))
        return internal.DeliverResponse(statuses=[to_item_status(outcome) for outcome in outcomes])

    async def _tell(self, event: internal.PersonNews) -> Refusal | None:
        news = News(internal.NewsKind.Name(event.kind).removeprefix("NEWS_KIND_"))
        try:
            await self._notices.tell("scoring", event.event_id, event.renter_id, news)
        except Refusal as refusal:
            return refusal
        return None

    async def CheckRenters(
        self, requests: AsyncIterator[internal.CheckRentersRequest], context: Context
    ) -> AsyncIterator[internal.CheckRentersResponse]:
        async for response in serve_frames(requests, self._check, _check_response):
            yield response

    async def _check(self, items: Sequence[internal.CheckRenterItem], push: Push) -> list[internal.CheckRenterResult]:
        outcomes = await self._checks.submit_many([(item.item_id, _check(item)) for item in items])
        return [_check_result(item.item_id, outcome) for item, outcome in zip(items, outcomes, strict=True)]


def _authenticated(found: ApiKey | StaffSession | None) -> internal.AuthenticateResult:
    match found:
        case None:
            return internal.AuthenticateResult(status=to_item_status(invalid_credentials()))
        case ApiKey():
            return internal.AuthenticateResult(
                api_key_id=found.api_key_id,
                partner_id=found.partner_id,
                scopes=found.scopes,
                expires_at=timestamp(found.expires_at) if found.expires_at else None,
            )
        case StaffSession():
            return internal.AuthenticateResult(
                api_key_id=found.session_id,
                partner_id=found.partner_id,
                staff_id=found.staff_id,
                staff_role=staff.StaffRole.Value(f"STAFF_ROLE_{found.role}"),
                expires_at=timestamp(found.expires_at),
            )


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
        assurance_level=public.AssuranceLevel.Value(f"ASSURANCE_LEVEL_{outcome.assurance_level}"),
    )
