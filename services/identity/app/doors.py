"""What identity is reached by: three public services, two internal ones, and who may call them."""

from __future__ import annotations

import json

from joserfc.jwk import KeySet

from freehold.identity.v1 import (
    identity_internal_service_pb2,
    identity_internal_service_pb2_grpc,
    identity_service_pb2,
    identity_service_pb2_grpc,
    privacy_internal_service_pb2,
    privacy_internal_service_pb2_grpc,
    privacy_service_pb2,
    privacy_service_pb2_grpc,
    staff_service_pb2,
    staff_service_pb2_grpc,
)
from services.identity.app.rooms import Rooms
from services.identity.app.settings import SERVICE, Settings
from services.identity.domain import ApiKey, Standing
from services.identity.domain.staff import StaffSession
from services.identity.keys import Keys, verification_keys
from services.identity.operations.checks import Check
from services.identity.operations.logins import resolve_credentials
from services.identity.servicer import (
    ACCESS,
    LIMITS,
    PRIVACY_ACCESS,
    STAFF_ACCESS,
    InternalServicer,
    PrivacyInternalServicer,
    PrivacyServicer,
    PublicServicer,
    StaffServicer,
)
from services.runtime.authenticators import Credentials, KnownKey, invalid_credentials, known_key, known_session
from services.runtime.batching import Batcher
from services.runtime.server import InternalService, PublicService, Server
from services.runtime.telemetry import Tracer
from services.values.errors import Refusal

_OTHERS = frozenset({"scoring", "deposits", "rental"})
INTERNAL_CALLERS = dict.fromkeys(("Authenticate", "GetVerificationKeys", "WatchCredentials", "CheckRenters"), _OTHERS)
INTERNAL_CALLERS["Deliver"] = frozenset({"scoring"})
PRIVACY_CALLERS = {"DeliverAnswers": _OTHERS}
"""Which services may call what."""


def open_doors(settings: Settings, tracer: Tracer, keys: Keys, rooms: Rooms) -> Server:
    """The server over the rooms."""
    verifying = verification_keys(keys)
    jwks = json.dumps(verifying.as_dict(private=False))

    async def resolve(digests: list[bytes]) -> list[KnownKey | Refusal]:
        return [_known(found) for found in await resolve_credentials(rooms.partners, rooms.logins, digests)]

    async def fetch_keys() -> KeySet:
        return verifying

    authenticate = Credentials(resolve, fetch_keys).authenticate
    return Server(SERVICE, settings, authenticate, _public(rooms, jwks), _internal(rooms, jwks), tracer)


def _public(rooms: Rooms, jwks: str) -> list[PublicService]:
    people = (rooms.renters, rooms.accounts, rooms.access, rooms.consents, rooms.checks.check)
    return [
        PublicService(
            identity_service_pb2.DESCRIPTOR.services_by_name["IdentityService"],
            identity_service_pb2_grpc.add_IdentityServiceServicer_to_server,
            PublicServicer(rooms.partners, *people, jwks),
            ACCESS,
            LIMITS,
        ),
        PublicService(
            privacy_service_pb2.DESCRIPTOR.services_by_name["PrivacyService"],
            privacy_service_pb2_grpc.add_PrivacyServiceServicer_to_server,
            PrivacyServicer(rooms.privacy),
            PRIVACY_ACCESS,
        ),
        PublicService(
            staff_service_pb2.DESCRIPTOR.services_by_name["StaffService"],
            staff_service_pb2_grpc.add_StaffServiceServicer_to_server,
            StaffServicer(rooms.staff, rooms.logins),
            STAFF_ACCESS,
        ),
    ]


def _internal(rooms: Rooms, jwks: str) -> list[InternalService]:
    async def check(items: list[tuple[str, Check]]) -> list[Standing | Refusal]:
        return await rooms.checks.check([item for _, item in items])

    checks: Batcher[tuple[str, Check], Standing] = Batcher("check_renters", check, key=lambda item: item[0])
    return [
        InternalService(
            identity_internal_service_pb2.DESCRIPTOR.services_by_name["IdentityInternalService"],
            identity_internal_service_pb2_grpc.add_IdentityInternalServiceServicer_to_server,
            InternalServicer(rooms.partners, rooms.logins, rooms.notices, checks, jwks),
            INTERNAL_CALLERS,
        ),
        InternalService(
            privacy_internal_service_pb2.DESCRIPTOR.services_by_name["PrivacyInternalService"],
            privacy_internal_service_pb2_grpc.add_PrivacyInternalServiceServicer_to_server,
            PrivacyInternalServicer(rooms.privacy),
            PRIVACY_CALLERS,
        ),
    ]


def _known(found: ApiKey | StaffSession | None) -> KnownKey | Refusal:
    match found:
        case None:
            return invalid_credentials()
        case ApiKey():
            return known_key(found.api_key_id, found.partner_id, found.scopes, found.expires_at)
        case StaffSession():
            whose = (found.session_id, found.partner_id, found.staff_id, found.role)
            return known_session(*whose, found.expires_at)
