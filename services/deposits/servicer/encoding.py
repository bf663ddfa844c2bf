"""What the servicers of deposits share: policies, kinds, outcomes and moments, on the wire and off it."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from freehold.assets.v1 import asset_kind_pb2
from freehold.deposits.v1 import deposits_service_pb2 as pb
from freehold.identity.v1 import identity_service_pb2 as identity
from freehold.money.v1 import money_pb2
from services.deposits.domain import AdmittanceOutcome, AssuranceLevel, Policy, PolicyDraft
from services.deposits.domain.policies import Tier
from services.values.money import Money


def draft_from(partner_id: str, request: pb.SetPolicyRequest) -> PolicyDraft:
    """What a partner asks for."""
    ahead = request.effective_at.ToDatetime(tzinfo=UTC) if request.HasField("effective_at") else None
    return PolicyDraft(
        partner_id,
        kind_of(request.asset_kind),
        request.threshold,
        money_of(request.deposit),
        request.max_open_waived,
        request.reason,
        request.city,
        request.asset_class,
        request.rent_multiple_tenths,
        tuple(map(tier_from, request.tiers)),
        request.max_waived_minor,
        request.clean_record_years,
        AssuranceLevel(request.required_assurance_level),
        ahead,
    )


def policy_pb(policy: Policy) -> pb.Policy:
    """A version as it stands."""
    draft = policy.draft
    return pb.Policy(
        policy_id=policy.policy_id,
        partner_id=draft.partner_id,
        asset_kind=asset_kind_pb2.AssetKind.Value(f"ASSET_KIND_{draft.asset_kind}"),
        version=policy.version,
        threshold=draft.threshold,
        deposit=money_pb(draft.deposit.currency, draft.deposit.amount_minor),
        max_open_waived=draft.max_open_waived,
        reason=draft.reason,
        author=policy.author,
        effective_at=timestamp_pb(policy.effective_at),
        city=draft.city,
        asset_class=draft.asset_class,
        rent_multiple_tenths=draft.rent_multiple_tenths,
        tiers=[tier_pb(tier) for tier in draft.tiers],
        max_waived_minor=draft.max_waived_minor,
        clean_record_years=draft.clean_record_years,
        required_assurance_level=assurance_pb(draft.required_assurance),
        state=pb.PolicyState.Value(f"POLICY_STATE_{policy.state}"),
        approval_reasons=[pb.ApprovalReason.Value(f"APPROVAL_REASON_{reason}") for reason in policy.approval_reasons],
        ruled_by=policy.ruled_by,
        ruling_reason=policy.ruling_reason,
        created_at=timestamp_pb(policy.created_at),
    )


def tier_from(tier: pb.PolicyTier) -> Tier:
    """A reduced deposit from the wire."""
    return Tier(tier.above, tier.percent, tier.amount_minor)


def tier_pb(tier: Tier) -> pb.PolicyTier:
    """A reduced deposit on the wire."""
    if tier.amount_minor:
        return pb.PolicyTier(above=tier.above, amount_minor=tier.amount_minor)
    return pb.PolicyTier(above=tier.above, percent=tier.percent)


def assurance_pb(level: AssuranceLevel) -> identity.AssuranceLevel.ValueType:
    """The level on the wire."""
    return identity.AssuranceLevel.Value(f"ASSURANCE_LEVEL_{level.name}")


def kind_of(value: asset_kind_pb2.AssetKind.ValueType) -> str:
    """The kind's name without its prefix."""
    return asset_kind_pb2.AssetKind.Name(value).removeprefix("ASSET_KIND_")


def outcome_pb(outcome: AdmittanceOutcome) -> pb.AdmittanceOutcome.ValueType:
    """The outcome on the wire; NONE is unspecified."""
    if outcome is AdmittanceOutcome.NONE:
        return pb.ADMITTANCE_OUTCOME_UNSPECIFIED
    return pb.AdmittanceOutcome.Value(f"ADMITTANCE_OUTCOME_{outcome}")


def money_of(amount: money_pb2.Money) -> Money:
    """An amount from the wire."""
    return Money(amount.currency_code, amount.amount_minor)


def money_pb(currency: str, amount_minor: int) -> money_pb2.Money:
    """An amount on the wire."""
    return money_pb2.Money(currency_code=currency, amount_minor=amount_minor)


def timestamp_pb(moment: datetime) -> Timestamp:
    """A moment on the wire."""
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp
