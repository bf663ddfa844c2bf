"""Domain objects as protos."""

from __future__ import annotations

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from freehold.identity.v1 import identity_service_pb2 as public
from services.identity.domain import Access, ApiKey, Consent, Renter


def timestamp(moment: datetime) -> Timestamp:
    """A moment."""
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp


def renter_pb(renter: Renter) -> public.Renter:
    """A person, without personal data."""
    return public.Renter(
        renter_id=renter.renter_id,
        state=public.RenterState.Value(f"RENTER_STATE_{renter.state}"),
        phone_verified=renter.phone_verified,
        created_at=timestamp(renter.created_at),
        assurance_level=public.AssuranceLevel.Value(f"ASSURANCE_LEVEL_{renter.assurance_level}"),
        verified_until=timestamp(renter.verified_until) if renter.verified_until else None,
        merged_into=renter.merged_into,
    )


def access_pb(access: Access) -> public.Access:
    """One access to clear data."""
    return public.Access(
        access_id=access.access_id,
        actor=access.actor,
        fields=access.fields,
        reason=access.reason,
        accessed_at=timestamp(access.accessed_at),
    )


def api_key_pb(key: ApiKey) -> public.ApiKey:
    """A key without its secret."""
    return public.ApiKey(
        api_key_id=key.api_key_id,
        partner_id=key.partner_id,
        display_name=key.display_name,
        created_at=timestamp(key.created_at),
        revoked_at=timestamp(key.revoked_at) if key.revoked_at else None,
        scopes=[public.ApiKeyScope.Value(f"API_KEY_SCOPE_{scope}") for scope in key.scopes],
        expires_at=timestamp(key.expires_at) if key.expires_at else None,
        last_used_at=timestamp(key.last_used_at) if key.last_used_at else None,
    )


def consent_pb(consent: Consent) -> public.Consent:
    """An agreement."""
    return public.Consent(
        consent_id=consent.consent_id,
        partner_id=consent.partner_id,
        purpose=public.ConsentPurpose.Value(f"CONSENT_PURPOSE_{consent.purpose}"),
        text_version=consent.text_version,
        granted_at=timestamp(consent.granted_at),
        withdrawn_at=timestamp(consent.withdrawn_at) if consent.withdrawn_at else None,
    )
